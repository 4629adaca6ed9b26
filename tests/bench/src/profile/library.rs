//! A profile of somebody who has talked a lot: [`MESSAGES`] messages with [`CHATS`] people, all conversations at once, over three
//! months. Written once, in a few minutes, and kept.

use super::pen::Pen;
use super::words::Speech;
use super::{DAY, Shelf, clock_before, keep, onto_disk};
use crate::table::note;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;
use veche_protocol::core::Config;
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_protocol::store::Write;
use veche_protocol::time::UnixMs;
use veche_sim::net::Place;
use veche_sim::world::{World, config};

/// Messages together.
pub const MESSAGES: u64 = 1_000_000;
/// Conversations.
pub const CHATS: u64 = 200;
/// Over how long they were written.
const DAYS: u64 = 90;
/// How long before now that began.
const AGO: u64 = 100;
/// Threads that write.
const THREADS: usize = 2;
/// Batches that wait for the database.
const WAITING: usize = 64;

/// The profile. It may be opened and changed by what a node does by itself; whoever writes messages takes a copy.
///
/// # Errors
/// The disk.
pub fn open() -> Result<PathBuf> {
    keep("library", |dir| {
        let begun = Instant::now();
        write(&dir.join("alice"))?;
        note(&format!("wrote a profile of {MESSAGES} messages in {:.0} s; it is kept", begun.elapsed().as_secs_f64()))
    })
    .map(|dir| dir.join("alice"))
}

/// The word that is in most messages, and in none.
pub fn words() -> (String, &'static str) {
    (Speech::new(0).word(0).to_owned(), "nowhere")
}

fn write(dir: &Path) -> Result<()> {
    let mut world = World::new(5);
    // Ratchets as they are kept by real nodes; the tags of the logins are never looked at.
    world.cfg = Config { ratchet: RatchetKind::Olm, ..config() };
    world.clock = clock_before(AGO)?;
    let alice = world.alice();
    let mut pairs = Vec::new();
    for n in 0..CHATS {
        let friend = world.person(&format!("friend{n}"), Place::Lan(1));
        let chat = world.befriend(alice, friend);
        for who in [alice, friend] {
            let id = world.say(who, chat, "hello");
            world.sees(if who == alice { friend } else { alice }, chat, id);
        }
        world.run(5_000);
        pairs.push((n, Pen::of(&mut world, alice, chat), Pen::of(&mut world, friend, chat)));
        world.stop(friend);
    }
    let chats = pairs.len();
    let begin = world.node(alice).clock.now(world.at()).wall;
    world.stop(alice);
    let entropy = world.node(alice).entropy.context("an account")?;
    let (mut shelf, profile) = Shelf::new(dir, &entropy)?;
    let (batches, written) = sync_channel(WAITING);
    let mut shares: Vec<Vec<_>> = (0..THREADS).map(|_| Vec::new()).collect();
    for (n, pair) in pairs.into_iter().enumerate() {
        shares[n % THREADS].push(pair);
    }
    let heads = thread::scope(|scope| -> Result<Vec<Write>> {
        let writers: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let batches = batches.clone();
                scope.spawn(move || -> Result<Vec<Write>> {
                    let mut heads = Vec::new();
                    for (n, mine, theirs) in share {
                        heads.extend(talk(n, begin, mine, theirs, &batches)?);
                    }
                    Ok(heads)
                })
            })
            .collect();
        drop(batches);
        for batch in written {
            shelf.put(batch)?;
        }
        let mut heads = Vec::new();
        for writer in writers {
            heads.extend(writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??);
        }
        Ok(heads)
    })?;
    onto_disk(&mut world, alice, heads)?;
    // The last word in each conversation is written by the core itself, which also notes it in the list.
    world.node_mut(alice).clock.offset += i64::try_from((DAYS + 1) * DAY)?;
    world.start(alice);
    let known: Vec<_> = world.view(alice).chats.iter().map(|chat| chat.chat_id).collect();
    anyhow::ensure!(known.len() == chats, "{} conversations of {chats} are there", known.len());
    for chat in known {
        world.say(alice, chat, "see you");
        world.run(60_000);
    }
    world.stop(alice);
    shelf.finish(&profile, &world, alice)
}

/// Writes a conversation: stretches of one and of the other, at times that no other conversation has.
fn talk(n: u64, begin: UnixMs, mut mine: Pen, mut theirs: Pen, batches: &SyncSender<Vec<Write>>) -> Result<Vec<Write>> {
    let each = MESSAGES / CHATS;
    let step = DAYS * DAY / (each * CHATS);
    let mut speech = Speech::new(n);
    for message in 0..each {
        let at = UnixMs(begin.0 + (message * CHATS + n) * step);
        let rows = if message % 6 < 3 {
            let (entry, rows) = mine.write(at, speech.say())?;
            theirs.take(at, entry)?;
            rows
        } else {
            let (entry, _) = theirs.write(at, speech.say())?;
            mine.take(at, entry)?
        };
        batches.send(rows).context("the database ended early")?;
    }
    Ok(mine.heads().collect())
}
