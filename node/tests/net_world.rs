//! The network in surroundings that a test must not find on its machine: no network at all, no resolver, an interface that comes up late.
//!
//! Each test runs itself again in namespaces of its own. Where the system does not allow that, it says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, config};
use std::process::Command;
use std::time::{Duration, Instant};
use veche_node::net::{NetCmd, NetConfig, NetEvent, Profile, start};
use veche_protocol::link::{Addr, Transport};

const INSIDE: &str = "VECHE_TEST_NAMESPACE";

/// Whether the test runs inside; outside, runs it there after some shell commands.
fn inside(test: &str, prepare: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--net", "sh", "-ec", script, "sh"]);
        command.arg(std::env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
        command
    };
    let possible = unshare("mount --bind /dev/null /etc/resolv.conf && ip link show lo >/dev/null").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("{test}: skipped, this system gives no namespaces to ordinary programs");
        return false;
    }
    let status = unshare(&format!("{prepare}\nexec \"$@\"")).status().unwrap();
    assert!(status.success(), "failed inside");
    false
}

fn sh(script: &str) {
    assert!(Command::new("sh").args(["-ec", script]).status().unwrap().success(), "{script}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn everywhere(seed: u8) -> NetConfig {
    NetConfig { listen: NetConfig::everywhere(0), mdns: true, ..config(seed) }
}

fn open(config: NetConfig) -> Node {
    let (handle, events) = start(config).unwrap();
    Node { handle, events, addrs: Vec::new() }
}

#[test]
fn a_machine_without_network_and_resolver_can_start_and_stop() {
    if !inside("a_machine_without_network_and_resolver_can_start_and_stop", "mount --bind /dev/null /etc/resolv.conf") {
        return;
    }
    assert_eq!(std::fs::read("/etc/resolv.conf").unwrap(), b"");
    runtime().block_on(async {
        let mut ada = open(everywhere(1));
        let addr = Addr::direct("192.168.7.7:4001".parse().unwrap(), Transport::Quic);
        ada.command(NetCmd::Dial { peer: None, addrs: vec![addr] });
        ada.until(|event| matches!(event, NetEvent::DialFailed { .. }).then_some(())).await;
        ada.handle.shutdown().await;
        assert_eq!(ada.events.recv().await, None);
    });
}

const LATE_INTERFACE: &str = "
    ip link set lo up
    ip link add lan0 type veth peer name lan1
    ip link set lan1 up
    ip link set lan0 multicast on up";

#[test]
fn nodes_find_each_other_once_an_interface_has_an_address_and_use_both_transports() {
    if !inside("nodes_find_each_other_once_an_interface_has_an_address_and_use_both_transports", LATE_INTERFACE) {
        return;
    }
    runtime().block_on(async {
        let lan_only = |seed| NetConfig { profile: Profile::LanOnly, ..everywhere(seed) };
        let (mut ada, mut bob) = (open(lan_only(1)), open(lan_only(2)));
        tokio::time::sleep(Duration::from_secs(2)).await;
        sh("ip addr add 10.77.0.1/24 dev lan0 && ip addr add 198.51.100.1/24 dev lan0 && ip route add 224.0.0.0/4 dev lan0");

        let start = Instant::now();
        let key = bob.peer();
        let addrs = ada
            .until(|event| match event {
                NetEvent::Nearby { peer, addrs } if *peer == key => Some(addrs.clone()),
                _ => None,
            })
            .await;
        println!("found after {:?}", start.elapsed());
        let mut transports: Vec<Transport> = addrs.iter().map(|addr| addr.transport).collect();
        transports.sort();
        assert_eq!(transports, [Transport::Quic, Transport::Tcp], "both at once: {addrs:?}");
        assert!(addrs.iter().all(|addr| addr.socket.ip().to_string() == "10.77.0.1"), "nothing public: {addrs:?}");

        ada.command(NetCmd::Dial { peer: Some(key), addrs });
        let (_, info) = ada.link_up().await;
        assert_eq!(info.addr.transport, Transport::Quic);
        bob.until(|event| matches!(event, NetEvent::NetworkChanged).then_some(())).await;
    });
}

const READY_INTERFACE: &str = "
    ip link set lo up
    ip link add lan0 type veth peer name lan1
    ip link set lan1 up
    ip link set lan0 multicast on up
    ip addr add 10.77.0.1/24 dev lan0
    ip route add 224.0.0.0/4 dev lan0";

#[test]
fn a_node_that_turns_discovery_off_is_no_longer_found() {
    if !inside("a_node_that_turns_discovery_off_is_no_longer_found", READY_INTERFACE) {
        return;
    }
    runtime().block_on(async {
        let nearby = |event: &NetEvent| match event {
            NetEvent::Nearby { peer, .. } => Some(*peer),
            _ => None,
        };
        let (mut ada, mut bob) = (open(everywhere(1)), open(everywhere(2)));
        assert_eq!(ada.until(nearby).await, bob.peer());
        assert_eq!(bob.until(nearby).await, ada.peer());

        ada.command(NetCmd::Announce(false));
        let gone = NetEvent::NearbyGone { peer: bob.peer() };
        ada.until(|event| (*event == gone).then_some(())).await;
        // Whoever comes now finds Bob, and not Ada.
        let mut carol = open(everywhere(3));
        assert_eq!(carol.until(nearby).await, bob.peer());
        let more = tokio::time::timeout(Duration::from_secs(3), carol.until(nearby)).await;
        assert!(more.is_err(), "only Bob: {more:?}");

        ada.command(NetCmd::Announce(true));
        let key = ada.peer();
        carol.until(|event| (nearby(event) == Some(key)).then_some(())).await;
    });
}

#[test]
fn a_changed_address_is_told_and_a_new_dial_replaces_the_dead_link() {
    if !inside("a_changed_address_is_told_and_a_new_dial_replaces_the_dead_link", READY_INTERFACE) {
        return;
    }
    runtime().block_on(async {
        let quiet = |seed| NetConfig { mdns: false, ..everywhere(seed) };
        let (mut ada, mut bob) = (open(quiet(1)), open(quiet(2)));
        let on_lan = |event: &NetEvent| match event {
            NetEvent::Listening(addr) if addr.socket.ip().to_string().starts_with("10.77.0.") && addr.transport == Transport::Tcp => Some(*addr),
            _ => None,
        };
        let there = bob.until(on_lan).await;
        ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![there] });
        let (at_ada, _) = ada.link_up().await;
        let (at_bob, _) = bob.link_up().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // As if both had moved to another network: the old address is gone without a word.
        sh("ip addr add 10.77.0.2/24 dev lan0 && ip addr del 10.77.0.1/24 dev lan0 && (ip addr show dev lan0 | grep -q 10.77.0.2 || ip addr add 10.77.0.2/24 dev lan0)");
        ada.until(|event| matches!(event, NetEvent::NetworkChanged).then_some(())).await;
        let start = Instant::now();
        let again = Addr { socket: ("10.77.0.2".parse::<std::net::IpAddr>().unwrap(), there.socket.port()).into(), ..there };
        ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![again] });
        ada.until(|event| matches!(event, NetEvent::LinkDown { link, .. } if *link == at_ada).then_some(())).await;
        let (second, info) = ada.link_up().await;
        assert_eq!(info.addr, again);
        ada.send(second, veche_protocol::link::Proto::Dm, b"moved");
        bob.until(|event| matches!(event, NetEvent::LinkDown { link, .. } if *link == at_bob).then_some(())).await;
        assert_eq!(bob.frame().await.2, b"moved");
        println!("back after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    });
}
