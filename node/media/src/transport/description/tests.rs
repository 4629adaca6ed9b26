//! What descriptions are let through, by hand and by chance.

use proptest::prelude::*;
use veche_protocol::call::media::DESCRIPTION;

use super::*;

const PRINT: Fingerprint = Fingerprint([0x4B; 32]);
const USER: &str = "xMjdgHhySDvJMiHa";
const PASSWORD: &str = "AvWBVMrMzTHGeNnprhWlsecfHbZCJzCc";

/// What the library writes, with the numbers drawn there replaced.
fn offer() -> String {
    let transport = format!("a=setup:actpass\r\na=ice-ufrag:{USER}\r\na=ice-pwd:{PASSWORD}\r\n");
    let media = |index: u32, what: &str, codec: &str, payload: u8| {
        format!(
            "m={what} 9 UDP/TLS/RTP/SAVPF {payload}\r\nc=IN IP4 0.0.0.0\r\na=mid:{index}\r\n{transport}a=rtcp-mux\r\na=rtcp-rsize\r\n\
             a=rtpmap:{payload} {codec}\r\na=fmtp:{payload} a=1;b=2\r\na=rtcp-fb:{payload} transport-cc\r\na=rtcp-fb:{payload} goog-remb\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
             a=msid:stream track{index}\r\na=ssrc:{} cname:stream\r\na=ssrc:{} msid:stream track{index}\r\na=sendrecv\r\n",
            1000 + index,
            1000 + index
        )
    };
    format!(
        "v=0\r\no=- 7579965041961660142 144822785 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=msid-semantic:WMS *\r\na=fingerprint:sha-256 {PRINT}\r\n\
         a=extmap-allow-mixed\r\na=group:BUNDLE 0 1 2 3\r\n{}{}{}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
         a=mid:3\r\n{transport}a=sendrecv\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n",
        media(0, "audio", "opus/48000/2", 111),
        media(1, "video", "AV1/90000", 45),
        media(2, "video", "AV1/90000", 45)
    )
}

fn read(text: &str) -> Result<Description, DescriptionRefusal> {
    Description::parse(text, DescriptionKind::Offer, &PRINT)
}

#[track_caller]
fn refused(text: &str, why: DescriptionRefusal) {
    assert_eq!(read(text).err(), Some(why), "{text}");
}

#[test]
fn what_the_library_writes_is_read_and_said_again() {
    let description = read(&offer()).unwrap();
    assert_eq!(description.streams().collect::<Vec<_>>(), [1000, 1001, 1002]);
    assert_eq!((description.sound(), description.loudness_extension()), (Some(1000), Some(1)));
    let text = description.text();
    let again = read(&text).unwrap();
    assert_eq!(again, description);
    assert!(!text.contains("track0") && !text.contains("goog-remb"), "names and feedback of the peer's choice stay out: {text}");
}

#[test]
fn an_answer_has_another_role() {
    let text = offer().replace("actpass", "active");
    refused(&text, DescriptionRefusal::Roles);
    assert!(Description::parse(&text, DescriptionKind::Answer, &PRINT).is_ok());
    assert_eq!(Description::parse(&offer(), DescriptionKind::Answer, &PRINT).err(), Some(DescriptionRefusal::Roles));
    let mixed = offer().replacen("a=setup:actpass", "a=setup:active", 1);
    refused(&mixed, DescriptionRefusal::Roles);
}

#[test]
fn the_fingerprint_is_the_signed_one_and_the_only_one() {
    let other = Fingerprint([0x4C; 32]);
    assert_eq!(Description::parse(&offer(), DescriptionKind::Offer, &other).err(), Some(DescriptionRefusal::WrongFingerprint));
    refused(&offer().replace(&format!("a=fingerprint:sha-256 {PRINT}\r\n"), ""), DescriptionRefusal::Fingerprints);
    refused(&offer().replace("sha-256", "sha-1"), DescriptionRefusal::Fingerprints);
    let second = format!("a=mid:0\r\na=fingerprint:sha-256 {other}\r\n");
    refused(&offer().replacen("a=mid:0\r\n", &second, 1), DescriptionRefusal::Fingerprints);
    let weaker = "a=mid:3\r\na=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n";
    refused(&offer().replacen("a=mid:3\r\n", weaker, 1), DescriptionRefusal::Fingerprints);
    let twice = format!("a=mid:0\r\na=fingerprint:SHA-256 {}\r\n", PRINT.to_string().to_lowercase());
    assert!(read(&offer().replacen("a=mid:0\r\n", &twice, 1)).is_ok(), "the same one again is what browsers write");
}

#[test]
fn only_the_sections_of_a_call_are_taken() {
    use DescriptionRefusal::{Codec, Malformed, Sections, Streams};
    let audio_again = format!("{}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:4\r\n", offer());
    for (text, why) in [
        (audio_again, Sections),
        (offer().replacen("m=audio 9", "m=audio 0", 1), Sections),
        (offer().replacen("m=audio", "m=text", 1), Sections),
        (offer().replacen("SAVPF 111", "SAVP 111", 1).replace("RTP/SAVP 111", "RTP/AVP 111"), Sections),
        (offer().replace("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=application 9 TCP/DTLS/SCTP webrtc-datachannel"), Sections),
        (offer().replacen("m=video", "m=audio", 1), Sections),
        (offer().replacen("a=mid:1", "a=mid:0", 1), Sections),
        (offer().replacen("a=mid:1\r\n", "", 1), Sections),
        (offer().replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2"), Sections),
        (offer().replace("a=group:BUNDLE 0 1 2 3\r\n", ""), Sections),
        (offer().replacen("a=rtcp-mux\r\n", "", 1), Sections),
        (offer().replacen("a=sendrecv", "a=inactive", 2), Sections),
        (offer().replacen("a=sendrecv", "a=sendrecv\r\na=inactive", 1), Sections),
        (offer().replacen("a=sendrecv", "a=recvonly", 1), Streams),
        (offer().replace("opus/48000/2", "PCMU/8000"), Codec),
        (offer().replace("AV1/90000", "VP8/90000"), Codec),
        (offer().replacen("SAVPF 111", "SAVPF 300", 1), Malformed),
        (offer().replacen("ssrc:1001", "ssrc:1000", 1), Streams),
        (offer().replacen("ssrc:1001", "ssrc:99999999999", 1), Streams),
        (offer().replacen("a=ssrc:1000 cname:stream", "a=ssrc:0 cname:stream", 1), Streams),
        (offer().replacen("extmap:2", "extmap:1", 1), Malformed),
        (offer().replacen("extmap:1", "extmap:15", 1), Malformed),
        (offer().replacen("a=sctp-port:5000", "a=sctp-port:0", 1), Sections),
    ] {
        refused(&text, why);
    }
}

#[test]
fn credentials_are_whole_and_the_same_everywhere() {
    use DescriptionRefusal::Credentials;
    refused(&offer().replace(USER, "abc"), Credentials);
    refused(&offer().replace(PASSWORD, "short"), Credentials);
    refused(&offer().replace(USER, "with space"), Credentials);
    refused(&offer().replace(PASSWORD, &"x".repeat(257)), Credentials);
    refused(&offer().replacen(USER, "anotheruser", 1), Credentials);
    refused(&offer().replace(&format!("a=ice-ufrag:{USER}\r\n"), ""), Credentials);
}

#[test]
fn what_is_no_description_is_refused() {
    use DescriptionRefusal::{Malformed, Sections};
    for (text, why) in [
        (String::new(), Sections),
        ("v=0\r\n".to_owned(), Sections),
        (offer().replacen("v=0", "v=1", 1), Malformed),
        (offer().replacen("s=-", "s=\u{202E}", 1), Malformed),
        (offer().replacen("s=-", "s=\0", 1), Malformed),
        (offer().replacen("s=-", "k=clear:secret", 1), Malformed),
        (offer().replacen("s=-", "nonsense", 1), Malformed),
        (offer().replacen("s=-", &format!("s={}", "x".repeat(2000)), 1), Malformed),
        (format!("{}{}", offer(), "a=x\r\n".repeat(1000)), Malformed),
        (format!("{}{}", offer(), "a=y:".repeat(DESCRIPTION)), Malformed),
    ] {
        refused(&text, why);
    }
}

#[test]
fn later_descriptions_change_credentials_and_nothing_else() {
    let first = read(&offer()).unwrap();
    let restarted = read(&offer().replace(USER, "newuser")).unwrap();
    assert!(restarted.may_follow(&first).is_ok() && restarted.restarts(&first) && !first.restarts(&first));
    for changed in [offer().replace("1001", "2001"), offer().replace("a=mid:2", "a=mid:9").replace("0 1 2 3", "0 1 9 3")] {
        assert_eq!(read(&changed).unwrap().may_follow(&first), Err(DescriptionRefusal::Changed));
    }
}

#[test]
fn addresses_are_taken_out_and_judged() {
    let lines =
        "a=candidate:1 1 udp 5 93.184.216.34 1234 typ host\r\na=candidate:1 1 udp 5 secret.local 1234 typ host\r\na=end-of-candidates\r\n";
    let description = read(&offer().replacen("a=sendrecv\r\n", &format!("a=sendrecv\r\n{lines}"), 1)).unwrap();
    assert_eq!(description.candidates().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    assert!(!description.text().contains("candidate") && !description.text().contains("93.184"));
    let ours = without_candidates(&format!("v=0\r\n{lines}s=-\r\n"));
    assert_eq!(ours, "v=0\r\ns=-\r\n");
}

/// A description with some lines changed, dropped, doubled or moved.
fn distorted() -> impl Strategy<Value = String> {
    let change = (0_u8..5, any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[ -~]{0,40}");
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let text = offer();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (kind, at, to, noise) in changes {
            let at = at.index(lines.len());
            match kind {
                0 => lines[at] = noise,
                1 => drop(lines.remove(at)),
                2 => lines.insert(at, lines[to.index(lines.len())].clone()),
                3 => {
                    let line = lines.remove(at);
                    lines.insert(to.index(lines.len() + 1), line);
                }
                _ => {
                    let middle = lines[at].len() / 2;
                    lines[at].insert_str(middle, &noise);
                }
            }
        }
        lines.join("\r\n")
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,2000}") {
        let _ = read(&text);
    }

    #[test]
    fn whatever_passes_is_of_our_own_making(text in distorted()) {
        if let Ok(description) = read(&text) {
            let told = description.text();
            prop_assert!(told.len() <= DESCRIPTION);
            let again = read(&told).unwrap();
            prop_assert_eq!(&again.sections, &description.sections);
            prop_assert_eq!(told.matches("a=fingerprint:").count(), 1);
            prop_assert_eq!(told.matches("\r\nm=").count(), 4);
            prop_assert!(told.lines().all(|line| line.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
            prop_assert!(description.streams().collect::<BTreeSet<_>>().len() <= 3);
            for name in ["candidate", "rid:", "simulcast", "ssrc-group", "crypto", "inactive", "rtx"] {
                prop_assert!(!told.contains(&format!("a={name}")), "{}", name);
            }
        }
    }
}
