//! The runtime that the library runs on: tokio's, with a [`Gate`] before each socket.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime, Transmit,
};

use super::gate::Gate;

/// What the library gets; see its trait for what the methods do.
#[derive(Debug)]
pub(super) struct Gated {
    inner: TokioRuntime,
    gate: Arc<Gate>,
}

impl Gated {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { inner: TokioRuntime, gate }
    }
}

impl Runtime for Gated {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.inner.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(GatedSocket { inner: self.inner.wrap_udp_socket(socket)?, gate: Arc::clone(&self.gate) }))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.inner.connect_tcp(remote_addr)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        self.inner.resolve_host(host)
    }

    /// The library's task unpacks what a relay brings after it has sent what was to be sent, and then sleeps on the answer until its next
    /// timer, a fifth of a second for each step of a handshake. So it does not sleep then.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.inner.sleep(if self.gate.take_relayed() { Duration::ZERO } else { duration })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }
}

#[derive(Debug)]
struct GatedSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    gate: Arc<Gate>,
}

impl AsyncUdpSocket for GatedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.inner.poll_send(cx, transmit)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        let filled = ready!(self.inner.poll_recv(cx, bufs, meta))?;
        let now = Instant::now();
        for (buffer, meta) in bufs.iter_mut().zip(meta.iter_mut()).take(filled) {
            meta.len = keep_admitted(buffer, meta.len, meta.stride, |datagram| self.gate.admits(now, datagram));
        }
        Poll::Ready(Ok(filled))
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

/// Moves the admitted datagrams of a buffer together and returns how many bytes they are. The kernel joins datagrams of `stride`
/// bytes, of which the last may be shorter; it stays last. Nothing left is an empty datagram, which the library ignores.
fn keep_admitted(buffer: &mut [u8], length: usize, stride: usize, admits: impl Fn(&[u8]) -> bool) -> usize {
    let length = length.min(buffer.len());
    let stride = stride.max(1);
    let (mut from, mut to) = (0, 0);
    while from < length {
        let end = from.saturating_add(stride).min(length);
        if buffer.get(from..end).is_some_and(&admits) {
            buffer.copy_within(from..end, to);
            to += end - from;
        }
        from = end;
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_datagrams_are_judged_one_by_one() {
        let mut buffer = *b"aaabbbaaacc...";
        let kept = keep_admitted(&mut buffer, 11, 3, |datagram| !datagram.starts_with(b"b"));
        assert_eq!(&buffer[..kept], b"aaaaaacc");
        let mut buffer = *b"bbbbbb";
        assert_eq!(keep_admitted(&mut buffer, 6, 3, |datagram| !datagram.starts_with(b"b")), 0);
        let mut buffer = *b"abc";
        assert_eq!(keep_admitted(&mut buffer, 3, 0, |_| true), 3, "a stride of nothing ends too");
        assert_eq!(keep_admitted(&mut buffer, 99, 3, |_| true), 3, "nor does a length beyond the buffer");
    }
}
