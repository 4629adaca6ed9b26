//! Which folder may name which third-party crate.
//!
//! A library that is named in one folder can be replaced, mocked and reasoned about there. deny.toml says the same in terms
//! of packages; this says it in terms of folders.

use crate::paths::paths;
use crate::tree::is_below;
use crate::{Tree, Violation};

/// Crates that share one place in the house.
pub struct Door {
    /// Names as the code writes them; one that ends in `*` stands for all that begin so.
    pub crates: &'static [&'static str],
    /// Folders that may name them.
    pub places: &'static [&'static str],
    /// Folders inside those that may not.
    pub except: &'static [&'static str],
    /// What to do instead.
    pub instead: &'static str,
}

impl Door {
    fn is_open_to(&self, path: &str) -> bool {
        is_below(path, self.places) && !is_below(path, self.except)
    }
}

/// The house plan.
pub const DOORS: &[Door] = &[
    Door {
        crates: &["libp2p", "libp2p_*", "multiaddr", "quinn", "quinn_proto"],
        places: &["node/src/net/"],
        except: &[],
        instead: "speak to node::net in NetCmd and NetEvent: bytes, peers and topics",
    },
    Door { crates: &["sled"], places: &["node/src/store/"], except: &[], instead: "use the store trait of node::store" },
    Door {
        crates: &["keyring", "keyring_core"],
        places: &["node/src/store/"],
        except: &[],
        instead: "the key of the database is the store's",
    },
    Door {
        crates: &["webrtc", "webrtc_*", "rtc", "cpal"],
        places: &["node/media/"],
        except: &[],
        instead: "use the engine of veche-media",
    },
    Door {
        crates: &["turn_server", "turn_util", "stun", "socket2"],
        places: &["bootstrap/src/turn/", "bootstrap/tests/"],
        except: &[],
        instead: "who may have what relayed is decided in protocol::turn",
    },
    Door {
        crates: &["egui", "egui_*", "eframe", "epaint", "emath", "ecolor"],
        places: &["gui/", "tests/screens/", "tests/bench/"],
        except: &["gui/src/model/"],
        instead: "view state in gui::model is plain Rust; hand it to a function in gui::views",
    },
    Door {
        crates: &["prost", "prost_derive"],
        // Rows that the core keeps in its own store are no bytes of a peer; tests write what no correct peer would.
        places: &[
            "protocol/src/wire/",
            "protocol/src/core/rows.rs",
            "protocol/src/core/mailbox/rows.rs",
            "protocol/src/history/rows.rs",
            "protocol/src/history/testing.rs",
        ],
        except: &[],
        instead: "bytes are read and written in protocol::wire only",
    },
    Door {
        crates: &["rand_chacha", "rand_core"],
        places: &["protocol/src/crypto/", "protocol/src/identity/", "protocol/src/core/dice.rs", "tests/sim/"],
        except: &[],
        instead: "take a seed, or draw from the dice of protocol::core",
    },
    Door {
        crates: &["vodozemac", "x_wing", "x25519_dalek", "ed25519_dalek"],
        places: &["protocol/src/crypto/", "protocol/src/identity/", "protocol/src/history/testing.rs"],
        except: &[],
        instead: "use the types of protocol::crypto and protocol::identity",
    },
    Door { crates: &["bip39"], places: &["protocol/src/identity/"], except: &[], instead: "recovery words are protocol::identity's" },
    Door {
        crates: &["argon2", "chacha20poly1305", "hkdf", "hmac", "sha1"],
        places: &["protocol/src/crypto/", "protocol/src/identity/", "node/src/store/"],
        except: &[],
        instead: "seal through protocol::crypto, or through node::store for what lies on disk",
    },
    Door {
        crates: &["clap"],
        places: &[
            "node/src/bin/",
            "node/src/cli.rs",
            "node/src/main.rs",
            "gui/src/bin/",
            "gui/src/main.rs",
            "bootstrap/src/main.rs",
            "tests/",
        ],
        except: &[],
        instead: "only programs read the command line, with the options they share in node/src/cli.rs; pass values down",
    },
];

/// Finds code that names a crate outside its places.
#[must_use]
pub fn named_in_their_places(tree: &Tree) -> Vec<Violation> {
    named_in(DOORS, tree)
}

fn named_in(doors: &[Door], tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust_below(&["protocol/", "node/", "gui/", "bootstrap/", "tests/"]) {
        for path in paths(file) {
            let Some(first) = path.parts.first() else { continue };
            let wrong = doors.iter().find(|door| door.crates.iter().any(|name| is_named(first, name)) && !door.is_open_to(&file.path));
            if let Some(door) = wrong {
                let rule = format!("names `{first}`, which belongs to {}", door.places.join(", "));
                found.push(Violation::new(&file.path, path.line, rule, door.instead));
            }
        }
    }
    found
}

fn is_named(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, source: &str) -> Vec<usize> {
        named_in_their_places(&Tree::of(&[(path, source)])).iter().map(|violation| violation.line).collect()
    }

    /// A row whose pattern or place is mistyped would never fire; each crate of each row is planted once.
    #[test]
    fn every_crate_of_every_door_is_caught_outside_and_let_in_inside() {
        for door in DOORS {
            for name in door.crates {
                let source = format!("//! X.\nuse {}::A;\n", name.replace('*', "x"));
                assert_eq!(lines("protocol/src/chat/rows.rs", &source), [2], "{name}");
                for place in door.places {
                    let inside = if place.ends_with('/') { format!("{place}a.rs") } else { (*place).to_owned() };
                    assert!(lines(&inside, &source).is_empty(), "{name} in {inside}");
                }
                for place in door.except {
                    assert_eq!(lines(&format!("{place}a.rs"), &source), [2], "{name} in {place}");
                }
            }
        }
    }

    #[test]
    fn comments_strings_and_modules_of_the_same_name_do_not_count() {
        let source = "//! sled::open\nuse crate::store::sled::Tree;\nconst A: &str = \"sled::open\";\n";
        assert!(lines("node/src/driver/mod.rs", source).is_empty());
    }
}
