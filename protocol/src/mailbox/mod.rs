//! Mailboxes: queues of sealed frames that a node keeps for people who are away. Formats are in [`crate::wire::mailbox`].
//!
//! What both sides compute is here: [`proof`] for the right to make, read and fill a queue, [`seal`] for what a frame holds. [`server`] is
//! the node that keeps queues: an operator's, or a desktop that keeps them for friends. When to use which mailbox is decided in
//! [`crate::core`].

pub mod proof;
pub mod seal;
pub mod server;
