//! What happened in a world, in order, folded into one number that two runs of a seed must share.

use std::collections::VecDeque;

/// Lines kept to be shown when a story fails.
const TAIL: usize = 120;

/// What happened.
pub struct Trace {
    hash: u64,
    lines: u64,
    tail: VecDeque<Line>,
    loud: bool,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: u64,
    who: usize,
    what: &'static str,
    detail: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: 0, tail: VecDeque::new(), loud: std::env::var_os("SIM_TRACE").is_some() }
    }
}

impl Trace {
    /// Notes that something happened at `at` (virtual ms) to node number `who`. `bytes` is all that can be said about it.
    pub fn note(&mut self, at: u64, who: usize, what: &'static str, bytes: &[u8]) {
        let mut hash = mix(mix(self.hash, at), who as u64);
        hash = fold(hash, what.as_bytes());
        hash = fold(hash, bytes);
        self.hash = hash;
        self.lines += 1;
        let line = Line { at, who, what, detail: fold(0, bytes) };
        if self.loud {
            eprintln!("{line}");
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// Notes something with a text, which is shown too where the trace is loud.
    pub fn say(&mut self, at: u64, who: usize, what: &'static str, text: &str) {
        if self.loud {
            eprintln!("{at:>10} {who} {what}: {text}");
        }
        self.note(at, who, what, text.as_bytes());
    }

    /// Everything that happened, as one number.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How much happened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.lines
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// The last things that happened, for people.
    #[must_use]
    pub fn tail(&self) -> String {
        self.tail.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>10} {} {} {:016x}", self.at, self.who, self.what, self.detail)
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// Folds bytes in, eight at a time. Not a cryptographic hash: it only has to tell two runs of our own apart.
fn fold(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = mix(hash, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let rest = words.remainder().iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    mix(mix(hash, rest), bytes.len() as u64)
}
