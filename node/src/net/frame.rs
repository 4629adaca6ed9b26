//! The bytes of an application stream: a head that says which link and which turn it belongs to, then frames with a length before them.
//!
//! ```text
//! stream = session:u64 be  turn:u32 be  frame*
//! frame  = length:varint(u32)  bytes
//! ```
//! `session` is drawn by the writing side for each link; `turn` counts the streams of one protocol within the link, from 0: a link that moves
//! to a better connection ends turn n on the old one before it goes on with turn n+1 on the new one, so the reader can put them in order and
//! can tell a move from a fresh start.

use futures::io::{AsyncRead, AsyncReadExt};
use std::io;

/// Length of the head. Bytes.
pub(super) const HEAD_LEN: usize = 12;

/// First allocation for an incoming frame; it grows only as bytes really arrive. Bytes.
const FIRST_CHUNK: usize = 16 * 1024;

/// Longest encoding of a `u32` in seven-bit groups. Bytes.
const MAX_VARINT: usize = 5;

/// Start of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) session: u64,
    pub(super) turn: u32,
}

impl Head {
    pub(super) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let mut out = [0; HEAD_LEN];
        let (session, turn) = out.split_at_mut(8);
        session.copy_from_slice(&self.session.to_be_bytes());
        turn.copy_from_slice(&self.turn.to_be_bytes());
        out
    }

    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let (mut session, mut turn) = ([0; 8], [0; 4]);
        from.read_exact(&mut session).await?;
        from.read_exact(&mut turn).await?;
        Ok(Self { session: u64::from_be_bytes(session), turn: u32::from_be_bytes(turn) })
    }
}

/// Why a frame could not be read.
#[derive(Debug)]
pub(super) enum FrameError {
    /// Longer than the protocol allows; nothing was allocated.
    Oversized,
    /// The length is not a minimal varint of at most 32 bits, or the stream ended inside a frame.
    Garbage,
    /// The stream broke.
    Io,
}

/// Appends a frame to a buffer.
pub(super) fn put(out: &mut Vec<u8>, frame: &[u8]) {
    let mut rest = frame.len();
    loop {
        #[allow(clippy::cast_possible_truncation, reason = "seven bits always fit")]
        let group = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            out.push(group);
            break;
        }
        out.push(group | 0x80);
    }
    out.extend_from_slice(frame);
}

/// Reads the next frame; `None` at a clean end of the stream.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), max: usize) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(len) = read_len(from).await? else { return Ok(None) };
    if len > max {
        return Err(FrameError::Oversized);
    }
    let mut frame = Vec::with_capacity(len.min(FIRST_CHUNK));
    while frame.len() < len {
        let start = frame.len();
        frame.resize(len.min(start.saturating_add(FIRST_CHUNK)), 0);
        let Some(chunk) = frame.get_mut(start..) else { return Err(FrameError::Garbage) };
        from.read_exact(chunk).await.map_err(|error| broken(&error))?;
    }
    Ok(Some(frame))
}

async fn read_len(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<usize>, FrameError> {
    let mut len: u64 = 0;
    for at in 0..MAX_VARINT {
        let mut byte = [0];
        if from.read(&mut byte).await.map_err(|error| broken(&error))? == 0 {
            return if at == 0 { Ok(None) } else { Err(FrameError::Garbage) };
        }
        let [byte] = byte;
        len |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let minimal = at == 0 || byte != 0;
            return match u32::try_from(len) {
                Ok(len) if minimal => usize::try_from(len).map(Some).map_err(|_| FrameError::Oversized),
                _ => Err(FrameError::Garbage),
            };
        }
    }
    Err(FrameError::Garbage)
}

fn broken(error: &io::Error) -> FrameError {
    if error.kind() == io::ErrorKind::UnexpectedEof { FrameError::Garbage } else { FrameError::Io }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;

    fn read_all(bytes: &[u8], max: usize) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut from = Cursor::new(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = block_on(read(&mut from, max))? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let frames: Vec<Vec<u8>> = [0usize, 1, 127, 128, 16_383, 16_384, 16_385, 70_000].iter().map(|len| vec![*len as u8; *len]).collect();
        let mut bytes = Vec::new();
        for frame in &frames {
            put(&mut bytes, frame);
        }
        assert_eq!(read_all(&bytes, 70_000).unwrap(), frames);
    }

    #[test]
    fn a_length_above_the_limit_is_refused_before_the_bytes_come() {
        let mut bytes = Vec::new();
        put(&mut bytes, &[0; 129]);
        assert!(matches!(read_all(&bytes[..2], 128), Err(FrameError::Oversized)));
        assert!(matches!(read_all(&[0xff, 0xff, 0xff, 0xff, 0x0f], 1 << 20), Err(FrameError::Oversized)));
    }

    #[test]
    fn bad_lengths_and_cut_frames_are_garbage() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &[0xff; 6], &[0x80, 0x00], &[0x80], &[5, 1, 2]] {
            assert!(matches!(read_all(bytes, 1 << 20), Err(FrameError::Garbage)), "{bytes:?}");
        }
    }

    #[test]
    fn the_head_round_trips_and_a_cut_head_fails() {
        let head = Head { session: 0x0102_0304_0506_0708, turn: 9 };
        let bytes = head.to_bytes();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9]);
        assert_eq!(block_on(Head::read(&mut Cursor::new(bytes))).unwrap(), head);
        assert!(block_on(Head::read(&mut Cursor::new(&bytes[..11]))).is_err());
    }

    proptest::proptest! {
        /// Whatever comes, what was read can be written and read again, nothing is read beyond the limit, and nothing panics.
        #[test]
        fn arbitrary_bytes_are_frames_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            const LIMIT: usize = 96;
            if let Ok(frames) = read_all(&bytes, LIMIT) {
                let mut again = Vec::new();
                for frame in &frames {
                    assert!(frame.len() <= LIMIT);
                    put(&mut again, frame);
                }
                assert_eq!(again, bytes);
            }
        }
    }
}
