//! House rules that no compiler knows, held by a test that reads the tree as text.
//!
//! A rule is a row in one of the tables under [`rules`]; the functions beside a table apply it to a [`Tree`]. The test in
//! `tests/house.rs` runs every rule over the real tree, the tests beside each table over a small tree with a planted
//! violation. A [`Violation`] names the file, the rule and the way out.
//!
//! What Clippy or rustc can hold is not here but in the lint tables of the root `Cargo.toml`.

pub mod lexer;
pub mod manifest;
pub mod paths;
pub mod rules;
pub mod tree;

pub use tree::{SourceFile, Tree};

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// File, relative to the root of the repository.
    pub path: String,
    /// Line, counted from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What the rule says.
    pub rule: String,
    /// What to do about it.
    pub fix: String,
}

impl Violation {
    /// A violation in one line of a file, or in the whole file for line 0.
    pub fn new(path: &str, line: usize, rule: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule: rule.into(), fix: fix.into() }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} -> {}", self.path, self.rule, self.fix),
            line => write!(f, "{}:{line}: {} -> {}", self.path, self.rule, self.fix),
        }
    }
}
