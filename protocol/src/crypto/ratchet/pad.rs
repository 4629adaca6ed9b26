//! Padding: what an observer sees of a sealed frame is one of a few lengths.

use crate::wire::codec;
use crate::wire::link::Inner;

/// Lengths that complete frames of an established session are filled up to, bytes.
const STEPS: [usize; 6] = [256, 512, 1024, 2048, 4096, 8192];
/// Largest complete frame, bytes: what a mailbox takes.
pub const FRAME_MAX: usize = 16 * 1024;
/// What sealing puts around an inner message in an established session, bytes at most, while counters are below two million:
/// Olm 74, its envelope 16, the wrap's tag 16, the frame's fields 20.
const AROUND: usize = 128;
/// What sealing puts around an inner message in a session that begins: also the encapsulated key (1,123) and the keys of the
/// first message (110), with room for ten-byte counters.
const AROUND_FIRST: usize = 1536;
/// Largest encoded inner message, bytes.
pub const INNER_MAX: usize = FRAME_MAX - AROUND_FIRST;
/// Field key of [`Inner::pad`]: number 15, length-delimited.
const PAD_KEY: u8 = 15 << 3 | 2;

/// The message does not fit a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are more than fit into one sealed frame")]
pub struct TooLarge {
    /// Its length in bytes.
    pub len: usize,
}

/// Encodes an inner message and fills it up, so that the complete frame of an established session has one of the step
/// lengths. The last step is [`INNER_MAX`].
///
/// # Errors
/// A message longer than [`INNER_MAX`].
pub fn pad(mut inner: Inner) -> Result<Vec<u8>, TooLarge> {
    inner.pad.clear();
    let mut out = codec::encode(&inner);
    let len = out.len();
    let targets = STEPS.iter().map(|step| step.saturating_sub(AROUND)).chain([INNER_MAX]);
    // A single byte cannot be filled: a field takes two at least.
    let target = targets.into_iter().find(|t| *t == len || *t >= len.saturating_add(2));
    // One byte below the largest, the message goes as it is.
    let target = target.or((len <= INNER_MAX).then_some(len)).ok_or(TooLarge { len })?;
    match target.saturating_sub(len) {
        0 => {}
        2 => out.extend([PAD_KEY, 0]),
        gap => {
            // The length always takes two bytes, so that every gap can be met exactly.
            let zeros = gap.saturating_sub(3);
            let (low, high) = ((zeros & 0x7f) | 0x80, zeros >> 7);
            out.push(PAD_KEY);
            out.extend([low, high].map(|byte| u8::try_from(byte).unwrap_or(0)));
            out.resize(target, 0);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_filled_to_a_step_and_reads_back() {
        for id in 0..15_000 {
            let inner = Inner { id: vec![], space: vec![], pad: vec![0; id], ..Inner::default() };
            // The content is carried by an unbounded field here; the codec's limits are not part of this test.
            let plain = Inner { from: vec![7; id], ..Inner { pad: vec![], ..inner } };
            let len = codec::encode(&plain).len();
            match pad(plain.clone()) {
                Ok(padded) => {
                    let steps = [128, 384, 896, 1920, 3968, 8064, INNER_MAX];
                    assert!(steps.contains(&padded.len()) || padded.len() == INNER_MAX - 1, "{len} became {}", padded.len());
                    if id % 97 == 0 {
                        let back: Inner = codec::decode_own(&padded).unwrap();
                        assert_eq!(Inner { pad: vec![], ..back }, plain);
                    }
                }
                Err(TooLarge { len }) => assert!(len > INNER_MAX),
            }
        }
    }
}
