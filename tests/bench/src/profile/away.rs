//! Two profiles of one conversation, of two people with two devices each: one device was away while the other three wrote
//! [`MESSAGES`] messages in ten days.

use super::pen::Pen;
use super::words::Speech;
use super::{DAY, Shelf, clock_before, keep, onto_disk};
use crate::table::note;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use veche_protocol::core::Config;
use veche_protocol::ids::SpaceId;
use veche_protocol::time::UnixMs;
use veche_protocol::wire::codec;
use veche_sim::cast::SOON;
use veche_sim::dice::Dice;
use veche_sim::net::Place;
use veche_sim::world::World;

/// Messages that the device misses.
pub const MESSAGES: u64 = 100_000;
/// Over how long they were written.
const DAYS: u64 = 10;
/// How long before now that began.
const AGO: u64 = 13;
/// Messages that somebody writes before another device does, at most.
const STRETCH: u64 = 8;

/// The profiles.
pub struct Away {
    /// Of the device that has everything.
    pub full: PathBuf,
    /// Of the one that was away.
    pub empty: PathBuf,
    /// The conversation.
    pub chat: SpaceId,
    /// Bytes of what is missing, as entries of the wire.
    pub payload: u64,
}

/// The profiles; take copies.
///
/// # Errors
/// The disk.
pub fn open() -> Result<Away> {
    let dir = keep("away", |dir| {
        let begun = Instant::now();
        let (chat, payload) = write(&dir.join("alice"), &dir.join("bob"))?;
        fs::write(dir.join("facts"), format!("{} {payload}", chat.to_text()))?;
        note(&format!("wrote a conversation of {MESSAGES} messages in {:.0} s; it is kept", begun.elapsed().as_secs_f64()))
    })?;
    let facts = fs::read_to_string(dir.join("facts"))?;
    let (chat, payload) = facts.split_once(' ').context("two facts")?;
    Ok(Away { full: dir.join("alice"), empty: dir.join("bob"), chat: SpaceId::from_text(chat)?, payload: payload.parse()? })
}

fn write(full: &Path, empty: &Path) -> Result<(SpaceId, u64)> {
    let mut world = World::new(9);
    // As real nodes have it, but for the proof of work.
    world.cfg = Config { pow_bits: 4, ..Config::default() };
    world.clock = clock_before(AGO)?;
    let (alice, bob) = (world.alice(), world.bob());
    let chat = world.befriend(alice, bob);
    let (tablet, away) = (world.second_device(alice, Place::Lan(1)), world.second_device(bob, Place::Lan(1)));
    let all = [alice, bob, tablet, away];
    for who in all {
        ensure!(world.until(SOON, |w| w.view(who).chat(chat).is_some()), "a restored device learns of the conversation");
    }
    for who in all {
        let id = world.say(who, chat, "hello");
        for other in all {
            world.sees(other, chat, id);
        }
    }
    world.run(60_000);
    let mut pens = [alice, tablet, bob].map(|who| Pen::of(&mut world, who, chat));
    let begin = world.node(alice).clock.now(world.at()).wall;
    for who in all {
        world.stop(who);
    }
    let entropy = |world: &World, who| world.node(who).entropy.context("an account");
    let (mut shelf, profile) = Shelf::new(full, &entropy(&world, alice)?)?;
    let (mut speech, mut dice, mut payload) = (Speech::new(1), Dice::new(2), 0);
    let (mut writer, mut left) = (0, 0);
    for message in 0..MESSAGES {
        if left == 0 {
            writer = (writer + usize::try_from(dice.between(1, 2))?) % pens.len();
            left = dice.between(1, STRETCH);
        }
        left -= 1;
        let at = UnixMs(begin.0 + message * (DAYS * DAY / MESSAGES));
        let (entry, written) = pens[writer].write(at, speech.say())?;
        payload += codec::size(&entry.to_wire()) as u64;
        let mut rows = written;
        for (n, pen) in pens.iter_mut().enumerate().filter(|(n, _)| *n != writer) {
            let taken = pen.take(at, entry.clone())?;
            if n == 0 {
                rows = taken;
            }
        }
        shelf.put(rows)?;
    }
    let [first, ..] = pens;
    onto_disk(&mut world, alice, first.heads().collect())?;
    // The last word is written by the core itself, which also notes it in the list.
    for who in [alice, away] {
        world.node_mut(who).clock.offset += i64::try_from((DAYS + 1) * DAY)?;
    }
    world.start(alice);
    world.say(alice, chat, "the last word");
    world.run(60_000);
    world.stop(alice);
    shelf.finish(&profile, &world, alice)?;
    let (shelf, profile) = Shelf::new(empty, &entropy(&world, away)?)?;
    shelf.finish(&profile, &world, away)?;
    Ok((chat, payload))
}
