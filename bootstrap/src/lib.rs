//! The operator's node: a relay, a part of the directory, and mailboxes for people who are away. It can read nothing of what people write.
//!
//! | File | Lives there |
//! |---|---|
//! | `config` | the settings file, its defaults, and what is wrong with it |
//! | `keep` | the data folder: lock, key, database |
//! | `ballast` | room kept back on the disk |
//! | `node` | the one loop that connects the network, the mailboxes and the disk |
//! | `metrics` | `/metrics` and `/health` on the loopback interface |
//!
//! What a mailbox promises is decided in `veche_protocol::mailbox`, what goes over the wire in `veche_node::net`.

mod ballast;
pub mod config;
mod keep;
mod metrics;
pub mod node;

pub use node::{Running, StartError, start};
