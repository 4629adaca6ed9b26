//! How long a file may be, and the list of those that are longer, which can only shrink.

use crate::tree::SourceFile;
use crate::{Tree, Violation};

/// Lines in a Rust file without its trailing tests module. About five screens: what one can hold in the head while looking
/// for the concept that is missing.
pub const MAX_LINES: usize = 500;

/// The list of exceptions.
const EXCEPTIONS: &str = "tests/tidy/oversize.txt";

/// Finds files over the cap that are not excepted, and exceptions that are not exact any more.
#[must_use]
pub fn within_the_cap(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let listed: Vec<(usize, &str, usize)> = tree.get(EXCEPTIONS).map(|file| exceptions(&file.text)).unwrap_or_default();
    for file in tree.files().filter(|file| file.is_rust()) {
        let lines = counted_lines(file);
        match listed.iter().find(|(_, path, _)| *path == file.path) {
            None if lines > MAX_LINES => {
                found.push(Violation::new(&file.path, 0, format!("{lines} lines, and {MAX_LINES} is the cap"), "split it by concept"));
            }
            Some((at, _, recorded)) if lines != *recorded || lines <= MAX_LINES => {
                let fix = match lines {
                    _ if lines <= MAX_LINES => format!("well done; take it off {EXCEPTIONS}"),
                    _ if lines < *recorded => format!("well done; write {lines} in its place in {EXCEPTIONS}"),
                    _ => "an excepted file may not grow: split it by concept".to_owned(),
                };
                found.push(Violation::new(EXCEPTIONS, *at, format!("{} has {lines} lines, recorded are {recorded}", file.path), fix));
            }
            None | Some(_) => {}
        }
    }
    for (at, path, _) in listed.iter().filter(|(_, path, _)| tree.get(path).is_none()) {
        found.push(Violation::new(EXCEPTIONS, *at, format!("{path} does not exist"), "take it off the list"));
    }
    found
}

fn counted_lines(file: &SourceFile) -> usize {
    file.trailing_tests_from().map_or_else(|| file.text.lines().count(), |tests| tests - 1)
}

/// Line, path and recorded size of each exception. A row without a number counts as size 0, which no file has.
fn exceptions(text: &str) -> Vec<(usize, &str, usize)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (path, size) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (index + 1, path, size.trim().parse().unwrap_or(0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(lines: usize) -> String {
        "//! X.\n".repeat(lines)
    }

    fn found(lines: usize, exceptions: &str) -> Vec<Violation> {
        within_the_cap(&Tree::of(&[("node/src/a.rs", &of_lines(lines)), (EXCEPTIONS, exceptions)]))
    }

    #[test]
    fn the_cap_is_exact() {
        assert!(found(MAX_LINES, "").is_empty());
        assert_eq!(found(MAX_LINES + 1, "").len(), 1);
    }

    #[test]
    fn a_trailing_tests_module_is_not_counted() {
        let text = format!("{}#[cfg(test)]\nmod tests {{\n    fn t() {{}}\n}}\n", of_lines(MAX_LINES));
        assert!(within_the_cap(&Tree::of(&[("node/src/a.rs", &text)])).is_empty());
    }

    #[test]
    fn an_exception_holds_at_its_size_and_neither_above_nor_below() {
        assert!(found(700, "# why\nnode/src/a.rs 700\n").is_empty());
        assert_eq!(found(701, "node/src/a.rs 700\n").len(), 1);
        assert_eq!(found(699, "node/src/a.rs 700\n").len(), 1);
        assert_eq!(found(10, "node/src/a.rs 700\n").len(), 1);
        assert_eq!(found(700, "node/src/a.rs\n").len(), 1);
    }

    #[test]
    fn an_exception_for_nothing_is_caught() {
        assert_eq!(found(10, "node/src/gone.rs 700\n").len(), 1);
    }
}
