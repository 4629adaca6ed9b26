//! Four emoji by which two people in a call can tell that nobody stands between them.
//!
//! Each device signs the fingerprint of the certificate that it shows, so somebody in between would need the key of a device. Who has
//! stolen one can still be noticed: the two ends then see different emoji, but for one chance in 2^24 for each certificate that the thief
//! has prepared. It is a second look for people who want one, and no replacement for comparing safety numbers.

use super::media::Fingerprint;
use crate::crypto::{hash, labels};
use crate::ids::CallId;

/// Things that are told apart at a glance and have a plain name in every language.
const EMOJI: [&str; 64] = [
    "🐶", "🐱", "🐭", "🐻", "🐸", "🐵", "🐔", "🦊", "🐝", "🐌", "🐬", "🦀", "🐍", "🐫", "🦉", "🐺", "🌻", "🌲", "🌵", "🍀", "🍁", "⭐",
    "🌙", "⛄", "⚡", "🌈", "🔥", "💧", "🍇", "🍋", "🍒", "🍍", "🍉", "🥕", "🌽", "🍞", "🧀", "🍦", "☕", "🍪", "🚗", "🚌", "🚁", "⛵",
    "🚲", "🏠", "⛺", "🎈", "🎲", "🎨", "🥁", "🎻", "📷", "📺", "💎", "👑", "👟", "🎩", "🔑", "🔨", "✂️", "🔔", "⚓", "💡",
];

/// Emoji shown.
const SHOWN: usize = 4;

/// The emoji of a call between two certificates, the same at both ends.
#[must_use]
pub fn safety_words(call: CallId, caller: &Fingerprint, called: &Fingerprint) -> Vec<String> {
    let hash = hash::h(labels::CALL_WORDS, &[call.as_bytes(), caller, called]);
    // 256 is a multiple of 64: each is as likely as any other.
    let at = |byte: &u8| usize::from(*byte).checked_rem(EMOJI.len()).unwrap_or(0);
    hash.iter().take(SHOWN).filter_map(|byte| EMOJI.get(at(byte))).map(|e| (*e).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_emoji_depend_on_the_call_and_both_certificates() {
        let of = |call, a, b| safety_words(CallId([call; 16]), &[a; 32], &[b; 32]);
        assert_eq!(of(1, 2, 3), of(1, 2, 3));
        assert_eq!(of(1, 2, 3).len(), SHOWN);
        let all = [of(1, 2, 3), of(2, 2, 3), of(1, 3, 3), of(1, 2, 2), of(1, 3, 2)];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn no_emoji_stands_twice() {
        assert_eq!(EMOJI.iter().collect::<BTreeSet<_>>().len(), EMOJI.len());
    }
}
