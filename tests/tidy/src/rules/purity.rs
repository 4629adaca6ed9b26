//! What the core may not name at all.
//!
//! Clippy holds calls and types (protocol/clippy.toml); this holds whole modules and crates, of which Clippy knows no list.

use crate::paths::paths;
use crate::{Tree, Violation};

/// Names that have no place in the core, and where their work is done instead.
pub const BANNED: &[(&[&str], &str)] = &[
    (&["std::fs", "std::io", "std::path", "std::os", "std::process"], "files and processes are the shell's: emit an effect"),
    (
        &[
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
            "std::thread",
            "std::env",
            "std::sync::mpsc",
        ],
        "sockets, threads and settings are the shell's: take an input, emit an effect",
    ),
    (&["std::time::Instant", "std::time::SystemTime", "std::time::UNIX_EPOCH", "chrono"], "time is an argument; use crate::time"),
    (
        &[
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::collections::hash_map",
            "std::collections::hash_set",
            "hashbrown",
            "ahash",
        ],
        "use BTreeMap or BTreeSet, whose order is the same in every run",
    ),
    (
        &["rand", "getrandom", "fastrand", "rand_core::OsRng", "rand_core::UnwrapErr"],
        "randomness comes from the seed that the shell passes in",
    ),
    (&["tokio", "futures", "async_std", "smol"], "the core is a state machine without tasks; the shell has the runtime"),
    (&["tracing"], "a refusal is counted and leaves as an effect; the shell writes the log"),
];

/// Finds a banned name in `protocol/src`, in tests too: a test that reads the clock cannot be replayed either.
#[must_use]
pub fn of_the_core(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust_below(&["protocol/src/"]) {
        for path in paths(file) {
            let named =
                BANNED.iter().find_map(|(names, instead)| names.iter().find(|name| path.is_below(name)).map(|name| (name, instead)));
            if let Some((name, instead)) = named {
                found.push(Violation::new(&file.path, path.line, format!("`{name}` in the core"), *instead));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_banned_name_is_caught() {
        for name in BANNED.iter().flat_map(|(names, _)| names.iter()) {
            let tree = Tree::of(&[("protocol/src/sync/mod.rs", &format!("//! X.\nfn f() {{\n    {name}::a();\n}}\n"))]);
            let lines: Vec<usize> = of_the_core(&tree).iter().map(|violation| violation.line).collect();
            assert_eq!(lines, [3], "{name}");
        }
    }

    #[test]
    fn a_group_in_a_use_is_caught_and_ordered_maps_and_own_time_are_not() {
        let source = "//! X.\nuse std::collections::{BTreeMap, HashMap};\nuse crate::time::Unix;\nuse std::time::Duration;\n";
        let found = of_the_core(&Tree::of(&[("protocol/src/core/mod.rs", source)]));
        assert_eq!(found.iter().map(|violation| violation.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_shell_may_read_the_clock() {
        assert!(of_the_core(&Tree::of(&[("node/src/driver/clock.rs", "//! X.\nuse std::time::Instant;\n")])).is_empty());
    }
}
