//! History: what was said in a conversation, as a set of signed entries from which everything else follows.
//!
//! # The flow
//! ```text
//!  bytes of a peer                                             own words
//!       |                                                          |
//!  entry::Parsed::read      form, sizes, body hash             Space::append     stamp, references, signature
//!       |                                                          |
//!  Space::ingest            signature; waits for predecessor,      |
//!       |                   references, clock  -- Ingest::needs    |
//!       |                                      -- Ingest::lookups  |
//!  log::Log                 extends, known, gap, forks <-----------+
//!       |
//!  Ingest::accepted + writes (one commit, before anything is shown, acknowledged or passed on)
//!       |
//!  Ingest::folds            edits, deletions and reactions meet their message: Space::fold_begin, fold_place, fold
//!       |
//!  show::view               a row becomes what people see; space::Standings says which rows count
//! ```
//! Between members [`frontier`] finds out what the other lacks and [`serve`] sends it, oldest first.
//!
//! # What holds
//! * State is a function of the **set** of entries. Order is (stamp, id), and a stamp exceeds those of everything the entry
//!   refers to, so that order respects causality for everybody.
//! * Whatever a device that keeps several histories does, all others come to the same state and show it as
//!   [`Forked`](space::Standing::Forked), and its tricks delay nobody else's entries.
//! * Only ends of logs are in memory. Decisions about what lies further down ask the store, explicitly: [`space::Lookup`].
//! * Nothing here reads a clock, draws randomness or does IO; bad input is refused with a reason and never panics.
//!
//! [`reference`] says the same again in the slowest and plainest way, for tests and the simulator.
//!
//! # Example
//! A device introduces itself in a conversation and writes; another node takes both in, in the wrong order.
//! ```
//! use veche_protocol::crypto::{labels, sign};
//! use veche_protocol::history::{entry::Parsed, space::Space};
//! use veche_protocol::ids::{AccountId, ChanId, DeviceId, SpaceId};
//! use veche_protocol::time::{Mono, Now, UnixMs};
//! use veche_protocol::wire::bodies::{AuthOp, Devices, Text, auth_op::Op, kind};
//! use veche_protocol::wire::codec::encode;
//! use veche_protocol::wire::identity::{Device, DeviceSet};
//!
//! let (account, device) = (sign::SigningKey::from_bytes(&[1; 32]), sign::SigningKey::from_bytes(&[2; 32]));
//! let me = DeviceId(device.verifying_key().to_bytes());
//! let founder = AccountId(account.verifying_key().to_bytes());
//! let now = Now { mono: Mono(0), wall: UnixMs(1_800_000_000_000) };
//! let with_device_key = |purpose: &str, payload: &[u8]| sign::sign(&device, purpose, payload).1;
//!
//! // The account key says that the device speaks for it.
//! let listed = Device { dk: me.to_vec(), ..Device::default() };
//! let set = DeviceSet { v: 1, account: founder.to_vec(), epoch: 1, devices: vec![listed], prev: Vec::new() };
//! let set = sign::seal_signed(&account, labels::DEVICE_SET, encode(&set));
//! let op = AuthOp { op: Some(Op::Devices(Devices { set: Some(set), keep: Vec::new() })) };
//!
//! let mut mine = Space::new(SpaceId([7; 32]), me, [founder]);
//! let (_, introduced) = mine.append(now, ChanId::AUTH, kind::AUTH, encode(&op), [0; 16], with_device_key)?;
//! let text = Text { text: "hello".into(), reply_to: None };
//! let (id, said) = mine.append(now, ChanId::MAIN, kind::TEXT, encode(&text), [1; 16], with_device_key)?;
//!
//! // What travels is the wire form; what arrives is read again.
//! let mut travel = [introduced, said].into_iter().flat_map(|out| out.accepted).map(|a| Parsed::read(a.entry.to_wire()));
//! let (first, second) = (travel.next().unwrap()?, travel.next().unwrap()?);
//!
//! let mut theirs = Space::new(SpaceId([7; 32]), DeviceId([3; 32]), [founder]);
//! let waits = theirs.ingest(now, [second]);
//! assert!(waits.accepted.is_empty() && waits.needs.len() == 1);
//! let out = theirs.ingest(now, [first]);
//! assert_eq!(out.accepted.last().map(|a| (a.entry.id(), a.author)), Some((id, founder)));
//! assert_eq!(theirs.digest(ChanId::MAIN), mine.digest(ChanId::MAIN));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod append;
pub mod apply;
pub(crate) mod auth;
pub mod clock;
pub mod entry;
pub mod find;
pub mod fold;
pub mod frontier;
pub mod hash;
pub mod ingest;
pub mod keys;
pub mod log;
mod pool;
pub mod reference;
pub mod rows;
pub mod serve;
pub mod show;
pub mod space;

#[cfg(test)]
mod testing;
