//! What is let in from a socket.
//!
//! Whoever can see or guess the addresses of a call can send datagrams to its sockets. The library keeps something for every stream
//! number it hears of before it has checked who speaks, so the numbers are checked here, where they are in the clear: only the
//! streams that the peer declared come in. What is not part of a call at all, and what comes faster than any call, goes no further.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Datagrams a second and leg. Sound is 100, a screen at 5 Mb/s 500; ten times that is no call.
const MAX_DATAGRAMS: u32 = 6000;

/// The span over which they are counted.
const SPAN: Duration = Duration::from_secs(1);

/// Distinct senders of reports. The peer has one for each stream, and one more where it only receives.
const MAX_REPORTERS: usize = 16;

/// What a datagram is, by its first byte (RFC 7983 §7).
enum Content {
    Stun,
    Dtls,
    TurnChannel,
    Media,
    Nothing,
}

/// Lets in what belongs to one leg.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inner: Mutex<Inner>,
    refused: AtomicU64,
    relayed: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    streams: BTreeSet<u32>,
    reporters: BTreeSet<u32>,
    /// When the peer first showed a certificate.
    certificate: Option<Instant>,
    span: Option<(Instant, u32)>,
}

impl Gate {
    /// From now on these streams come in, and no others.
    pub(super) fn set_streams(&self, streams: impl Iterator<Item = u32>) {
        self.lock().streams = streams.collect();
    }

    /// Datagrams that were not let in.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// When the peer first showed a certificate. The library does not tell whether it liked what it saw, but a handshake that does
    /// not end soon after says so.
    pub(super) fn certificate_shown(&self) -> Option<Instant> {
        self.lock().certificate
    }

    /// Whether a datagram may go on to the library.
    pub(super) fn admits(&self, now: Instant, datagram: &[u8]) -> bool {
        let admitted = self.lock().admits(now, datagram);
        if !admitted {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else if is_relayed(datagram) {
            self.relayed.store(true, Ordering::Relaxed);
        }
        admitted
    }

    /// Whether something came through a relay since this was last asked.
    pub(super) fn take_relayed(&self) -> bool {
        self.relayed.swap(false, Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn admits(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let (since, count) = self.span.unwrap_or((now, 0));
        let (since, count) = if now.saturating_duration_since(since) >= SPAN { (now, 0) } else { (since, count) };
        self.span = Some((since, count.saturating_add(1)));
        count < MAX_DATAGRAMS && self.belongs(now, datagram)
    }

    fn belongs(&mut self, now: Instant, datagram: &[u8]) -> bool {
        match content(datagram) {
            Content::Stun => true,
            Content::Dtls => {
                if self.certificate.is_none() && shows_certificate(datagram) {
                    self.certificate = Some(now);
                }
                true
            }
            // Four bytes of channel and length, then what the peer sent (RFC 8656 §12.4).
            Content::TurnChannel => datagram.get(4..).is_some_and(|inner| match content(inner) {
                Content::TurnChannel => false,
                _ => self.belongs(now, inner),
            }),
            Content::Media => self.is_declared(datagram),
            Content::Nothing => false,
        }
    }

    /// RFC 5761 §4: the second byte tells reports from media; the stream's number stands at another place in each.
    fn is_declared(&mut self, datagram: &[u8]) -> bool {
        let number = |at: usize| {
            let bytes: [u8; 4] = datagram.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        match datagram.get(1) {
            Some(kind) if (64..96).contains(&(kind & 0x7F)) => number(4).is_some_and(|reporter| {
                self.streams.contains(&reporter)
                    || self.reporters.contains(&reporter)
                    || (self.reporters.len() < MAX_REPORTERS && self.reporters.insert(reporter))
            }),
            Some(_) => number(8).is_some_and(|stream| self.streams.contains(&stream)),
            None => false,
        }
    }
}

fn content(datagram: &[u8]) -> Content {
    match datagram.first() {
        Some(0..=3) => Content::Stun,
        Some(20..=63) => Content::Dtls,
        Some(64..=79) => Content::TurnChannel,
        Some(128..=191) => Content::Media,
        _ => Content::Nothing,
    }
}

/// Whether a relay brings what somebody else sent: in a channel, or in a Data indication (RFC 8656 §11.6 and §18.1).
fn is_relayed(datagram: &[u8]) -> bool {
    matches!(content(datagram), Content::TurnChannel) || datagram.starts_with(&[0x00, 0x17])
}

/// Whether one of the records is a handshake's certificate message, which travels in the clear (RFC 6347 §4.1 and §4.3.2).
fn shows_certificate(mut datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CERTIFICATE: u8 = 11;
    while let Some((&[kind, _, _, epoch_high, epoch_low, _, _, _, _, _, _, high, low], rest)) = datagram.split_first_chunk::<13>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind == HANDSHAKE && (epoch_high, epoch_low) == (0, 0) && rest.first() == Some(&CERTIFICATE) {
            return true;
        }
        datagram = rest.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(stream: u32) -> Vec<u8> {
        let mut datagram = vec![0x80, 111, 0, 1, 0, 0, 0, 0];
        datagram.extend(stream.to_be_bytes());
        datagram.extend([0; 40]);
        datagram
    }

    fn report(reporter: u32) -> Vec<u8> {
        let mut datagram = vec![0x80, 200, 0, 6];
        datagram.extend(reporter.to_be_bytes());
        datagram.extend([0; 30]);
        datagram
    }

    #[test]
    fn only_declared_streams_come_in() {
        let (gate, now) = (Gate::default(), Instant::now());
        assert!(!gate.admits(now, &media(7)), "nothing is declared yet");
        gate.set_streams([7].into_iter());
        assert!(gate.admits(now, &media(7)));
        assert!(!gate.admits(now, &media(8)));
        let relayed = [&[0x40, 0, 0, 52][..], &media(8)].concat();
        assert!(!gate.admits(now, &relayed), "nor through a relay");
        assert!(gate.admits(now, &[&[0x40, 0, 0, 52][..], &media(7)].concat()));
        assert_eq!(gate.refused(), 3);
    }

    #[test]
    fn what_comes_through_a_relay_is_noticed_once() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.set_streams([7].into_iter());
        assert!(gate.admits(now, &media(7)) && gate.admits(now, &[0, 1, 0, 0]));
        assert!(!gate.take_relayed());
        for relayed in [[&[0x40, 0, 0, 52][..], &media(7)].concat(), vec![0, 0x17, 0, 0]] {
            assert!(gate.admits(now, &relayed));
            assert!(gate.take_relayed() && !gate.take_relayed(), "{relayed:?}");
        }
    }

    #[test]
    fn reports_come_from_a_few_at_most() {
        let (gate, now) = (Gate::default(), Instant::now());
        let admitted = (1..1000).filter(|reporter| gate.admits(now, &report(*reporter))).count();
        assert_eq!(admitted, MAX_REPORTERS);
        assert!(gate.admits(now, &report(1)), "those known keep coming");
    }

    #[test]
    fn what_is_no_part_of_a_call_stays_out() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.set_streams([0].into_iter());
        for datagram in
            [&[][..], &[4], &[19, 1], &[80; 100], &[127; 9], &[0x80], &[0x80, 111, 0, 0, 0], &[255; 1500], &[0x40], &[0x40, 0, 0, 9, 0x40]]
        {
            assert!(!gate.admits(now, datagram), "{datagram:?}");
        }
        assert!(gate.admits(now, &[0, 1, 0, 0]) && gate.admits(now, &[22, 254, 253]));
    }

    #[test]
    fn a_certificate_is_noticed_wherever_it_stands() {
        let record =
            |kind: u8, body: &[u8]| [&[kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, u8::try_from(body.len()).unwrap()][..], body].concat();
        let (gate, now) = (Gate::default(), Instant::now());
        for other in [record(22, &[1, 2, 3]), record(23, &[11]), vec![22, 254], record(22, &[])] {
            assert!(gate.admits(now, &other));
            assert_eq!(gate.certificate_shown(), None, "{other:?}");
        }
        gate.admits(now, &[record(22, &[2, 0, 0]), record(22, &[11, 0, 0])].concat());
        assert_eq!(gate.certificate_shown(), Some(now));
        gate.admits(now + SPAN, &record(22, &[11]));
        assert_eq!(gate.certificate_shown(), Some(now), "the first time counts");
    }

    #[test]
    fn a_flood_is_cut_and_the_call_comes_back() {
        let (gate, start) = (Gate::default(), Instant::now());
        gate.set_streams([7].into_iter());
        let admitted = (0..3 * MAX_DATAGRAMS).filter(|_| gate.admits(start, &media(7))).count();
        assert_eq!(admitted, MAX_DATAGRAMS as usize);
        assert!(gate.admits(start + SPAN, &media(7)));
    }
}
