//! Calls between people, with files in the place of microphones and loudspeakers.

use crate::cast::{PATIENCE, Person};
use crate::node::Recipe;
use crate::sound::Clip;
use crate::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From accepting to sound on a busy machine.
pub const CONNECT: Duration = Duration::from_secs(20);

/// The node renews what it answers questions from once a frame; much more on a busy machine.
const LIST_LAG: Duration = Duration::from_millis(500);

/// What somebody says in a call, and where what they hear is kept.
pub struct Phone {
    /// What the microphone hears, once, from when it is opened.
    pub says: Clip,
    input: PathBuf,
    output: PathBuf,
}

impl Phone {
    /// Writes what is said into a folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn new(name: &str, says: Clip, folder: &Path) -> Result<Self> {
        let input = says.write(&folder.join(format!("{name}-says.wav")))?;
        Ok(Self { says, input, output: folder.join(format!("{name}-hears.wav")) })
    }

    /// A node that calls through it.
    #[must_use]
    pub fn on(&self, recipe: Recipe) -> Recipe {
        recipe.with(["--audio".to_owned(), format!("wav:{},{}", self.input.display(), self.output.display())])
    }

    /// What the loudspeaker played. Whole only after the node has ended.
    ///
    /// # Errors
    /// Nothing was ever played.
    pub fn heard(&self) -> Result<Clip> {
        Clip::read(&self.output)
    }
}

/// Has a node send its microphone as it is, all the time.
///
/// # Errors
/// The node refuses.
pub fn unprocessed(person: &Person) -> Result<()> {
    let sound = json!({ "transmission": "open", "echo_cancellation": false, "noise_suppression": "off", "gain_control": false });
    person.call("settings.set", json!({ "sound": sound }))?;
    Ok(())
}

/// One calls, and it rings at the other's. Returns the call.
///
/// # Errors
/// It does not ring.
pub fn ring(caller: &Person, called: &Person) -> Result<String> {
    let started = caller.call("call.start", json!({ "account_id": called.account }))?;
    let call = started["call_id"].as_str().context("no call")?.to_owned();
    let incoming = called.node.wait_event("call.incoming", PATIENCE, |event| event["call"]["call_id"] == call.as_str())?;
    ensure!(incoming["call"]["account_id"] == caller.account.as_str() && incoming["call"]["phase"] == "incoming", "{incoming}");
    Ok(call)
}

/// One calls, the other takes it. Returns the call once both have sound.
///
/// # Errors
/// There is no call.
pub fn connect(caller: &Person, called: &Person) -> Result<String> {
    let call = ring(caller, called)?;
    wait_phase(caller, &call, "ringing")?;
    called.call("call.accept", json!({ "call_id": call }))?;
    for person in [caller, called] {
        wait_phase(person, &call, "active")?;
    }
    Ok(call)
}

/// Waits until a call has got this far.
///
/// # Errors
/// It does not.
pub fn wait_phase(person: &Person, call: &str, wanted: &str) -> Result<Value> {
    let fits = |event: &Value| event["call_id"] == call && event["phase"] == wanted && event["ended"].is_null();
    person.node.wait_event("call.state", CONNECT, fits).with_context(|| format!("{wanted} at {}", person.login))
}

/// Lets a call go on for a while, which it has to do.
///
/// # Errors
/// Sound does not pass all the time.
pub fn talk(person: &Person, call: &str, span: Duration) -> Result<()> {
    let begun = Instant::now();
    until("the end of a talk", span + PATIENCE, || {
        let calls = person.call("call.list", json!({}))?;
        let talking = calls[0]["call_id"] == call && calls[0]["phase"] == "active";
        // The list may be a moment older than the event that told of the call.
        ensure!(talking || begun.elapsed() < LIST_LAG, "not talking any more: {calls}");
        Ok(if talking && begun.elapsed() >= span { Ok(()) } else { Err(calls.to_string()) })
    })
}

/// Waits for the end of a call. Returns its reason; there has to be a sentence with it.
///
/// # Errors
/// It does not end.
pub fn wait_end(person: &Person, call: &str, patience: Duration) -> Result<String> {
    let event = person.node.wait_event("call.state", patience, |event| event["call_id"] == call && event["ended"].is_string())?;
    let sentence = event["reason"].as_str().unwrap_or_default();
    ensure!(sentence.ends_with('.') && sentence.contains(' '), "an end without a sentence: {event}");
    crate::cast::text(&event["ended"])
}

/// Waits until the newest row of the conversation is this call, and returns the row.
///
/// # Errors
/// It is not.
pub fn in_history(person: &Person, other: &Person, call: &str) -> Result<Value> {
    let chat = person.chat_with(other)?;
    until("a call in the history", PATIENCE, || {
        let last = person.history(&chat)?.last().cloned().unwrap_or_default();
        Ok(if last["body"]["call_id"] == call { Ok(last) } else { Err(last.to_string()) })
    })
}
