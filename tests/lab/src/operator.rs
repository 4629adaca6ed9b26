//! One `veche-bootstrap` process: an operator's node, as people meet it.

use crate::binary::veche_bootstrap;
use crate::node::Usage;
use crate::world::contains;
use crate::{probe, until};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Longest wait for it to start, to answer and to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Its port for QUIC and TCP where it has an address of its own.
const PORT: u16 = 4001;
/// Its port for metrics there.
const METRICS: u16 = 9464;
/// Lines that it may say unheard: an operator's node says one for each address, and again when an interface comes up.
const LINES: usize = 64;
/// Bytes of its memory that are looked at together.
const PIECE: usize = 1 << 20;

/// How an operator's node is started.
#[derive(Clone, Debug)]
pub struct Stand {
    /// For people; also its folder in the folder of the test.
    pub name: String,
    /// Its data. Settings and log lie beside it.
    pub data: PathBuf,
    /// The network namespace to run in.
    pub namespace: Option<String>,
    /// Where it listens and is reached.
    pub address: Ipv4Addr,
    /// With this port for QUIC and TCP.
    pub port: u16,
    /// And metrics at this one of the loopback device.
    pub metrics: u16,
    /// More settings, as TOML.
    pub settings: String,
}

impl Stand {
    /// On a host with a public address.
    #[must_use]
    pub fn public(name: &str, namespace: &str, address: Ipv4Addr, folder: &Path) -> Self {
        let namespace = Some(namespace.to_owned());
        Self { namespace, ..Self::at(name, address, [PORT, METRICS], folder) }
    }

    /// On the loopback device, at these ports.
    #[must_use]
    pub fn on_loopback(name: &str, ports: [u16; 2], folder: &Path) -> Self {
        Self::at(name, Ipv4Addr::LOCALHOST, ports, folder)
    }

    fn at(name: &str, address: Ipv4Addr, [port, metrics]: [u16; 2], folder: &Path) -> Self {
        Self { name: name.to_owned(), data: folder.join(name), namespace: None, address, port, metrics, settings: String::new() }
    }

    /// With more settings.
    #[must_use]
    pub fn with(mut self, settings: &str) -> Self {
        self.settings.push_str(settings);
        self
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    fn addrs(&self) -> [String; 2] {
        let Self { address, port, .. } = self;
        [format!("/ip4/{address}/udp/{port}/quic-v1"), format!("/ip4/{address}/tcp/{port}")]
    }

    fn command(&self) -> Result<Command> {
        let settings = self.data.with_extension("toml");
        fs::write(&settings, &self.settings)?;
        let program = veche_bootstrap()?;
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("--config").arg(settings).arg("--data").arg(&self.data);
        command.args(["--metrics", &format!("127.0.0.1:{}", self.metrics)]);
        for addr in self.addrs() {
            command.args(["--listen", &addr, "--external", &addr]);
        }
        if self.namespace.is_none() {
            // The usual port may be another one's on this machine.
            command.args(["--turn", &format!("{}:0", self.address)]);
        }
        // For looking at a failure.
        if let Some(filter) = std::env::var_os("VECHE_LOG") {
            command.arg("--log").arg(filter);
        }
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").env_remove("XDG_RUNTIME_DIR");
        Ok(command)
    }
}

/// An operator's node that runs. Killed when dropped.
pub struct Operator {
    /// How it was started.
    pub stand: Stand,
    /// The addresses that people are given, with its id.
    pub hints: Vec<String>,
    child: Child,
}

impl Operator {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// It does not start. The text has its log.
    pub fn start(stand: &Stand) -> Result<Self> {
        let log = File::options().create(true).append(true).open(stand.log())?;
        let mut command = stand.command()?;
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().context("veche-bootstrap does not start")?;
        let said = child.stdout.take().context("no standard output")?;
        let wanted = stand.addrs().len();
        let mut node = Self { stand: stand.clone(), hints: Vec::new(), child };
        // It says each address on a line of its own; a thread, because nothing may come at all.
        let (tell, told) = std::sync::mpsc::sync_channel(LINES);
        thread::spawn(move || BufReader::new(said).lines().map_while(Result::ok).all(|line| tell.send(line).is_ok()));
        while node.hints.len() < wanted {
            let line = told.recv_timeout(PATIENCE);
            node.hints.push(line.map_err(|_| anyhow::anyhow!("{} does not listen:\n{}", stand.name, node.log()))?);
        }
        Ok(node)
    }

    /// What a node is started with to use these operators.
    pub fn args<'a>(operators: impl IntoIterator<Item = &'a Self>) -> Vec<String> {
        operators.into_iter().flat_map(|operator| &operator.hints).flat_map(|hint| ["--bootstrap".to_owned(), hint.clone()]).collect()
    }

    /// Everything it said on standard error, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.stand.log()).unwrap_or_default()
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn kill9(mut self) -> Result<Stand> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.stand.clone())
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// It does not end, or not with status 0.
    pub fn end(mut self) -> Result<Stand> {
        ensure!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?.success(), "no signal could be sent");
        let status =
            until(&format!("the end of {}", self.stand.name), PATIENCE, || Ok(self.child.try_wait()?.ok_or_else(|| "it runs".to_owned())))?;
        ensure!(status.success(), "{} ended with {status}:\n{}", self.stand.name, self.log());
        Ok(self.stand.clone())
    }

    /// A figure of `/metrics`.
    ///
    /// # Errors
    /// It is not served.
    pub fn metric(&self, name: &str) -> Result<u64> {
        let page = self.page("/metrics")?;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).with_context(|| format!("{name} is not served"))
    }

    /// Waits for a figure.
    ///
    /// # Errors
    /// It stays another. The text says which.
    pub fn wait_metric(&self, name: &str, patience: Duration, fits: impl Fn(u64) -> bool) -> Result<u64> {
        until(&format!("{name} of {}", self.stand.name), patience, || {
            let value = self.metric(name)?;
            Ok(if fits(value) { Ok(value) } else { Err(value.to_string()) })
        })
    }

    /// An HTTP answer, whole.
    ///
    /// # Errors
    /// There is none.
    pub fn page(&self, path: &str) -> Result<String> {
        let ask = || -> Result<String> {
            let mut stream = TcpStream::connect_timeout(&SocketAddr::new(IpAddr::from(Ipv4Addr::LOCALHOST), self.stand.metrics), PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        match &self.stand.namespace {
            Some(namespace) => probe::within(namespace, ask),
            None => ask(),
        }
    }

    /// What it uses of the machine.
    ///
    /// # Errors
    /// The process is gone.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id())
    }

    /// Which of these texts its operator could find in its memory now.
    ///
    /// # Errors
    /// The system lets nobody look.
    pub fn knows<'a>(&self, texts: &[&'a str]) -> Result<Vec<&'a str>> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id()))?;
        let mut memory = File::open(format!("/proc/{}/mem", self.child.id()))?;
        let overlap = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        let mut found = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
            let Some((start, end)) = range.split_once('-') else { continue };
            let (mut at, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
            while rights.starts_with("rw") && at < end {
                let mut piece = vec![0; PIECE.min(usize::try_from(end - at)?)];
                memory.seek(SeekFrom::Start(at))?;
                // Parts of it may be nobody's.
                let Ok(()) = memory.read_exact(&mut piece) else { break };
                found.extend(texts.iter().copied().filter(|text| contains(&piece, text.as_bytes())));
                // What lies across the border of two pieces lies within the next.
                let step = if piece.len() == PIECE { PIECE.saturating_sub(overlap) } else { piece.len() };
                at = at.saturating_add(u64::try_from(step)?);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Gone already, or gone now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
