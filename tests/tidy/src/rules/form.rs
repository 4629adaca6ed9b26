//! The form of single files: purpose, colours, sleeps, private paths.

use crate::lexer::{Kind, Token};
use crate::tree::{SourceFile, is_below};
use crate::{Tree, Violation};

/// Every Rust file begins with `//!`.
#[must_use]
pub fn opens_with_its_purpose(tree: &Tree) -> Vec<Violation> {
    let purpose =
        |file: &SourceFile| file.text.lines().next().and_then(|line| line.strip_prefix("//!").map(|rest| !rest.trim().is_empty()));
    tree.files()
        .filter(|file| file.is_rust() && purpose(file) != Some(true))
        .map(|file| Violation::new(&file.path, 1, "does not open with `//!`", "say in its first line what lives in this file"))
        .collect()
}

/// The folder of colours and sizes.
const THEME: &str = "gui/src/theme/";

/// Types of egui that are colours.
const COLOUR_TYPES: &[&str] = &["Color32", "Rgba", "Hsva"];

/// What of those is no choice of a colour.
const NEUTRAL: &[&str] = &["TRANSPARENT", "PLACEHOLDER"];

/// Finds colour literals in the app outside its theme: constructors, named constants and `#rrggbb` texts.
#[must_use]
pub fn colours_in_the_theme(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust_below(&["gui/"]).filter(|file| !is_below(&file.path, &[THEME])) {
        for (at, token) in file.tokens.iter().enumerate() {
            if is_colour(token, file.tokens.get(at + 1), file.tokens.get(at + 2)) {
                found.push(Violation::new(
                    &file.path,
                    token.line,
                    "a colour literal outside gui/src/theme",
                    "take a named colour from the theme, or add one there for both themes",
                ));
            }
        }
    }
    found
}

fn is_colour(token: &Token, next: Option<&Token>, after: Option<&Token>) -> bool {
    match &token.kind {
        Kind::Name(name) if name == "hex_color" => next.is_some_and(|sign| sign.is("!")),
        Kind::Name(name) if COLOUR_TYPES.contains(&name.as_str()) && next.is_some_and(|sign| sign.is("::")) => {
            after.and_then(Token::name).is_some_and(|member| {
                let constant = !NEUTRAL.contains(&member) && member.chars().all(|c| c.is_ascii_uppercase() || c == '_');
                constant || member == "new" || member.starts_with("from_")
            })
        }
        Kind::Text(text) => {
            text.strip_prefix('#').is_some_and(|hex| matches!(hex.len(), 6 | 8) && hex.chars().all(|c| c.is_ascii_hexdigit()))
        }
        _ => false,
    }
}

/// A test waits for an event, with a timeout; one that sleeps is slow where the machine is quick and wrong where it is slow.
pub const MAX_SLEEP_MS: u64 = 3_000;

/// Finds `sleep(Duration::from_…(n))` of [`MAX_SLEEP_MS`] or more in tests.
#[must_use]
pub fn no_long_sleeps(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files().filter(|file| file.is_rust()) {
        let tests_from = if file.is_test_only() { Some(1) } else { file.trailing_tests_from() };
        let Some(tests_from) = tests_from else { continue };
        let sleeps = file.tokens.iter().enumerate().filter(|(_, token)| token.line >= tests_from && token.name() == Some("sleep"));
        for (at, token) in sleeps {
            if slept_ms(file.tokens.get(at + 1..).unwrap_or_default()).is_some_and(|ms| ms >= MAX_SLEEP_MS) {
                found.push(Violation::new(
                    &file.path,
                    token.line,
                    "a test that sleeps three seconds or more",
                    "wait for the event itself, with a timeout",
                ));
            }
        }
    }
    found
}

/// The milliseconds in the argument of a call whose name was just read: the first `from_secs`, `from_millis`… within its
/// parentheses. `None` for anything but a literal.
fn slept_ms(call: &[Token]) -> Option<u64> {
    let argument = inside_parentheses(call)?;
    let at = argument.iter().position(|token| token.name().is_some_and(|name| name.starts_with("from_")))?;
    let per_unit = match argument.get(at)?.name()? {
        "from_mins" => 60_000,
        "from_secs" | "from_secs_f32" | "from_secs_f64" => 1_000,
        "from_millis" => 1,
        _ => return None,
    };
    match &argument.get(at + 2)?.kind {
        Kind::Number(number) => {
            let digits: String = number.chars().take_while(|c| c.is_ascii_digit() || *c == '_').filter(char::is_ascii_digit).collect();
            digits.parse::<u64>().ok()?.checked_mul(per_unit)
        }
        Kind::Name(_) | Kind::Text(_) | Kind::Sign(_) => None,
    }
}

/// The tokens between the parenthesis that the slice opens with and its partner.
fn inside_parentheses(call: &[Token]) -> Option<&[Token]> {
    call.first().filter(|token| token.is("("))?;
    let mut depth = 0usize;
    let end = call.iter().position(|token| {
        depth += usize::from(token.is("("));
        depth -= usize::from(token.is(")"));
        depth == 0
    })?;
    call.get(1..end)
}

/// Beginnings of paths that exist on one machine only: home folders and the mount points of build servers.
const PRIVATE_STARTS: &[&str] = &["/home/", "/Users/", "/root/", "/workspace/", "/builds/", "C:\\Users\\"];

/// Finds an absolute path below somebody's home or a build server's mount point. Home folders of people who stand for
/// anybody (`/home/alice`) are fine.
#[must_use]
pub fn no_private_paths(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    // This file has to name them.
    for file in tree.files().filter(|file| file.path != "tests/tidy/src/rules/form.rs") {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(start) = PRIVATE_STARTS.iter().find(|start| names_private(line, start)) {
                let rule = format!("a path below `{start}`, which exists on one machine only");
                found.push(Violation::new(
                    &file.path,
                    index + 1,
                    rule,
                    "use a path relative to the repository, a temporary folder, or a variable",
                ));
            }
        }
    }
    found
}

fn names_private(line: &str, start: &str) -> bool {
    /// The cast of the examples.
    const ANYBODY: &[&str] = &["alice", "bob", "carol", "user", "you"];
    line.match_indices(start).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let begins_a_path = before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~' | '}' | '*')));
        let rest = line.get(at + start.len()..).unwrap_or_default();
        begins_a_path && !ANYBODY.iter().any(|name| rest.starts_with(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(check: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_file_without_a_purpose_is_caught() {
        assert_eq!(lines(opens_with_its_purpose, "node/src/a.rs", "use std::fmt;\n//! Late.\n"), [1]);
        assert_eq!(lines(opens_with_its_purpose, "node/src/a.rs", "//!\nuse std::fmt;\n"), [1]);
        assert_eq!(lines(opens_with_its_purpose, "node/src/a.rs", ""), [1]);
        assert!(lines(opens_with_its_purpose, "node/src/a.rs", "//! Reads a.\n").is_empty());
    }

    #[test]
    fn colour_literals_are_caught_in_every_spelling_and_let_be_in_the_theme() {
        let source = "//! X.\nlet a = Color32::from_rgb(1, 2, 3);\nlet b = egui::Color32::RED;\nlet c = hex_color!(\"#fff\");\n\
                      let d = \"#a0b1c2\";\nlet e = Rgba::from_gray(0.5);\nlet f = Color32::TRANSPARENT;\nlet g: Color32 = theme.text;\nlet h = \"#general\";\n";
        assert_eq!(lines(colours_in_the_theme, "gui/src/views/chat.rs", source), [2, 3, 4, 5, 6]);
        assert!(lines(colours_in_the_theme, "gui/src/theme/dark.rs", source).is_empty());
    }

    #[test]
    fn long_sleeps_are_caught_in_tests_only() {
        let source = "//! X.\nsleep(Duration::from_secs(3));\ntokio::time::sleep(std::time::Duration::from_millis(3_000)).await;\n\
                      sleep(Duration::from_secs(2));\nsleep(Duration::from_millis(2_999));\nsleep(pause);\ntimeout(Duration::from_secs(60), sleep);\n\
                      sleep(Duration::from_mins(1));\n";
        assert_eq!(lines(no_long_sleeps, "tests/lab/src/two.rs", source), [2, 3, 8]);
        assert_eq!(lines(no_long_sleeps, "node/src/store/tests.rs", source), [2, 3, 8]);
        assert!(lines(no_long_sleeps, "node/src/driver/mod.rs", source).is_empty());
        let beside = "//! X.\nfn f() {\n    sleep(Duration::from_secs(9));\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {\n        sleep(Duration::from_secs(9));\n    }\n}\n";
        assert_eq!(lines(no_long_sleeps, "node/src/driver/mod.rs", beside), [9]);
    }

    #[test]
    fn private_paths_are_caught_and_look_alikes_are_not() {
        let text = "cd /home/jane/veche\n\"/root/x\"\n/home/alice/Downloads\nsrc/builds/item\n$HOME/builds/x\nsee https://example.org/builds/1\nC:\\Users\\jane\n";
        assert_eq!(lines(no_private_paths, "README.md", text), [1, 2, 7]);
    }
}
