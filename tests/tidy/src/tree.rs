//! The files of the repository, read into memory once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::lexer::{self, Token};

/// Folders that are not ours to judge: build output, fuzzing finds, version control, and stand-ins for other people's crates.
const SKIPPED_DIRS: &[&str] = &[".git", "target", "corpus", "artifacts", "patches", "node_modules"];

/// Endings of the files that are read as text. The rest (pictures, fonts, fuzz seeds) is known by name only.
const TEXT_ENDINGS: &[&str] = &["rs", "toml", "md", "sh", "txt", "yml", "yaml", "ftl", "json", "py"];

/// Text files without an ending.
const TEXT_NAMES: &[&str] = &["Makefile", "run", "LICENSE-MIT", "LICENSE-APACHE"];

/// A text file and, for Rust, its tokens.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Tokens without comments; empty unless the file is Rust.
    pub tokens: Vec<Token>,
}

impl SourceFile {
    /// A file from its path and text.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let tokens = if is_rust_path(path) { lexer::tokens(text) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    /// Whether this is Rust source.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        is_rust_path(&self.path)
    }

    /// Whether the whole file is only ever compiled for tests.
    #[must_use]
    pub fn is_test_only(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Number of the first line of a trailing `#[cfg(test)] mod … { … }`, counted from 1, if the file ends with one.
    #[must_use]
    pub fn trailing_tests_from(&self) -> Option<usize> {
        let lines: Vec<&str> = self.text.lines().collect();
        let at = lines.iter().rposition(|line| *line == "#[cfg(test)]")?;
        let opens_module = lines.get(at + 1).is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'));
        // rustfmt puts the closing brace of an item in column 0, so the first such line ends the module.
        let ends = lines.iter().skip(at).position(|line| *line == "}")? + at;
        (opens_module && lines.iter().skip(ends + 1).all(|line| line.trim().is_empty())).then_some(at + 1)
    }
}

fn is_rust_path(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

/// The repository, or a made-up one in the tests of the rules.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the repository that this package stands in.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn of_repository() -> io::Result<Self> {
        Self::below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    /// Reads the files below a folder.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn below(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        let mut folders: Vec<PathBuf> = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type()?;
                if kind.is_dir() && !SKIPPED_DIRS.contains(&name.as_str()) {
                    folders.push(entry.path());
                } else if kind.is_file() && is_text(&name) {
                    let path = entry.path();
                    let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                    // Fixtures may be broken on purpose; what is not UTF-8 is no text of ours.
                    if let Ok(text) = String::from_utf8(fs::read(&path)?) {
                        tree.add(&relative, &text);
                    }
                }
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree of the given paths and texts.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, text);
        }
        tree
    }

    fn add(&mut self, path: &str, text: &str) {
        self.files.push(SourceFile::new(path, text));
    }

    /// Every file, by path.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// Rust sources below one of the folders (or in one of the files).
    pub fn rust_below<'a>(&'a self, places: &'a [&'a str]) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(|file| file.is_rust() && is_below(&file.path, places))
    }

    /// The file at exactly this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn is_text(name: &str) -> bool {
    TEXT_NAMES.contains(&name)
        || Path::new(name).extension().and_then(|ending| ending.to_str()).is_some_and(|ending| TEXT_ENDINGS.contains(&ending))
}

/// Whether a path is one of the places or lies below one. A place that ends with `/` also means the `.rs` file of that
/// name: `node/src/net/` covers `node/src/net.rs`.
#[must_use]
pub fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        place.is_empty()
            || path == *place
            || place.strip_suffix('/').is_some_and(|stem| path.starts_with(place) || path.strip_suffix(".rs") == Some(stem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_cover_their_module_file_and_what_lies_below_but_not_neighbours() {
        assert!(is_below("node/src/net/swarm.rs", &["node/src/net/"]));
        assert!(is_below("node/src/net.rs", &["node/src/net/"]));
        assert!(!is_below("node/src/nets.rs", &["node/src/net/"]));
        assert!(!is_below("node/src/network/mod.rs", &["node/src/net/"]));
    }

    #[test]
    fn a_tests_module_counts_as_trailing_only_at_the_end() {
        let at_the_end = SourceFile::new("a.rs", "//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n");
        assert_eq!(at_the_end.trailing_tests_from(), Some(4));
        let in_the_middle = SourceFile::new("a.rs", "//! A.\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\nfn a() {}\n");
        assert_eq!(in_the_middle.trailing_tests_from(), None);
        let elsewhere = SourceFile::new("a.rs", "//! A.\nfn a() {}\n#[cfg(test)]\nmod tests;\n");
        assert_eq!(elsewhere.trailing_tests_from(), None);
    }
}
