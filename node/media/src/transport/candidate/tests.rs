//! What candidates are let through, by hand and by chance.

use proptest::prelude::*;
use veche_protocol::call::media::IceSetup;

use super::*;

const HOST: &str = "candidate:842163049 1 udp 1677729535 198.51.100.7 45664 typ host";

fn stranger() -> Ways {
    Ways::default()
}

fn contact() -> Ways {
    Ways { ice: IceSetup { peer_is_contact: true, ..IceSetup::default() }, loopback: false }
}

fn local() -> Ways {
    Ways { ice: IceSetup { lan_only: true, ..IceSetup::default() }, loopback: false }
}

fn with_address(address: &str, kind: &str) -> String {
    format!("candidate:1 1 udp 2130706431 {address} 40000 typ {kind}")
}

fn verdict(line: &str, ways: &Ways) -> Result<(), CandidateRefusal> {
    Candidate::parse(line)?.may_be_tried(ways)
}

#[test]
fn what_chromium_and_webrtc_write_is_read() {
    for line in [
        "candidate:842163049 1 udp 1677729535 93.184.216.34 45664 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag Fc7m network-cost 999",
        "a=candidate:2 1 UDP 2130706431 192.168.1.20 50000 typ host generation 0",
        "candidate:foo+/ 1 udp 1 2a00:1450::1 65535 typ relay raddr :: rport 9",
    ] {
        let candidate = Candidate::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(Candidate::parse(&candidate.line()), Ok(candidate), "{line}");
    }
}

#[test]
fn a_related_address_is_not_passed_on() {
    let line = "candidate:1 1 udp 100 93.184.216.34 45664 typ srflx raddr 192.168.1.20 rport 5000 ufrag secret";
    let told = Candidate::parse(line).unwrap().line();
    assert!(!told.contains("192.168") && !told.contains("secret"), "{told}");
}

#[test]
fn malformed_lines_are_refused() {
    use CandidateRefusal::{Malformed, Name, Transport};
    for (line, why) in [
        ("", Malformed),
        ("candidate:", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 5 kind host", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ guest", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 0 typ host", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 65536 typ host", Malformed),
        ("candidate:1 1 udp +1 1.2.3.4 5 typ host", Malformed),
        ("candidate:1 1 udp 0 1.2.3.4 5 typ host", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ host raddr", Malformed),
        ("candidate:ä 1 udp 1 1.2.3.4 5 typ host", Malformed),
        ("candidate:1 1 udp 1 1.2.3.4 5 typ host\r\na=setup:active", Malformed),
        ("candidate:1 2 udp 1 1.2.3.4 5 typ host", Transport),
        ("candidate:1 1 tcp 1 1.2.3.4 9 typ host tcptype active", Transport),
        ("candidate:1 1 udp 1 8b2a47aa-8a0c-4fa4-9a4f.local 5 typ host", Name),
        ("candidate:1 1 udp 1 example.org 5 typ host", Name),
        ("candidate:1 1 udp 1 010.1.2.3 5 typ host", Name),
    ] {
        assert_eq!(Candidate::parse(line), Err(why), "{line}");
    }
    assert_eq!(Candidate::parse(&format!("{HOST}{}", " a b".repeat(40))), Err(Malformed));
    assert_eq!(Candidate::parse(&format!("{HOST} x {}", "y".repeat(CANDIDATE))), Err(Malformed));
}

#[test]
fn nobody_makes_us_probe_ourselves_or_a_crowd() {
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.251",
        "239.255.255.250",
        "ff02::fb",
        "255.255.255.255",
        "240.0.0.1",
        "::ffff:224.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::127.0.0.1",
        "198.18.0.1",
        "192.0.0.8",
        "100::1",
        "4000::1",
    ] {
        assert_eq!(verdict(&with_address(address, "host"), &contact()), Err(CandidateRefusal::Address), "{address}");
    }
}

#[test]
fn the_local_network_is_for_contacts_and_local_calls() {
    for address in [
        "10.1.2.3",
        "172.31.0.1",
        "192.168.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:0a00:0001::",
    ] {
        for kind in ["host", "srflx"] {
            let line = with_address(address, kind);
            assert_eq!(verdict(&line, &stranger()), Err(CandidateRefusal::LocalNetwork), "{address}");
            assert_eq!(verdict(&line, &contact()), Ok(()), "{address}");
            assert_eq!(verdict(&line, &local()), Ok(()), "{address}");
        }
    }
    assert_eq!(verdict(&with_address("93.184.216.34", "host"), &local()), Err(CandidateRefusal::Way));
}

#[test]
fn a_call_over_relays_tells_of_nothing_else() {
    let ice = IceSetup { relay_only: true, peer_is_contact: true, ..IceSetup::default() };
    let relayed = Ways { ice, loopback: false };
    for kind in ["host", "srflx", "prflx"] {
        let candidate = Candidate::parse(&with_address("93.184.216.34", kind)).unwrap();
        assert_eq!(candidate.may_be_told(&relayed), Err(CandidateRefusal::Way), "{kind}");
        assert_eq!(candidate.may_be_tried(&relayed), Ok(()), "what the peer tells may be reached from the relay");
    }
    assert_eq!(Candidate::parse(&with_address("93.184.216.34", "relay")).unwrap().may_be_told(&relayed), Ok(()));
}

proptest! {
    #[test]
    fn no_line_panics(line in ".{0,500}") {
        let _ = Candidate::parse(&line);
    }

    #[test]
    fn whatever_passes_is_of_our_own_making(
        address in any::<[u8; 4]>().prop_map(IpAddr::from),
        noise in "[ -~]{0,60}",
        kind in prop::sample::select(vec!["host", "srflx", "prflx", "relay"]),
    ) {
        let line = format!("candidate:1 1 udp 7 {address} 9000 typ {kind} {noise}");
        if let Ok(candidate) = Candidate::parse(&line) {
            let told = candidate.line();
            prop_assert!(told.len() <= CANDIDATE);
            prop_assert!(!told.contains('\n'));
            prop_assert_eq!(Candidate::parse(&told), Ok(candidate.clone()));
            if candidate.may_be_tried(&stranger()).is_ok() {
                prop_assert_eq!(reach(address), Reach::World);
            }
        }
    }
}
