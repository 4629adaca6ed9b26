//! A machine of its own: network and mount namespaces for a test, hosts and a wire between them, packet counters, captures.
//!
//! A test runs itself again inside new namespaces ([`inside`]), so that nothing it makes is seen outside or left behind, and so that a
//! user who may make user namespaces needs no root.

mod capture;
mod hosts;

pub use capture::{Capture, Recording};
pub use hosts::TwoHosts;

use crate::{MEASURED, SKIPPED, pump, skip, turn};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tells the second run of a test that it is inside.
const INSIDE: &str = "VECHE_LAB_INSIDE";

/// Where a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In namespaces of its own: go on.
    Inside,
    /// Outside: the test has run inside and passed, or was skipped with a line that says why.
    Done,
}

/// Runs the named test again in network and mount namespaces of its own, when it is its turn. Everything in them ends with it, also
/// when it is killed, so that there is nothing to clean up after a crash.
///
/// # Errors
/// It failed inside.
pub fn inside(test: &str, programs: &[&str]) -> Result<Place> {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"])?;
        // `ip netns` keeps its files here; the mount is ours alone.
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"])?;
        return Ok(Place::Inside);
    }
    if let Some(missing) = programs.iter().chain(&["ip", "unshare", "mount"]).find(|program| !is_there(program)) {
        skip(test, &format!("{missing} is not installed"));
        return Ok(Place::Done);
    }
    let _turn = turn()?;
    let unshare: &[&str] = match () {
        () if succeeds("unshare", &["--net", "--mount", "true"]) => &["--net", "--mount"],
        () if succeeds("unshare", &["--user", "--map-root-user", "--net", "--mount", "true"]) => {
            &["--user", "--map-root-user", "--net", "--mount"]
        }
        () => {
            skip(test, "this system lets us make no network namespaces");
            return Ok(Place::Done);
        }
    };
    let own = std::env::current_exe()?;
    let output =
        Command::new("unshare").args(unshare).arg("--").arg(own).args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for line in said.lines().filter(|line| line.starts_with(SKIPPED) || line.starts_with(MEASURED)) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    ensure!(output.status.success(), "inside its namespaces:\n{said}");
    ensure!(said.contains("1 passed"), "the test did not find itself inside:\n{said}");
    Ok(Place::Done)
}

/// Like [`inside`], for a test that needs a [`pump::Pump`].
///
/// # Errors
/// It failed inside.
pub fn inside_with_pump(test: &str, programs: &[&str]) -> Result<Place> {
    match pump::missing() {
        Some(why) => {
            skip(test, &why);
            Ok(Place::Done)
        }
        None => inside(test, programs),
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).any(|folder| folder.join(program).is_file())
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a program that has to succeed. Returns what it says.
///
/// # Errors
/// It fails; the text says how.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("{program} does not start"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {said}", args.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Counts what a host sends.
pub struct Counter {
    namespace: String,
}

/// Packets that a host has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// To the machine itself, to private and link-local addresses, and to groups of the local network.
    pub inside: u64,
    /// To anywhere else.
    pub outside: u64,
    /// To name servers, wherever they are: DNS and DNS over TLS.
    pub dns: u64,
}

/// RFC 1918, RFC 3927 (link-local), RFC 4193 (unique local), loopback, multicast, and the limited broadcast.
const COUNTERS: &str = "
table inet watch {
    counter inside { }
    counter outside { }
    counter dns { }
    chain out {
        type filter hook output priority 0; policy accept;
        udp dport 53 counter name dns
        tcp dport { 53, 853 } counter name dns
        ip daddr { 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/4, 255.255.255.255 } counter name inside accept
        ip6 daddr { ::1, fc00::/7, fe80::/10, ff00::/8 } counter name inside accept
        counter name outside
    }
}
";

impl Counter {
    /// Begins to count.
    ///
    /// # Errors
    /// The system has no such counters.
    pub fn new(namespace: &str, folder: &Path) -> Result<Self> {
        let rules = folder.join(format!("{namespace}.nft"));
        fs::write(&rules, COUNTERS)?;
        run("ip", &["netns", "exec", namespace, "nft", "-f", &rules.to_string_lossy()])?;
        Ok(Self { namespace: namespace.to_owned() })
    }

    /// What was sent so far.
    ///
    /// # Errors
    /// The counters cannot be read.
    pub fn read(&self) -> Result<Sent> {
        let count = |name: &str| -> Result<u64> {
            let said = run("ip", &["netns", "exec", &self.namespace, "nft", "list", "counter", "inet", "watch", name])?;
            let mut words = said.split_whitespace().skip_while(|word| *word != "packets");
            words.nth(1).and_then(|number| number.parse().ok()).with_context(|| format!("no number of packets in {said}"))
        };
        Ok(Sent { inside: count("inside")?, outside: count("outside")?, dns: count("dns")? })
    }
}

/// Whether bytes occur in others.
#[must_use]
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|window| window == needle)
}
