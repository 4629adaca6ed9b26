//! The shell around the core: it does what the core says and tells it what happened. Network, storage, and the door for the
//! desktop app and for JSON-RPC.
//!
//! The door is [`handle::NodeHandle`]. Behind it [`lifecycle`] opens and closes profiles, and [`driver`] runs the core over
//! [`store`] and [`net`]. No protocol decision is made here.

pub mod cli;
pub mod config;
mod driver;
pub mod handle;
mod history;
mod lifecycle;
pub mod media;
pub mod net;
mod operators;
mod port;
mod protection;
pub mod rpc;
mod search;
pub mod store;
mod upkeep;

pub use net::addr::{BadAddr, parse_addr, parse_hint, print_hint};
pub use operators::{BadOperator, parse_operators};
