//! Small questions to a network: does a datagram get there, how long does it take, and from which address does it seem to come. Sockets
//! are opened inside a host's namespace and stay in it.

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a thread that listens looks whether it should end.
const GLANCE: Duration = Duration::from_millis(50);
/// Longest datagram of a probe.
const DATAGRAM: usize = 64;

/// Does something in a network namespace, in a thread of its own. Sockets that are opened there stay in that namespace.
///
/// # Errors
/// There is no such namespace, or what was to be done fails.
pub fn within<T: Send>(namespace: &str, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let link = File::open(format!("/run/netns/{namespace}")).with_context(|| format!("there is no namespace {namespace}"))?;
    let acting = || {
        move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))?;
        act()
    };
    thread::scope(|scope| scope.spawn(acting).join()).map_err(|_| anyhow!("a thread in {namespace} panicked"))?
}

/// A UDP socket of a host.
///
/// # Errors
/// The address is not the host's, or is taken.
pub fn udp(namespace: &str, address: &str) -> Result<UdpSocket> {
    within(namespace, || UdpSocket::bind(address).with_context(|| format!("{address} cannot be bound in {namespace}")))
}

/// What comes into a socket within this time: who sent it.
///
/// # Errors
/// The socket is broken.
pub fn heard(socket: &UdpSocket, patience: Duration) -> Result<Option<(SocketAddr, Vec<u8>)>> {
    socket.set_read_timeout(Some(patience))?;
    let mut datagram = [0; DATAGRAM];
    match socket.recv_from(&mut datagram) {
        Ok((length, from)) => Ok(Some((from, datagram.get(..length).unwrap_or_default().to_vec()))),
        // The last is an ICMP message about something that was sent before.
        Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

/// Answers each datagram, and each TCP connection, with the address that it came from.
pub struct Mirror {
    /// Where.
    pub address: SocketAddr,
    over: Arc<AtomicBool>,
    answering: Vec<JoinHandle<()>>,
}

impl Mirror {
    /// Begins to answer, for UDP and TCP.
    ///
    /// # Errors
    /// The address is not the host's, or is taken.
    pub fn new(namespace: &str, address: &str) -> Result<Self> {
        let datagrams = udp(namespace, address)?;
        let connections = within(namespace, || Ok(TcpListener::bind(address)?))?;
        datagrams.set_read_timeout(Some(GLANCE))?;
        connections.set_nonblocking(true)?;
        let (over, address) = (Arc::new(AtomicBool::new(false)), datagrams.local_addr()?);
        let until = |over: &Arc<AtomicBool>, mut answer: Box<dyn FnMut() + Send>| {
            let over = Arc::clone(over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    answer();
                }
            })
        };
        let by_datagram = move || {
            let mut datagram = [0; DATAGRAM];
            if let Ok((_, from)) = datagrams.recv_from(&mut datagram) {
                let _ = datagrams.send_to(from.to_string().as_bytes(), from);
            }
        };
        let by_connection = move || match connections.accept() {
            Ok((mut stream, from)) => drop(stream.write_all(from.to_string().as_bytes())),
            Err(_) => thread::sleep(GLANCE / 10),
        };
        let answering = vec![until(&over, Box::new(by_datagram)), until(&over, Box::new(by_connection))];
        Ok(Self { address, over, answering })
    }

    /// The address that a socket seems to have, seen from here; nothing if no answer comes in time.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn sees(&self, socket: &UdpSocket, patience: Duration) -> Result<Option<SocketAddr>> {
        socket.send_to(b"?", self.address)?;
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            match heard(socket, left)? {
                Some((from, said)) if from == self.address => return Ok(Some(String::from_utf8(said)?.parse()?)),
                _ => {}
            }
        }
    }

    /// The address that a TCP connection of a host seems to come from; nothing if it is not made in time.
    ///
    /// # Errors
    /// There is no such host, or the answer is broken.
    pub fn sees_tcp(&self, namespace: &str, patience: Duration) -> Result<Option<SocketAddr>> {
        within(namespace, || {
            let Ok(mut stream) = TcpStream::connect_timeout(&self.address, patience) else { return Ok(None) };
            stream.set_read_timeout(Some(patience))?;
            let mut said = String::new();
            stream.read_to_string(&mut said)?;
            Ok(Some(said.parse()?))
        })
    }

    /// Sends this many datagrams at a pace, and waits for answers that are late. Returns the round trips of those that were answered.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn flood(&self, from: &UdpSocket, datagrams: u32, pace: Duration, late: Duration) -> Result<Vec<Duration>> {
        let answers = from.try_clone()?;
        let sent = Instant::now();
        let collect = move || -> Result<Vec<Instant>> {
            let mut came = Vec::new();
            while sent.elapsed() < pace * datagrams + late && came.len() < datagrams as usize {
                if heard(&answers, GLANCE)?.is_some() {
                    came.push(Instant::now());
                }
            }
            Ok(came)
        };
        let collecting = thread::spawn(collect);
        let mut times = Vec::new();
        for _ in 0..datagrams {
            times.push(Instant::now());
            from.send_to(b"?", self.address)?;
            thread::sleep(pace);
        }
        let came = collecting.join().map_err(|_| anyhow!("the thread that collects panicked"))??;
        // Answers are not numbered: on a wire that keeps the order and loses nothing, the first belongs to the first.
        Ok(times.into_iter().zip(came).map(|(sent, came)| came.saturating_duration_since(sent)).collect())
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for answering in self.answering.drain(..) {
            let _ = answering.join();
        }
    }
}
