//! Two people with the real app and a sound server call each other: what is said into a microphone comes out of the other's loudspeaker.
//!
//! The call is made, taken, muted and ended by keyboard. That it rings, that it is connected and that it is muted is heard. A folder in
//! `VECHE_LAB_PICTURES` gets a picture of each step.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use veche_lab::cast::{Person, befriend};
use veche_lab::desk::{App, Desk};
use veche_lab::loudspeakers::{PROGRAMS, Server};
use veche_lab::node::{Node, Recipe};
use veche_lab::sound::{Clip, compare, longest_silence};
use veche_lab::world::{Place, TwoHosts, inside};
use veche_lab::{tell, until};

/// From a key to the sound that it leads to, on a busy machine without a graphics card.
const SOON: Duration = Duration::from_secs(30);
/// After a sentence: what is still on its way.
const REST: Duration = Duration::from_secs(1);
/// How often a sentence is said until it is heard well: where the machine leaves the sound server no time, the server itself drops sound.
const ATTEMPTS: usize = 3;

#[test]
fn two_people_with_the_app_call_each_other() -> Result<()> {
    let needed: Vec<&str> = ["Xvfb", "xdotool", "import", "espeak-ng"].into_iter().chain(PROGRAMS).collect();
    if inside("two_people_with_the_app_call_each_other", &needed)? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let recipe = |name: &str, host: usize| Recipe { namespace: Some(hosts.names[host].clone()), ..Recipe::new(name, folder.path()) };
    let recipes = [recipe("alice", 0), recipe("bob", 1)];
    become_contacts(&recipes)?;
    let server = Server::start(&folder.path().join("sound"), &["alice", "bob"])?;
    let desks = [Desk::open(&recipes[0])?.with(server.ears("alice")), Desk::open(&recipes[1])?.with(server.ears("bob"))];
    let talked = call(&server, &desks, folder.path())
        .with_context(|| format!("pictures and logs of windows that were still open are in {}", Desk::kept().display()))?;
    what_is_written_of_it(&recipes, talked)
}

fn become_contacts(recipes: &[Recipe; 2]) -> Result<()> {
    let lan = |recipe: &Recipe| recipe.clone().with(["--lan", "--audio", "none"]);
    let alice = Person::new(&lan(&recipes[0]), "alice", "Alice")?;
    let bob = Person::new(&lan(&recipes[1]), "bob", "Bob")?;
    befriend(&alice, &bob)?;
    alice.leave()?;
    bob.leave()?;
    Ok(())
}

/// Returns for how long they were connected.
fn call(server: &Server, desks: &[Desk; 2], folder: &Path) -> Result<Duration> {
    let (alice, bob) = (desks[0].start()?, desks[1].start()?);
    alice.goes_to("bob")?;
    alice.says("May I call you?")?;
    bob.wait_title("(1) Veche", SOON)?;
    bob.goes_to("alice")?;
    bob.wait_title("Veche", SOON)?;

    let at_bob = server.listen("bob")?;
    alice.press(&["ctrl+apostrophe"])?;
    until("a telephone that rings at Bob's", SOON, || {
        let loudness = at_bob.so_far().loudness();
        Ok(if loudness > -60.0 { Ok(()) } else { Err(format!("{loudness} dB")) })
    })?;
    picture(&alice, "calling")?;
    picture(&bob, "ringing")?;
    drop(at_bob);
    bob.press(&["ctrl+Return"])?;
    let connected = Instant::now();
    picture(&bob, "accepted")?;

    let sentence = |who: &str, voice: &str, words: &str| -> Result<(Clip, PathBuf)> {
        let said = Clip::silence(Duration::from_millis(300)).then(&Clip::spoken(words, voice, folder)?);
        let file = said.write(&folder.join(format!("{who}-says.wav")))?;
        Ok((said, file))
    };
    let hers = sentence("alice", "en-gb", "The assembly of the town met on the bridge, and everybody who had something to say was heard.")?;
    let his = sentence("bob", "en-us", "Seven wizards jog home quickly, while the quick brown fox jumps over the lazy dog.")?;
    is_heard(server, "alice", &hers, "bob")?;
    is_heard(server, "bob", &his, "alice")?;
    picture(&alice, "talking")?;
    picture(&bob, "listening")?;

    // Alice's microphone off, and on again.
    alice.press(&["ctrl+shift+m"])?;
    let at_bob = server.listen("bob")?;
    server.say("alice", &hers.1)?;
    picture(&alice, "muted")?;
    picture(&bob, "sees-muted")?;
    let (silence, length) = (longest_silence(&at_bob.so_far()), hers.0.length());
    drop(at_bob);
    ensure!(silence + REST > length, "Bob heard something of a muted Alice: silent for {silence:?} only, while she spoke for {length:?}");
    alice.press(&["ctrl+shift+m"])?;
    is_heard(server, "alice", &hers, "bob")?;

    bob.press(&["ctrl+shift+h"])?;
    let talked = connected.elapsed();
    // A window without a graphics card on a busy machine may take its time to see the key; how long the call was is compared below.
    until("silence after the end", SOON, || {
        let after = server.listen("bob")?;
        server.say("alice", &hers.1)?;
        let loudness = after.so_far().loudness();
        Ok(if loudness < -80.0 { Ok(()) } else { Err(format!("{loudness} dB")) })
    })?;
    picture(&alice, "ended")?;
    picture(&bob, "hung-up")?;
    alice.quit()?;
    bob.quit()?;
    Ok(talked)
}

/// What one says into the microphone comes out of the other's loudspeaker.
fn is_heard(server: &Server, who: &str, (said, file): &(Clip, PathBuf), where_to: &str) -> Result<()> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let recorder = server.listen(where_to)?;
        server.say(who, file)?;
        sleep(REST);
        let likeness = compare(said, &recorder.so_far())?;
        tell(&format!("{who} at {where_to}'s: correlation {:.2}, {:.0} % of it found", likeness.correlation, likeness.found * 100.0));
        // The first syllable opens the microphone, and what is processed is not what was said.
        if likeness.found >= 0.7 {
            return Ok(());
        }
        last = Some(likeness);
    }
    anyhow::bail!("{where_to} does not hear {who}: {last:?}")
}

fn picture(app: &App<'_>, step: &str) -> Result<()> {
    std::env::var_os("VECHE_LAB_PICTURES").map_or(Ok(()), |folder| app.picture(&Path::new(&folder).join(format!("call-{step}.png"))))
}

/// Both have the call in their history.
fn what_is_written_of_it(recipes: &[Recipe; 2], talked: Duration) -> Result<()> {
    for (recipe, mine) in recipes.iter().zip([true, false]) {
        // Alone, so that nothing is mended that the apps left broken.
        let node = Node::start(&recipe.clone().with(["--no-discovery", "--audio", "none"]))?;
        let chats = node.call("chat.list", json!({}))?;
        let chat = chats[0]["chat_id"].as_str().with_context(|| format!("no conversation: {chats}"))?.to_owned();
        let history = node.call("chat.history", json!({ "chat_id": chat, "limit": 50 }))?;
        let calls: Vec<&Value> = history.as_array().into_iter().flatten().filter(|row| row["body"]["type"] == "call").collect();
        ensure!(calls.len() == 1 && calls[0]["body"]["outcome"] == "talked" && calls[0]["mine"] == mine, "{history}");
        let told = Duration::from_millis(calls[0]["body"]["duration_ms"].as_u64().unwrap_or_default());
        ensure!(told.abs_diff(talked) < Duration::from_secs(5), "{told:?} in the history, {talked:?} on the clock");
        node.shutdown()?;
    }
    Ok(())
}
