//! Two people with the real app, on two hosts without a way out: from the first start to a conversation that is there the next day, by
//! keyboard alone.
//!
//! What can be seen from outside is the number of unread messages in the title of the window. What they have said is read at the end, from
//! their profiles. A failure keeps pictures and logs, and says where.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use veche_lab::desk::{App, Desk, PATIENCE};
use veche_lab::node::{Node, Recipe};
use veche_lab::world::{Place, TwoHosts, inside};
use veche_lab::{tell, until};

/// Everything from two open windows to the first message: each try takes about ten seconds of pressing keys.
const MEET: Duration = Duration::from_secs(90);
/// A message between two windows that are open and connected.
const MESSAGE: Duration = Duration::from_secs(20);

#[test]
fn two_people_with_the_app_meet_talk_and_find_everything_again() -> Result<()> {
    const NAME: &str = "two_people_with_the_app_meet_talk_and_find_everything_again";
    if inside(NAME, &["Xvfb", "xdotool", "import"])? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let recipe = |name: &str, host: usize| Recipe { namespace: Some(hosts.names[host].clone()), ..Recipe::new(name, folder.path()) };
    let recipes = [recipe("alice", 0), recipe("bob", 1)];
    let desks = [Desk::open(&recipes[0])?, Desk::open(&recipes[1])?];
    let begun = Instant::now();
    let kept = || format!("pictures and logs of windows that were still open are in {}", Desk::kept().display());
    first_day(&desks, &recipes).with_context(kept)?;
    next_day(&desks).with_context(kept)?;
    tell(&format!("two people with the app met, talked, left and came back in {:?}", begun.elapsed()));
    what_was_said(&recipes)
}

/// Accounts, a request, an answer, messages both ways.
fn first_day(desks: &[Desk; 2], recipes: &[Recipe; 2]) -> Result<()> {
    let (alice, bob) = (desks[0].start()?, desks[1].start()?);
    makes_an_account(&alice, "Alice", &recipes[0].profile)?;
    makes_an_account(&bob, "Bob", &recipes[1].profile)?;
    meet(&alice, &bob)?;
    // Bob reads it, which shows in his title, and answers; Alice looks elsewhere until then.
    alice.press(&["ctrl+comma"])?;
    bob.goes_to("alice")?;
    bob.wait_title("Veche", MESSAGE)?;
    bob.says("Hello Alice")?;
    alice.wait_title("(1) Veche", MESSAGE)?;
    alice.goes_to("bob")?;
    alice.wait_title("Veche", MESSAGE)?;
    bob.press(&["ctrl+comma"])?;
    alice.says("How are you")?;
    bob.wait_title("(1) Veche", MESSAGE)?;
    alice.quit()?;
    bob.quit()
}

/// Both start again. The conversation is there, also for changing what was said in it, and goes on.
fn next_day(desks: &[Desk; 2]) -> Result<()> {
    let (alice, bob) = (desks[0].start()?, desks[1].start()?);
    bob.wait_title("(1) Veche", PATIENCE).context("what Bob had not read is not there any more")?;
    alice.goes_to("bob")?;
    // In an empty composer this takes the last own message back for a change.
    alice.press(&["Up", "End"])?;
    alice.says(" today?")?;
    alice.press(&["ctrl+comma"])?;
    bob.goes_to("alice")?;
    bob.wait_title("Veche", MESSAGE)?;
    bob.says("Fine")?;
    alice.wait_title("(1) Veche", PATIENCE)?;
    alice.quit()?;
    bob.quit()
}

/// Typed into the field that has the focus from the start; the login is proposed from the name.
fn makes_an_account(app: &App<'_>, name: &str, profile: &Path) -> Result<()> {
    until("a profile that is ready for an account", PATIENCE, || Ok(profile.join("lock").exists().then_some(()).ok_or_else(String::new)))?;
    until("the account", PATIENCE, || {
        app.says(name)?;
        let made = until("its key", Duration::from_secs(3), || Ok(profile.join("keyfile").exists().then_some(()).ok_or_else(String::new)));
        Ok(made.map_err(|why| why.to_string()))
    })
}

/// Alice asks the one person nearby, Bob accepts the one request, Alice greets him, and it shows in his title. Nobody sees from outside how
/// far the two are, so everything is done again until it has worked; doing it twice does no harm.
fn meet(alice: &App<'_>, bob: &App<'_>) -> Result<()> {
    until("a greeting of Alice at Bob's", MEET, || {
        // The last thing on the page that can be pressed is the button of the last person on it.
        alice.goes_to("near you")?;
        alice.press(&["shift+Tab", "space"])?;
        // Behind accepting come declining and blocking.
        bob.goes_to("requests")?;
        bob.press(&["shift+Tab", "shift+Tab", "shift+Tab", "space", "Escape", "ctrl+comma"])?;
        alice.goes_to("bob")?;
        alice.says("Hello Bob")?;
        Ok(bob.wait_title("(1) Veche", Duration::from_secs(3)).map_err(|why| why.to_string()))
    })
}

/// What both have in their profiles.
fn what_was_said(recipes: &[Recipe; 2]) -> Result<()> {
    let mut histories = Vec::new();
    for recipe in recipes {
        // Alone, so that nothing is mended that the apps left broken.
        let node = Node::start(&recipe.clone().with(["--no-discovery"]))?;
        let chats = node.call("chat.list", json!({}))?;
        let chat = chats[0]["chat_id"].as_str().with_context(|| format!("no conversation: {chats}"))?.to_owned();
        let history = node.call("chat.history", json!({ "chat_id": chat, "limit": 50 }))?;
        histories.push(history.as_array().cloned().context("history is no list")?);
        node.shutdown()?;
    }
    for history in &histories {
        let texts: Vec<&str> = history.iter().filter_map(|row| row["body"]["text"].as_str()).collect();
        ensure!(texts == ["Hello Bob", "Hello Alice", "How are you today?", "Fine"], "{texts:?}");
        let arrived = |row: &Value| row["mine"] == false || row["state"] == "delivered" || row["state"] == "read";
        ensure!(history.iter().all(arrived), "{history:?}");
    }
    let ids = |history: &[Value]| history.iter().map(|row| row["message_id"].clone()).collect::<Vec<_>>();
    ensure!(ids(&histories[0]) == ids(&histories[1]), "two histories");
    Ok(())
}
