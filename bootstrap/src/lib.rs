//! The operator's node: a relay, a part of the directory, mailboxes for people who are away, and a relay for calls. It can read nothing of
//! what people write, and hear nothing of what they say.
//!
//! | File | Lives there |
//! |---|---|
//! | `config` | the settings file, its defaults, and what is wrong with it |
//! | `keep` | the data folder: lock, key, database |
//! | `ballast` | room kept back on the disk |
//! | `node` | the one loop that connects the network, the mailboxes and the disk |
//! | `turn` | the relay for calls |
//! | `clock` | its two clocks |
//! | `metrics` | `/metrics` and `/health` on the loopback interface |
//!
//! What a mailbox promises is decided in `veche_protocol::mailbox`, who may have calls relayed in `veche_protocol::turn`, what goes over the wire in `veche_node::net`.

mod ballast;
mod clock;
pub mod config;
mod keep;
mod metrics;
pub mod node;
mod turn;

pub use self::turn::QUIET_LIBRARIES;
pub use node::{Running, StartError, start};
