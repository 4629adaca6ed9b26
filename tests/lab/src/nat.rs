//! A small internet in network namespaces: one public segment, hosts on it, and homes behind routers that translate addresses, as RFC
//! 4787 sorts them by mapping and filtering. Every home has a line of its own to the segment, with a pump on it.
//!
//! The addresses are of the real internet, so that nothing takes them for private ones. The namespaces have no way out.

use crate::node::Recipe;
use crate::pump::Pump;
use crate::wire::Conditions;
use crate::world::{Capture, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

/// What stands between a host and the public segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nat {
    /// Nothing: the host has a public address.
    None,
    /// Endpoint-independent mapping and filtering ("full cone"): whoever knows the mapped address gets in.
    Open,
    /// Endpoint-independent mapping, address- and port-dependent filtering, as most homes have: answers get in.
    Moderate,
    /// Address- and port-dependent mapping and filtering ("symmetric"): every peer sees another port.
    Strict,
    /// Like [`Self::Moderate`] for TCP; UDP does not get out.
    UdpBlocked,
}

impl Nat {
    /// All of them, from open to closed.
    pub const ALL: [Self; 5] = [Self::None, Self::Open, Self::Moderate, Self::Strict, Self::UdpBlocked];
}

impl std::fmt::Display for Nat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Open => "open",
            Self::Moderate => "moderate",
            Self::Strict => "strict",
            Self::UdpBlocked => "udp-blocked",
        })
    }
}

/// Namespace with the public segment.
const SEGMENT: &str = "internet";
/// Its bridge.
const BRIDGE: &str = "segment";
/// The device of a router or a public host on the line to the segment.
const WAN: &str = "wan";
/// The device of a router and a host inside a home.
const LAN: &str = "lan";
/// Time on a home's line to the segment, one way: two homes are 40 ms apart and back.
const LINE: Duration = Duration::from_millis(10);

/// The public segment. Everything vanishes when it and its hosts are dropped.
pub struct Internet {
    seed: u64,
    hosts: u8,
    folder: tempfile::TempDir,
}

/// The end of a line on the side of a home or a computing centre.
struct Edge {
    number: u8,
    namespace: String,
    public: Ipv4Addr,
    line: Pump,
}

/// A host with an address on the segment or behind a router.
pub struct Host {
    /// Its network namespace.
    pub namespace: String,
    /// What stands between it and the segment.
    pub nat: Nat,
    /// Its own address.
    pub address: Ipv4Addr,
    /// Under which address the segment sees it.
    pub public: Ipv4Addr,
    /// Its line to the segment: from the home is [`crate::pump::Way::There`].
    pub line: Pump,
    router: Option<String>,
}

impl Internet {
    /// Makes an empty one. To be called [`crate::world::Place::Inside`].
    ///
    /// # Errors
    /// The system refuses.
    pub fn new(seed: u64) -> Result<Self> {
        run("ip", &["netns", "add", SEGMENT])?;
        // Dropped, and with it the namespace, if the rest fails.
        let internet = Self { seed, hosts: 0, folder: tempfile::tempdir()? };
        run("ip", &["-n", SEGMENT, "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])?;
        run("ip", &["-n", SEGMENT, "link", "set", BRIDGE, "up"])?;
        Ok(internet)
    }

    /// Records what goes over the segment.
    ///
    /// # Errors
    /// tcpdump does not start.
    pub fn record(&self) -> Result<Capture> {
        Capture::within(SEGMENT, BRIDGE, self.folder.path())
    }

    /// A host with a public address, in a computing centre: its line takes no time.
    ///
    /// # Errors
    /// The system refuses.
    pub fn in_public(&mut self) -> Result<Host> {
        let host = self.behind(Nat::None)?;
        host.line.set(&Conditions::default());
        Ok(host)
    }

    /// A host at somebody's home.
    ///
    /// # Errors
    /// The system refuses.
    pub fn behind(&mut self, nat: Nat) -> Result<Host> {
        let Edge { number, namespace, public, line } = self.edge(nat)?;
        let mut host = Host { namespace, nat, address: public, public, line, router: None };
        if nat != Nat::None {
            let router = std::mem::replace(&mut host.namespace, format!("host{number}"));
            add_namespace(&host.namespace)?;
            self.home(&mut host, router, number)?;
        }
        Ok(host)
    }

    /// Carries a host from one home to another, as a laptop: it has another address, and so has its router. What runs on it goes on.
    ///
    /// # Errors
    /// The system refuses, or one of the two is no home.
    pub fn carry(&mut self, host: &mut Host, nat: Nat) -> Result<()> {
        ensure!(nat != Nat::None, "a laptop is carried to a home");
        let old = host.router.take().context("it stands in public")?;
        let Edge { number, namespace, public, line } = self.edge(nat)?;
        run("ip", &["-n", &host.namespace, "link", "del", LAN])?;
        run("ip", &["netns", "del", &old])?;
        (host.nat, host.public, host.line) = (nat, public, line);
        self.home(host, namespace, number)
    }

    /// What has an address on the segment: a host, or somebody's router.
    fn edge(&mut self, nat: Nat) -> Result<Edge> {
        self.hosts += 1;
        let number = self.hosts;
        let public = Ipv4Addr::new(45, 0, 0, number);
        let namespace = if nat == Nat::None { format!("host{number}") } else { format!("router{number}") };
        add_namespace(&namespace)?;
        let port = format!("line{number}");
        let line = Pump::between([(&namespace, WAN), (SEGMENT, &port)], self.seed.wrapping_add(u64::from(number)))?;
        line.set(&Conditions::round_trip(2 * LINE));
        run("ip", &["-n", SEGMENT, "link", "set", &port, "master", BRIDGE])?;
        give_address(&namespace, WAN, &format!("{public}/24"))?;
        Ok(Edge { number, namespace, public, line })
    }

    /// Puts a host behind a router.
    fn home(&self, host: &mut Host, router: String, number: u8) -> Result<()> {
        let (inside, address) = (Ipv4Addr::new(192, 168, number, 1), Ipv4Addr::new(192, 168, number, 2));
        host.address = address;
        let router = host.router.insert(router);
        run("ip", &["link", "add", LAN, "netns", router, "type", "veth", "peer", "name", LAN, "netns", &host.namespace])?;
        give_address(router, LAN, &format!("{inside}/24"))?;
        run("ip", &["netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        let rules = self.folder.path().join(format!("{router}.nft"));
        fs::write(&rules, rules_of(host.nat, address))?;
        run("ip", &["netns", "exec", router, "nft", "-f", &rules.to_string_lossy()]).context("this kernel's nftables cannot do it")?;
        give_address(&host.namespace, LAN, &format!("{address}/24"))?;
        run("ip", &["-n", &host.namespace, "route", "add", "default", "via", &inside.to_string()])?;
        Ok(())
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "del", SEGMENT]);
    }
}

impl Host {
    /// A node on this host that looks for nobody on its local network.
    #[must_use]
    pub fn recipe(&self, name: &str, folder: &Path) -> Recipe {
        Recipe { namespace: Some(self.namespace.clone()), ..Recipe::new(name, folder) }.with(["--no-discovery"])
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for namespace in self.router.iter().chain([&self.namespace]) {
            let _ = run("ip", &["netns", "del", namespace]);
        }
    }
}

fn add_namespace(name: &str) -> Result<()> {
    run("ip", &["netns", "add", name])?;
    run("ip", &["-n", name, "link", "set", "lo", "up"])?;
    Ok(())
}

fn give_address(namespace: &str, device: &str, address: &str) -> Result<()> {
    run("ip", &["-n", namespace, "addr", "add", address, "dev", device])?;
    run("ip", &["-n", namespace, "link", "set", device, "up"])?;
    Ok(())
}

/// The rules of a router for the one host behind it.
///
/// `masquerade` keeps the port of the host where it can, and with one host behind it it can: the mapping does not depend on the peer.
/// What comes to the router itself is dropped, and not refused: connection tracking would note a refused packet, and take the port
/// for taken when the host next sends to that peer.
fn rules_of(nat: Nat, host: Ipv4Addr) -> String {
    let masquerade = if nat == Nat::Strict { "masquerade fully-random" } else { "masquerade" };
    // A port is open to everybody for as long as the host has used it lately; RFC 4787 asks for two minutes.
    let (note, let_in) = if nat == Nat::Open {
        (
            "iifname lan meta l4proto udp update @udp_open { udp sport }
        iifname lan meta l4proto tcp update @tcp_open { tcp sport }",
            format!(
                "iifname wan udp dport @udp_open dnat to {host}
        iifname wan tcp dport @tcp_open dnat to {host}"
            ),
        )
    } else {
        ("", String::new())
    };
    let udp = if nat == Nat::UdpBlocked { "iifname lan meta l4proto udp drop" } else { "" };
    format!(
        "table ip home {{
    set udp_open {{
        type inet_service
        flags dynamic,timeout
        timeout 2m
    }}
    set tcp_open {{
        type inet_service
        flags dynamic,timeout
        timeout 2m
    }}
    chain pre {{
        type nat hook prerouting priority dstnat
        {let_in}
    }}
    chain post {{
        type nat hook postrouting priority srcnat
        oifname wan {masquerade}
    }}
    chain input {{
        type filter hook input priority filter
        iifname wan drop
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        {udp}
        {note}
        iifname lan accept
        ct state established,related accept
        ct status dnat accept
    }}
}}
"
    )
}
