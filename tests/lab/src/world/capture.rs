//! Recordings of what passes a network device, and what is looked for in them.

use super::{contains, run};
use crate::until;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Head of a file, and of each packet in it, as `tcpdump` writes them (draft-ietf-opsawg-pcap, sections 4 and 5).
const FILE_HEAD: usize = 24;
const PACKET_HEAD: usize = 16;
/// Where in a packet's head the number of recorded bytes stands.
const LENGTH_AT: usize = 8;
/// Ethernet's head, before which an IP packet has its addresses at these places (RFC 791, section 3.1).
const ETHERNET: usize = 14;
const KIND_AT: usize = 12;
const IPV4: [u8; 2] = [8, 0];
const FROM_AT: usize = ETHERNET + 12;
const TO_AT: usize = ETHERNET + 16;
/// And what it carries; 17 is UDP (RFC 768), whose head begins with both ports.
const PROTOCOL_AT: usize = ETHERNET + 9;
const UDP: u8 = 17;

/// Records every packet of a network device.
pub struct Capture {
    tcpdump: Child,
    file: PathBuf,
}

impl Capture {
    /// Begins to record, and returns once it does.
    ///
    /// # Errors
    /// tcpdump does not start.
    pub fn start(device: &str, folder: &Path) -> Result<Self> {
        Self::begin(Command::new("tcpdump"), device, folder)
    }

    /// The same for a device in a network namespace.
    ///
    /// # Errors
    /// tcpdump does not start.
    pub fn within(namespace: &str, device: &str, folder: &Path) -> Result<Self> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, "tcpdump"]);
        Self::begin(command, device, folder)
    }

    fn begin(mut tcpdump: Command, device: &str, folder: &Path) -> Result<Self> {
        let file = folder.join("packets.pcap");
        // Whole packets, written as they come, by the user that started it.
        tcpdump.args(["-i", device, "-s", "0", "-U", "-Z", "root", "-w"]).arg(&file);
        let tcpdump = tcpdump.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let capture = Self { tcpdump, file };
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::metadata(&capture.file).map_or(0, |data| data.len()) == 0 {
            ensure!(Instant::now() < deadline, "tcpdump records nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(capture)
    }

    /// Waits until these bytes were recorded.
    ///
    /// # Errors
    /// They are not.
    pub fn wait_for(&self, bytes: &[u8]) -> Result<()> {
        until("a packet in the capture", Duration::from_secs(5), || {
            let recorded = fs::read(&self.file)?;
            Ok(if contains(&recorded, bytes) { Ok(()) } else { Err(format!("{} bytes", recorded.len())) })
        })
    }

    /// What was recorded so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn so_far(&self) -> Result<Recording> {
        Ok(Recording(fs::read(&self.file)?))
    }

    /// Ends, and returns everything that was recorded.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn finish(mut self) -> Result<Recording> {
        run("sh", &["-c", &format!("kill -INT {}", self.tcpdump.id())])?;
        self.tcpdump.wait()?;
        self.so_far()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// Everything that passed.
pub struct Recording(Vec<u8>);

impl Recording {
    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() <= FILE_HEAD
    }

    /// Whether a text can be read in it, in the encodings that programs use.
    #[must_use]
    pub fn shows(&self, text: &str) -> bool {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        contains(&self.0, text.as_bytes()) || contains(&self.0, &wide)
    }

    /// Packets from one address to the other and back, on a device that carries Ethernet.
    ///
    /// # Errors
    /// The recording is no such file.
    pub fn between(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<usize> {
        Ok(self.packets(one, other)?.len())
    }

    /// The ports of both ends between which UDP went either way, the first one's first.
    ///
    /// # Errors
    /// The recording is no such file.
    pub fn flows(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<BTreeSet<[u16; 2]>> {
        let port = |packet: &[u8], at: usize| packet.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
        let flow = |packet: &[u8]| {
            let head = usize::from(packet.get(ETHERNET)? & 0x0F) * 4;
            let ports = [port(packet, ETHERNET + head)?, port(packet, ETHERNET + head + 2)?];
            let is_back = packet.get(FROM_AT..FROM_AT + 4)? == other.octets();
            (packet.get(PROTOCOL_AT) == Some(&UDP)).then_some(if is_back { [ports[1], ports[0]] } else { ports })
        };
        Ok(self.packets(one, other)?.into_iter().filter_map(flow).collect())
    }

    fn packets(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<Vec<&[u8]>> {
        let ends = [[one.octets(), other.octets()], [other.octets(), one.octets()]];
        let mut rest = self.0.get(FILE_HEAD..).context("no recording")?;
        let mut found = Vec::new();
        // A packet that is just being written is not yet there.
        while let Some((head, behind)) = rest.split_at_checked(PACKET_HEAD) {
            let length = head.get(LENGTH_AT..LENGTH_AT + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
            let length = usize::try_from(length.context("no length")?)?;
            let Some((packet, next)) = behind.split_at_checked(length) else { break };
            rest = next;
            let part = |at: usize| packet.get(at..at + 4);
            let is_ip = packet.get(KIND_AT..ETHERNET) == Some(&IPV4);
            if is_ip && ends.iter().any(|[from, to]| part(FROM_AT) == Some(from) && part(TO_AT) == Some(to)) {
                found.push(packet);
            }
        }
        Ok(found)
    }
}
