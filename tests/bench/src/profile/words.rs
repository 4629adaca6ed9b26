//! What people say in generated histories: invented words, a few of them in most messages, most of them rare.

use veche_sim::dice::Dice;

/// Different words.
const WORDS: usize = 4_000;
/// Words of a message, from and to; about 64 bytes together.
const LENGTH: (u64, u64) = (4, 14);
const LATIN: [&str; 12] = ["ba", "do", "ki", "lu", "mer", "no", "pas", "ri", "so", "tan", "ve", "zu"];
const CYRILLIC: [&str; 12] = ["ба", "до", "ки", "лу", "мер", "но", "пас", "ри", "со", "тан", "ве", "зу"];

/// A vocabulary, and the chance to say something.
pub struct Speech {
    words: Vec<String>,
    dice: Dice,
}

impl Speech {
    /// The same for the same number.
    pub fn new(seed: u64) -> Self {
        // Everybody has the same words.
        let mut dice = Dice::new(1);
        let mut word = |n: usize| {
            let syllables = if n.is_multiple_of(2) { &LATIN } else { &CYRILLIC };
            (0..dice.between(1, 4)).map(|_| *dice.pick(syllables)).collect::<String>() + if n == 0 { "o" } else { "" }
        };
        Self { words: (0..WORDS).map(&mut word).collect(), dice: Dice::new(seed) }
    }

    /// The word in this place of the order of frequency.
    pub fn word(&self, rank: usize) -> &str {
        self.words.get(rank).map_or("", String::as_str)
    }

    /// Something to say.
    pub fn say(&mut self) -> String {
        let mut text = String::new();
        for n in 0..self.dice.between(LENGTH.0, LENGTH.1) {
            if n > 0 {
                text.push(' ');
            }
            let rank = self.rank();
            text.push_str(&self.words[rank]);
        }
        text
    }

    /// A rank with a chance of about one in itself (Zipf's law): each doubling of the rank is as likely as the one before.
    fn rank(&mut self) -> usize {
        let octave = self.dice.below(WORDS.ilog2().into());
        let low = (1 << octave) - 1;
        usize::try_from(self.dice.between(low, low * 2)).unwrap_or(0).min(WORDS - 1)
    }
}
