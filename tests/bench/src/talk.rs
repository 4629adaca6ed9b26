//! Two `veche-node` processes on the loopback device.

use crate::table::{Row, Times, Verdict, mib, ms};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend};

/// Messages whose latency is taken, after [`WARM_UP`] others.
const MESSAGES: usize = 400;
/// Messages before anything is measured: the session, the caches and the processor's clock settle.
const WARM_UP: usize = 40;
/// Characters of a message.
const LENGTH: usize = 100;
/// Bytes of the write that stands for a commit. What a received message writes (entry, timeline row, session, heads) is about that
/// long.
const COMMIT: usize = 1536;
/// Messages sent one way as fast as they are taken.
const MANY: usize = 20_000;
/// How often that is done.
const PASSES: usize = 6;
/// Calls that wait for their answer at any time.
const IN_FLIGHT: usize = 64;
/// No more is sent after this long.
const SENDING: Duration = Duration::from_secs(60);
/// What was sent has to arrive within this time after that.
const DRAIN: Duration = Duration::from_secs(30);
/// How long idling is watched.
const IDLE: Duration = Duration::from_secs(20);
/// Starts of a node.
const STARTS: usize = 7;

/// Measures. The order matters: latency and idling with a young store, then many messages, then starts with the store of those.
pub fn rows() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let alice = Person::on_loopback("alice", "Alice", folder.path())?;
    let bob = Person::on_loopback("bob", "Bob", folder.path())?;
    let chat = befriend(&alice, &bob)?;
    let mut rows = vec![latency(&alice, &bob, &chat, folder.path())?];
    rows.extend(idle(&alice, &bob)?);
    let [rate, memory] = throughput(&alice, &bob, &chat)?;
    rows.extend([rate, memory]);
    rows.push(growth(&alice, &bob, &chat)?);
    rows.extend(start(bob, &chat)?);
    Ok(rows)
}

/// The call of the sender to the event of the receiver, beside commits on the same disk, taken in turn.
fn latency(alice: &Person, bob: &Person, chat: &str, folder: &Path) -> Result<Row> {
    let mut disk = File::create(folder.join("commits"))?;
    let bytes = [0x5a; COMMIT];
    let (mut messages, mut commits, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..WARM_UP + MESSAGES {
        let text = format!("{n:0>LENGTH$}");
        let begun = Instant::now();
        let call = alice.node.ask("message.send", &json!({ "chat_id": chat, "text": text }))?;
        bob.node.wait_event("message.received", PATIENCE, |event| event["message"]["body"]["text"] == text.as_str())?;
        let message = begun.elapsed();
        let id = alice.node.answer(call, "message.send")?["message_id"].clone();
        // Receipts and what they write are no part of the next measurement.
        thread::sleep(Duration::from_millis(5));
        let begun = Instant::now();
        disk.write_all(&bytes)?;
        disk.sync_data()?;
        let commit = begun.elapsed();
        let begun = Instant::now();
        alice.call("message.state", json!({ "message_id": id }))?;
        let call = begun.elapsed();
        if n >= WARM_UP {
            messages.push(message);
            commits.push(commit);
            calls.push(call);
        }
        let _ = (alice.node.take_events(), bob.node.take_events());
    }
    let (messages, commits, calls) = (Times::from(messages), Times::from(commits), Times::from(calls));
    let most = Duration::from_millis(1) + commits.at(50) * 2;
    let met = messages.at(50) <= most && messages.at(99) <= Duration::from_millis(25);
    Ok(Row {
        number: "1",
        what: "text of 100 B in a DM: sender's RPC call to receiver's event, durable at both",
        figure: format!("p50 {}, p99 {}, {} messages", ms(messages.at(50)), ms(messages.at(99)), messages.count()),
        beside: format!(
            "write and fdatasync of {COMMIT} B: p50 {}, p99 {}; an RPC call that only asks: p50 {}",
            ms(commits.at(50)),
            ms(commits.at(99)),
            ms(calls.at(50))
        ),
        target: format!("p50 <= 1 ms and two commits ({}), p99 <= 25 ms", ms(most)),
        verdict: Verdict::of(met),
    })
}

/// Memory and processor of a node with a contact that is connected, while nobody does anything.
fn idle(alice: &Person, bob: &Person) -> Result<[Row; 2]> {
    // What the messages before left to do is done.
    thread::sleep(Duration::from_secs(2));
    let before = [alice.node.usage()?, bob.node.usage()?];
    thread::sleep(IDLE);
    let after = [alice.node.usage()?, bob.node.usage()?];
    let rss = after.iter().map(|usage| usage.rss).max().unwrap_or_default();
    let share = |n: usize| (after[n].cpu.saturating_sub(before[n].cpu)).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    let cpu = share(0).max(share(1));
    let beside = format!("the larger of two nodes, one contact connected, {} s", IDLE.as_secs());
    Ok([
        Row {
            number: "18",
            what: "idle node: memory",
            figure: format!("{:.1} MiB", mib(rss)),
            beside: beside.clone(),
            target: "<= 45 MB".to_owned(),
            verdict: Verdict::of(rss <= 45_000_000),
        },
        Row {
            number: "18",
            what: "idle node: processor",
            figure: format!("{cpu:.2} % of a core"),
            beside,
            target: "<= 0.5 %".to_owned(),
            verdict: Verdict::of(cpu <= 0.5),
        },
    ])
}

/// Memory after each further pass. Caches fill once; what grows by as much in every pass is something else.
fn growth(alice: &Person, bob: &Person, chat: &str) -> Result<Row> {
    let mut after = vec![[alice.node.usage()?.rss, bob.node.usage()?.rss]];
    for _ in 1..PASSES {
        throughput(alice, bob, chat)?;
        after.push([alice.node.usage()?.rss, bob.node.usage()?.rss]);
    }
    let list = |n: usize| after.iter().map(|both| format!("{:.0}", mib(both[n]))).collect::<Vec<_>>().join(", ");
    let last = |n: usize| after.iter().rev().take(2).map(|both| both[n]).reduce(u64::saturating_sub);
    let last = last(0).max(last(1)).unwrap_or_default();
    Ok(Row {
        number: "2",
        what: "memory after each of several such passes",
        figure: format!("sender {} MiB, receiver {} MiB", list(0), list(1)),
        beside: format!("{PASSES} passes of {MANY} messages; the last cost {:.1} MiB", mib(last)),
        target: "it comes to an end".to_owned(),
        verdict: Verdict::Shown,
    })
}

/// As many messages as are taken, one way, and every one of them looked for at the other end.
fn throughput(alice: &Person, bob: &Person, chat: &str) -> Result<[Row; 2]> {
    let (alice_before, bob_before) = (alice.node.usage()?, bob.node.usage()?);
    let _ = (alice.node.take_events(), bob.node.take_events());
    let begun = Instant::now();
    let (sent, (arrived, took)) = thread::scope(|scope| -> Result<_> {
        let sending = scope.spawn(|| send_many(alice, chat));
        let mut heard = Heard::default();
        let mut last = begun;
        let mut sent = None;
        let mut sending = Some(sending);
        loop {
            if heard.take(&bob.node.take_events())? > 0 {
                last = Instant::now();
            }
            let _ = alice.node.take_events();
            if sending.as_ref().is_some_and(thread::ScopedJoinHandle::is_finished)
                && let Some(done) = sending.take()
            {
                sent = Some((done.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??, Instant::now()));
            }
            if let Some((count, at)) = sent {
                if heard.count == count {
                    // A doubled message would come now.
                    thread::sleep(Duration::from_millis(500));
                    heard.take(&bob.node.take_events())?;
                    return Ok((count, (heard.count, last - begun)));
                }
                if at.elapsed() > DRAIN {
                    bail!("{} of {count} messages did not arrive within {DRAIN:?}", count - heard.count);
                }
            }
            thread::sleep(Duration::from_millis(2));
        }
    })?;
    ensure!(sent == arrived, "{sent} were sent and {arrived} arrived");
    let rate = sent as f64 / took.as_secs_f64();
    let growth = |person: &Person, before: u64| -> Result<u64> { Ok(person.node.usage()?.rss.saturating_sub(before)) };
    let (alice_grew, bob_grew) = (growth(alice, alice_before.rss)?, growth(bob, bob_before.rss)?);
    let cpu = |person: &Person, before: Duration| -> Result<f64> {
        Ok(person.node.usage()?.cpu.saturating_sub(before).as_secs_f64() / sent as f64 * 1e6)
    };
    Ok([
        Row {
            number: "2",
            what: "throughput one way in a DM",
            figure: format!("{rate:.0} messages/s, {sent} sent, 0 lost, 0 twice"),
            beside: format!(
                "processor per message: sender {:.0} µs, receiver {:.0} µs",
                cpu(alice, alice_before.cpu)?,
                cpu(bob, bob_before.cpu)?
            ),
            target: ">= 2,000/s (aim 10,000), 0 lost".to_owned(),
            verdict: Verdict::of(rate >= 2000.0 && sent == MANY),
        },
        Row {
            number: "2",
            what: "memory that those messages cost",
            figure: format!("sender +{:.1} MiB, receiver +{:.1} MiB", mib(alice_grew), mib(bob_grew)),
            beside: format!("before: {:.1} and {:.1} MiB", mib(alice_before.rss), mib(bob_before.rss)),
            target: "< 20 MB".to_owned(),
            verdict: Verdict::of(alice_grew.max(bob_grew) < 20_000_000),
        },
    ])
}

/// Keeps [`IN_FLIGHT`] calls waiting. Returns how many messages were accepted.
fn send_many(alice: &Person, chat: &str) -> Result<usize> {
    let begun = Instant::now();
    let mut waiting = VecDeque::new();
    let mut sent = 0;
    while sent < MANY && begun.elapsed() < SENDING {
        if waiting.len() >= IN_FLIGHT
            && let Some(call) = waiting.pop_front()
        {
            alice.node.answer(call, "message.send")?;
        }
        waiting.push_back(alice.node.ask("message.send", &json!({ "chat_id": chat, "text": format!("many {sent:0>LENGTH$}") }))?);
        sent += 1;
    }
    for call in waiting {
        alice.node.answer(call, "message.send")?;
    }
    Ok(sent)
}

/// Messages of [`send_many`] that came, which have to come in their order.
#[derive(Default)]
struct Heard {
    count: usize,
}

impl Heard {
    /// Returns how many of the events were such messages.
    fn take(&mut self, events: &[Value]) -> Result<usize> {
        let before = self.count;
        for event in events.iter().filter(|event| event["kind"] == "message.received") {
            let text = event["message"]["body"]["text"].as_str().unwrap_or_default();
            let Some(number) = text.strip_prefix("many ") else { continue };
            let number: usize = number.parse().context("a text that nobody wrote")?;
            ensure!(number == self.count, "message {number} came where {} was due", self.count);
            self.count += 1;
        }
        Ok(self.count - before)
    }
}

/// Starts of a node with the store that the messages filled: process to first answer, and to the newest page.
fn start(bob: Person, chat: &str) -> Result<[Row; 2]> {
    let (mut answers, mut pages) = (Vec::new(), Vec::new());
    let mut absent = bob.leave()?;
    for _ in 0..STARTS {
        let begun = Instant::now();
        let bob = absent.back()?;
        answers.push(begun.elapsed());
        let chats = bob.call("chat.list", json!({}))?;
        let page = bob.call("chat.history", json!({ "chat_id": chat, "limit": 50 }))?;
        pages.push(begun.elapsed().saturating_sub(*answers.last().context("a start")?));
        ensure!(chats.as_array().is_some_and(|chats| !chats.is_empty()), "no conversation after the start");
        ensure!(page.as_array().is_some_and(|page| page.len() == 50), "no page after the start");
        absent = bob.leave()?;
    }
    let (answers, pages) = (Times::from(answers), Times::from(pages));
    let beside = format!("one conversation of {} messages; {STARTS} starts", PASSES * MANY);
    Ok([
        Row {
            number: "5",
            what: "process start to the first RPC answer",
            figure: format!("p50 {}, longest {}", ms(answers.at(50)), ms(answers.longest())),
            beside: beside.clone(),
            target: "none for this size".to_owned(),
            verdict: Verdict::Shown,
        },
        Row {
            number: "5",
            what: "list of conversations and newest 50 messages after that",
            figure: format!("p50 {}, longest {}", ms(pages.at(50)), ms(pages.longest())),
            beside,
            target: "<= 300 ms (with 1,000,000 messages)".to_owned(),
            verdict: Verdict::Shown,
        },
    ])
}
