//! The program as a process, and a client that speaks to it.

#![allow(dead_code, reason = "each file uses its part")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use veche_node::net::{NetCmd, NetConfig, NetEvent, NetEvents, NetHandle, start};
use veche_node::parse_hint;
use veche_protocol::ids::{LinkId, QueueName};
use veche_protocol::limits::MAIL_SMALL;
use veche_protocol::link::{Hint, Proto};
use veche_protocol::mailbox::proof::{self, Ends, OwnerSecret};
use veche_protocol::wire::codec;
use veche_protocol::wire::mailbox::{Mailbox, MailboxFrame, Make, Open, Put, Taken};
use veche_protocol::wire::turn::{Turn, TurnAsk, TurnFrame, TurnGrant};

/// Nothing here takes long; what does not come does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings that let one test do what a thousand people do.
pub const QUICK: &str = "[mailbox]\nmake_bits = 4\nput_burst = 100000\nsource_burst_kib = 1000000\n";

/// The program, not started yet.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_veche-bootstrap"))
}

/// The program, running. Ends with this value.
pub struct Operator {
    child: Child,
    pub hint: Hint,
    metrics: u16,
}

impl Operator {
    pub async fn start(dir: &Path, settings: &str) -> Self {
        Self::start_as(program(), dir, settings).await
    }

    /// In a mount namespace of its own, with its data on a disk of a few MiB; `None` where that cannot be had.
    pub async fn start_on_a_small_disk(dir: &Path, settings: &str) -> Option<Self> {
        const MOUNT: &str = "mount -t tmpfs -o size=8m tmpfs \"$0\"";
        let data = dir.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let within = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(&data);
            command
        };
        if !within(MOUNT).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut command = within(&format!("{MOUNT} && exec \"$@\""));
        command.arg(env!("CARGO_BIN_EXE_veche-bootstrap"));
        Some(Self::start_as(command, dir, settings).await)
    }

    async fn start_as(mut command: Command, dir: &Path, settings: &str) -> Self {
        let file = dir.join("settings.toml");
        std::fs::write(&file, settings).unwrap();
        let data = dir.join("data");
        // Free a moment ago; nobody else here asks for this one.
        let metrics = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        command.arg("--config").arg(&file).arg("--data").arg(&data).args(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        command.args(["--metrics", &format!("127.0.0.1:{metrics}")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = timeout(PATIENCE, line).await.expect("an address is printed in time").unwrap().unwrap();
        let hint = parse_hint(line.trim()).unwrap_or_else(|why| panic!("{line:?} is no address: {why}"));
        Self { child, hint, metrics }
    }

    /// The power goes.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A clean end; what was logged.
    pub fn end(&mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// An HTTP answer, whole.
    pub async fn get(&self, path: &str) -> String {
        let ask = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.metrics)).await.unwrap();
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        timeout(PATIENCE, ask).await.expect("an answer in time")
    }

    /// As [`Operator::get`], again until the answer contains a text: figures are a second old.
    pub async fn get_until(&self, path: &str, text: &str) -> String {
        let found = async {
            loop {
                let page = self.get(path).await;
                if page.contains(text) {
                    return page;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, found).await.expect("the figure comes in time")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A queue as its owner and its writers know it.
pub struct Queue {
    key: u8,
    read: QueueName,
    write: QueueName,
}

/// Somebody with a link to the operator's node.
pub struct Client {
    net: NetHandle,
    events: NetEvents,
    link: LinkId,
    ends: Ends,
}

impl Client {
    pub async fn connect(seed: u8, to: &Hint) -> Self {
        let config = NetConfig { listen: Vec::new(), mdns: false, ..NetConfig::new([seed; 32]) };
        let (net, mut events) = start(config).unwrap();
        net.send(NetCmd::Dial { peer: Some(to.peer), addrs: vec![to.addr] }).await.unwrap();
        let up = async {
            loop {
                match events.recv().await.expect("the network goes on") {
                    NetEvent::LinkUp { link, info } if info.peer == to.peer => return link,
                    NetEvent::DialFailed { why, .. } => panic!("{why}"),
                    _ => {}
                }
            }
        };
        let link = timeout(PATIENCE, up).await.expect("a link in time");
        let ends = Ends { client: net.peer(), node: to.peer };
        Self { net, events, link, ends }
    }

    async fn say(&self, message: Mailbox) {
        let frame = codec::encode(&MailboxFrame { m: Some(message) });
        self.net.send(NetCmd::Send { link: self.link, proto: Proto::Mailbox, frame, receipt: None }).await.unwrap();
    }

    async fn hear(&mut self) -> Mailbox {
        let heard = async {
            loop {
                match self.events.recv().await.expect("the network goes on") {
                    NetEvent::Frame { proto: Proto::Mailbox, frame, .. } => {
                        return codec::decode::<MailboxFrame>(&frame, Proto::Mailbox.max_frame()).unwrap().m.unwrap();
                    }
                    NetEvent::LinkDown { why, .. } => panic!("the link ended: {why:?}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, heard).await.expect("an answer in time")
    }

    /// Asks for a name and a password for the relay for calls; the seconds to wait where that is refused.
    pub async fn call_leave(&mut self) -> Result<TurnGrant, u32> {
        let frame = codec::encode(&TurnFrame { m: Some(Turn::Ask(TurnAsk { ask: 7 })) });
        self.net.send(NetCmd::Send { link: self.link, proto: Proto::Turn, frame, receipt: None }).await.unwrap();
        let heard = async {
            loop {
                match self.events.recv().await.expect("the network goes on") {
                    NetEvent::Frame { proto: Proto::Turn, frame, .. } => {
                        return codec::decode::<TurnFrame>(&frame, Proto::Turn.max_frame()).unwrap().m.unwrap();
                    }
                    NetEvent::LinkDown { why, .. } => panic!("the link ended: {why:?}"),
                    _ => {}
                }
            }
        };
        match timeout(PATIENCE, heard).await.expect("an answer in time") {
            Turn::Grant(grant) if grant.ask == 7 => Ok(grant),
            Turn::No(no) if no.ask == 7 => Err(no.wait_s),
            other => panic!("{other:?}"),
        }
    }

    /// Makes the queue of this key.
    pub async fn make(&mut self, key: u8) -> Queue {
        let owner = OwnerSecret::from_seed([key; 32]).public();
        let pow = proof::make_work(&self.ends.node, &owner).solve(4, 0, 1 << 20).unwrap();
        self.say(Mailbox::Make(Make { ask: 1, owner: owner.to_vec(), write_key: vec![key; 32], pow, door_bits: 0 })).await;
        match self.hear().await {
            Mailbox::Made(made) => {
                Queue { key, read: QueueName::from_slice(&made.read).unwrap(), write: QueueName::from_slice(&made.write).unwrap() }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Puts a frame with this number in it; the reason where it is refused.
    pub async fn put(&mut self, queue: &Queue, number: u32) -> Result<(), u32> {
        let mut frame = vec![0; MAIL_SMALL];
        frame[..4].copy_from_slice(&number.to_be_bytes());
        let mac = proof::put_mac(&[queue.key; 32], &self.ends, &queue.write, &frame).to_vec();
        self.say(Mailbox::Put(Put { ask: number, queue: queue.write.to_vec(), mac, pow: 0, frame })).await;
        match self.hear().await {
            Mailbox::Settled(settled) if settled.ask == number => Ok(()),
            Mailbox::No(no) if no.ask == number => Err(no.why),
            other => panic!("{other:?}"),
        }
    }

    /// Opens a queue; how many frames wait.
    pub async fn open(&mut self, queue: &Queue) -> u32 {
        let sig = OwnerSecret::from_seed([queue.key; 32]).sign_open(&self.ends, &queue.read).to_vec();
        self.say(Mailbox::Open(Open { ask: 2, queue: queue.read.to_vec(), sig })).await;
        match self.hear().await {
            Mailbox::Opened(opened) => opened.waiting,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a queue and takes so many frames; their numbers.
    pub async fn read(&mut self, queue: &Queue, count: usize) -> Vec<u32> {
        assert_eq!(self.open(queue).await as usize, count);
        let mut got = Vec::new();
        while got.len() < count {
            let Mailbox::Held(held) = self.hear().await else { continue };
            got.push(u32::from_be_bytes(held.frame[..4].try_into().unwrap()));
            self.say(Mailbox::Taken(Taken { queue: queue.read.to_vec(), up_to: held.n })).await;
        }
        // The last words are taken in order: once this is answered, so was everything before it.
        self.say(Mailbox::Open(Open { ask: 9, queue: vec![0; 24], sig: vec![0; 64] })).await;
        while !matches!(self.hear().await, Mailbox::No(_)) {}
        got
    }
}
