//! The deterministic simulator: many cores, one virtual clock, one seed.
//!
//! A [`world::World`] holds nodes, each of them the product's own core over a simulated disk and clock, and the network between
//! them. Nothing in it reads a real clock or draws randomness of its own, so a seed replays a run to the last byte.
//!
//! | module | lives there |
//! |---|---|
//! | [`dice`] | the one source of randomness |
//! | [`trace`] | what happened, as a hash that two runs of a seed must share |
//! | [`disk`] | writes that become durable late, or never; named points at which a node can die |
//! | [`net`] | links with latency, loss, bandwidth, half-open ends, partitions; discovery on a local network |
//! | [`node`] | a core with its disk, clock and what it told its person |
//! | [`world`] | virtual time, and the shell's part: every effect done as the contract of the core says |
//! | [`operator`] | relays, a directory and mailboxes, by the product's own rules |
//! | [`cast`] | people, and what they do: befriend, say, wait until they see |
//! | [`history`] | conversations read from a disk, as the shell reads them |
//! | [`check`] | what must hold after every story |
//! | [`sound`] | a stand-in for the engine of sound |
//! | [`adversary`] | a host that keeps no rules |
//! | [`forger`] | contact requests made by hand |
//! | [`story`] | runs a story over seeds, twice each |
//! | [`hours`] | a long conversation, for the benchmark |
//!
//! What is not in here only the lab can prove: libp2p, sled, files, real cryptographic cost. The ratchet between devices is the
//! deterministic double of `protocol::crypto::ratchet`; a few stories in `tests/stories/real.rs` run the real one, and real costs.

pub mod adversary;
pub mod cast;
pub mod check;
pub mod dice;
pub mod disk;
pub mod forger;
pub mod history;

pub mod hours;
pub mod net;
pub mod node;
pub mod operator;
pub mod sound;
pub mod story;
pub mod trace;
pub mod world;
