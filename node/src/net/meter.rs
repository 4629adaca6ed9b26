//! Counts what goes through the circuits that this node opened, because relays end a circuit after a number of bytes, whatever they are.

use futures::io::{AsyncRead, AsyncWrite};
use libp2p::Multiaddr;
use libp2p::core::ConnectedPoint;
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

/// Bytes in both directions, ever.
pub(super) type Meter = Arc<AtomicU64>;

/// The meters of circuits by the address that was dialled. The connection they belong to has no number yet when they are made.
#[derive(Clone, Default)]
pub(super) struct Meters(Arc<Mutex<HashMap<Multiaddr, Weak<AtomicU64>>>>);

impl Meters {
    /// The meter of the newest circuit over this address.
    pub(super) fn of(&self, addr: &Multiaddr) -> Option<Meter> {
        self.lock().get(addr)?.upgrade()
    }

    /// Puts a meter on a new circuit.
    pub(super) fn attach<S>(&self, stream: S, point: &ConnectedPoint) -> Metered<S> {
        let meter = Meter::default();
        if let ConnectedPoint::Dialer { address, .. } = point {
            let mut meters = self.lock();
            // Those of circuits that are gone; what is left is bounded by the number of connections.
            meters.retain(|_, meter| meter.strong_count() > 0);
            meters.insert(address.clone(), Arc::downgrade(&meter));
        }
        Metered { stream, meter }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Multiaddr, Weak<AtomicU64>>> {
        // Nothing under the lock can stop half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A circuit with its meter.
pub(super) struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl<S> Metered<S> {
    fn count(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = result {
            self.meter.fetch_add(u64::try_from(*bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.count(&result);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(&result);
        result
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.count(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::{AsyncReadExt, AsyncWriteExt, Cursor};
    use libp2p::core::Endpoint;
    use libp2p::core::transport::PortUse;

    #[test]
    fn both_directions_of_a_living_circuit_are_counted_under_its_address() {
        let address: Multiaddr = "/ip4/203.0.113.7/tcp/1/p2p-circuit".parse().unwrap();
        let point = ConnectedPoint::Dialer { address: address.clone(), role_override: Endpoint::Dialer, port_use: PortUse::Reuse };
        let meters = Meters::default();
        let mut stream = meters.attach(Cursor::new(vec![7; 10]), &point);
        let meter = meters.of(&address).unwrap();
        block_on(async {
            stream.write_all(&[1; 6]).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        });
        assert_eq!(meter.load(Ordering::Relaxed), 10);
        drop((stream, meter));
        assert!(meters.of(&address).is_none());
    }
}
