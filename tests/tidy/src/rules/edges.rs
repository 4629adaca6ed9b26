//! Who may depend on whom: between packages, and between the modules of one package.

use crate::manifest::dependencies;
use crate::paths::paths;
use crate::{Tree, Violation};

/// A package of ours and everything it may depend on of ours. What is missing here may have no arrow at all.
pub struct Package {
    /// Folder of the manifest.
    pub folder: &'static str,
    /// Allowed packages of ours.
    pub may_use: &'static [&'static str],
}

/// gui -> node -> protocol; nothing points back up. The simulator sees the core alone, or it would prove something else.
pub const PACKAGES: &[Package] = &[
    Package { folder: "protocol", may_use: &[] },
    Package { folder: "node", may_use: &["veche-media", "veche-protocol"] },
    Package { folder: "node/media", may_use: &["veche-protocol"] },
    Package { folder: "gui", may_use: &["veche-node", "veche-protocol"] },
    // The engine calls through the operator's relay in tests.
    Package { folder: "bootstrap", may_use: &["veche-media", "veche-node", "veche-protocol"] },
    Package { folder: "tests/sim", may_use: &["veche-protocol"] },
    Package { folder: "tests/lab", may_use: &["veche-node", "veche-protocol"] },
    Package { folder: "tests/screens", may_use: &["veche-gui", "veche-node", "veche-protocol"] },
    Package { folder: "tests/bench", may_use: &["veche-gui", "veche-lab", "veche-media", "veche-node", "veche-protocol", "veche-sim"] },
    Package { folder: "tests/fuzz", may_use: &["veche-protocol", "veche-sim"] },
    Package { folder: "tests/tidy", may_use: &[] },
];

/// Finds a manifest of ours that depends upwards, or that the table does not know.
#[must_use]
pub fn package_arrows(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files() {
        let Some(folder) = file.path.strip_suffix("/Cargo.toml") else { continue };
        let Some(package) = PACKAGES.iter().find(|package| package.folder == folder) else {
            found.push(Violation::new(
                &file.path,
                0,
                "a package that the house plan does not know",
                "add it to PACKAGES in tests/tidy/src/rules/edges.rs",
            ));
            continue;
        };
        for dependency in dependencies(&file.text) {
            if dependency.name.starts_with("veche-") && !package.may_use.contains(&dependency.name.as_str()) {
                let rule = format!("{folder} may not depend on {}", dependency.name);
                found.push(Violation::new(
                    &file.path,
                    dependency.line,
                    rule,
                    "move what is needed down, or turn the arrow round with a trait or an event",
                ));
            }
        }
    }
    found
}

/// Modules that a folder may not name.
pub struct Edge {
    /// Where the code stands.
    pub from: &'static str,
    /// Paths that it may not name.
    pub never: &'static [&'static str],
    /// Why, as the way out.
    pub instead: &'static str,
}

/// The arrows inside the packages.
pub const EDGES: &[Edge] = &[
    Edge {
        from: "node/src/store/",
        never: &[
            "crate::net",
            "crate::media",
            "crate::driver",
            "crate::handle",
            "crate::rpc",
            "veche_protocol::core",
            "veche_protocol::chat",
        ],
        instead: "the store keeps what it is told and decides nothing; the driver connects it to the rest",
    },
    Edge {
        from: "node/src/net/",
        never: &[
            "crate::store",
            "crate::media",
            "crate::driver",
            "crate::handle",
            "crate::rpc",
            "veche_protocol::core",
            "veche_protocol::chat",
            "veche_protocol::crypto",
        ],
        instead: "the net moves bytes between peers; emit a NetEvent and let the driver take it to the core",
    },
    Edge {
        from: "node/media/",
        never: &["veche_node", "libp2p", "sled"],
        instead: "the engine speaks in media commands and events; the driver carries them",
    },
    Edge {
        from: "node/src/rpc/",
        never: &["crate::net", "crate::store"],
        instead: "the JSON-RPC face uses NodeHandle like any other caller",
    },
    Edge {
        from: "gui/src/model/",
        never: &["crate::views", "crate::widgets", "crate::theme", "crate::platform"],
        instead: "views read the model, never the other way",
    },
    Edge { from: "gui/src/widgets/", never: &["crate::views", "crate::model"], instead: "a widget takes what it shows as arguments" },
    Edge {
        from: "gui/src/theme/",
        never: &["crate::views", "crate::model", "crate::widgets"],
        instead: "the theme knows colours and sizes only",
    },
    Edge {
        from: "gui/src/views/",
        never: &["veche_node"],
        instead: "views read gui::model and push intents; the app carries them to the node",
    },
    Edge {
        from: "protocol/src/wire/",
        never: &["crate::crypto", "crate::chat", "crate::history", "crate::core", "crate::sync", "crate::outbox", "crate::call"],
        instead: "wire turns bytes into fields; what they mean is decided above it",
    },
    Edge {
        from: "protocol/src/crypto/",
        never: &["crate::chat", "crate::history", "crate::core", "crate::sync", "crate::outbox", "crate::view"],
        instead: "crypto seals and opens; who may say what is decided above it",
    },
    Edge {
        from: "protocol/src/mailbox/",
        never: &["crate::core", "crate::history", "crate::directory", "crate::identity"],
        instead: "a mailbox keeps sealed frames and knows nobody; when to use one is decided in core",
    },
    Edge {
        from: "protocol/src/history/",
        never: &["crate::crypto::aead", "crate::crypto::link", "crate::crypto::pow", "crate::crypto::ratchet", "crate::core"],
        instead: "history hashes and signs entries and opens nothing: what arrives here was unsealed before",
    },
    Edge {
        from: "protocol/src/chat/",
        never: &["crate::core", "crate::wire"],
        instead: "chat rules work on typed entries; core routes to them",
    },
    Edge { from: "protocol/src/identity/", never: &["crate::core", "crate::chat"], instead: "identity stands below chats" },
];

/// Finds code that names a module which it may not know of. Tests are held to it too: a test that needs the driver to
/// test the store is a test of the driver.
#[must_use]
pub fn module_arrows(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for edge in EDGES {
        for file in tree.rust_below(&[edge.from]) {
            for path in paths(file) {
                if let Some(never) = edge.never.iter().find(|never| path.is_below(never)) {
                    found.push(Violation::new(&file.path, path.line, format!("{} may not name `{never}`", edge.from), edge.instead));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_is_caught_and_its_neighbours_are_not() {
        for edge in EDGES {
            for never in edge.never {
                let source = format!("//! X.\nuse {never}::A;\nuse {never}s::B;\n");
                let path = format!("{}a.rs", edge.from);
                let lines: Vec<usize> = module_arrows(&Tree::of(&[(&path, &source)])).iter().map(|violation| violation.line).collect();
                assert_eq!(lines, [2], "{path} {never}");
            }
        }
    }

    #[test]
    fn a_way_round_through_super_is_caught() {
        let tree = Tree::of(&[("node/src/store/sled.rs", "//! X.\nuse super::super::net::Peer;\n")]);
        assert_eq!(module_arrows(&tree).len(), 1);
    }

    #[test]
    fn an_arrow_upwards_is_caught_in_every_package() {
        for package in PACKAGES {
            let path = format!("{}/Cargo.toml", package.folder);
            // Nothing stands above the benchmarks.
            let upwards = "[dev-dependencies]\nveche-bench.workspace = true\n";
            assert_eq!(package_arrows(&Tree::of(&[(&path, upwards)])).len(), 1, "{path}");
            let allowed: String = package.may_use.iter().map(|name| format!("{name}.workspace = true\n")).collect();
            assert!(package_arrows(&Tree::of(&[(&path, &format!("[dependencies]\nserde = \"1\"\n{allowed}"))])).is_empty(), "{path}");
        }
    }

    #[test]
    fn an_unknown_package_is_caught() {
        assert_eq!(package_arrows(&Tree::of(&[("extras/Cargo.toml", "[package]\n")])).len(), 1);
    }
}
