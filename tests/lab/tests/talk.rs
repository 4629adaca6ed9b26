//! Two people on the loopback device become contacts by a link, talk, and find everything again after a restart.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use veche_lab::cast::{PATIENCE, Person, befriend, text};
use veche_lab::until;

fn texts(history: &[Value]) -> Vec<&str> {
    history.iter().filter_map(|row| row["body"]["text"].as_str()).collect()
}

#[test]
fn two_people_talk_and_everything_is_there_after_a_restart() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let alice = Person::on_loopback("alice", "Alice", folder.path())?;
    let bob = Person::on_loopback("bob", "Bob", folder.path())?;
    let chat = befriend(&bob, &alice)?;
    ensure!(alice.chat_with(&bob)? == chat && bob.chat_with(&alice)? == chat);

    let hello = bob.say(&chat, "Hello Alice, it is me: Боб 🙂")?;
    let heard = alice.hear("Hello Alice, it is me: Боб 🙂")?;
    ensure!(heard["message_id"] == hello.as_str() && heard["author"] == bob.account.as_str(), "{heard}");
    bob.wait_state(&hello, "delivered")?;
    alice.call("chat.mark_read", json!({ "chat_id": chat, "message_id": hello }))?;
    bob.wait_state(&hello, "read")?;
    let answer = alice.call("message.send", json!({ "chat_id": chat, "text": "Hello Bob", "reply_to": hello }))?;
    ensure!(bob.hear("Hello Bob")?["reply_to"] == hello.as_str());
    alice.wait_state(&text(&answer["message_id"])?, "delivered")?;

    edits_reactions_and_deletions(&alice, &bob, &chat)?;

    alice.call("chat.typing", json!({ "chat_id": chat }))?;
    bob.node.wait_event("typing", PATIENCE, |event| event["account_id"] == alice.account.as_str() && event["on"] == true)?;
    bob.call("chat.draft", json!({ "chat_id": chat, "text": "unfinished" }))?;
    bob.call("chat.mute", json!({ "chat_id": chat, "muted": true }))?;
    bob.call("contact.rename", json!({ "account_id": alice.account, "name": "Allie" }))?;
    let numbers =
        [(&alice, &bob), (&bob, &alice)].map(|(one, other)| one.call("contact.safety_number", json!({ "account_id": other.account })));
    let [hers, his] = numbers.map(|number| number.map(|number| number["safety_number"].clone()));
    let (hers, his) = (hers?, his?);
    ensure!(hers == his, "{hers} {his}");
    ensure!(bob.call("contact.verify", json!({ "account_id": alice.account, "safety_number": "1".repeat(60) }))?["verified"] == false);
    ensure!(bob.call("contact.verify", json!({ "account_id": alice.account, "safety_number": hers }))?["verified"] == true);

    let before = (alice.history(&chat)?, bob.history(&chat)?);
    let (alice, bob) = (alice.leave()?, bob.leave()?);
    let (alice, bob) = (alice.back()?, bob.back()?);
    bob.wait_online(&alice)?;
    let after = (alice.history(&chat)?, bob.history(&chat)?);
    ensure!(texts(&before.0) == texts(&after.0) && texts(&before.1) == texts(&after.1), "{before:?} {after:?}");
    let states = |history: &[Value]| history.iter().map(|row| row["state"].clone()).collect::<Vec<_>>();
    ensure!(states(&before.1) == states(&after.1), "{before:?} {after:?}");
    let chats = bob.call("chat.list", json!({}))?;
    ensure!(chats[0]["draft"] == "unfinished" && chats[0]["muted"] == true, "{chats}");
    let people = bob.call("contact.list", json!({}))?;
    ensure!(people[0]["name"] == "Allie" && people[0]["own_name"] == "Alice" && people[0]["verified"] == true, "{people}");

    let again = alice.say(&chat, "still here")?;
    bob.hear("still here")?;
    alice.wait_state(&again, "delivered")?;
    Ok(())
}

fn edits_reactions_and_deletions(alice: &Person, bob: &Person, chat: &str) -> Result<()> {
    let message = bob.say(chat, "teh text")?;
    alice.hear("teh text")?;
    bob.call("message.edit", json!({ "message_id": message, "text": "the text" }))?;
    let get = || alice.call("message.get", json!({ "chat_id": chat, "message_id": message }));
    until("the edit", PATIENCE, || {
        let seen = get()?;
        Ok(if seen["body"]["text"] == "the text" && seen["edited"] == true { Ok(()) } else { Err(seen.to_string()) })
    })?;
    alice.call("message.react", json!({ "message_id": message, "emoji": "👍", "on": true }))?;
    until("the reaction", PATIENCE, || {
        let seen = bob.call("message.get", json!({ "message_id": message }))?;
        let by_alice = json!([{ "emoji": "👍", "by": [alice.account] }]);
        Ok(if seen["reactions"] == by_alice { Ok(()) } else { Err(seen.to_string()) })
    })?;
    ensure!(alice.call("message.edit", json!({ "message_id": message, "text": "mine" })).is_err_and(|why| why.kind == "not_yours"));
    ensure!(alice.call("message.delete", json!({ "message_id": message })).is_err_and(|why| why.kind == "not_yours"));
    bob.call("message.delete", json!({ "message_id": message }))?;
    until("the deletion", PATIENCE, || {
        let seen = get()?;
        Ok(if seen["body"] == json!({ "type": "deleted" }) { Ok(()) } else { Err(seen.to_string()) })
    })
}

#[test]
fn what_is_written_to_somebody_who_is_away_waits_and_arrives() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let alice = Person::on_loopback("alice", "Alice", folder.path())?;
    let bob = Person::on_loopback("bob", "Bob", folder.path())?;
    let chat = befriend(&bob, &alice)?;
    let alice = alice.leave()?;
    let mut last = String::new();
    for number in 0..30 {
        last = bob.say(&chat, &format!("while you were away {number}"))?;
    }
    ensure!(bob.call("message.state", json!({ "message_id": last }))?["state"] == "queued");
    let findings = bob.call("network.diagnose", json!({ "chat_id": chat }))?;
    ensure!(
        findings
            .as_array()
            .is_some_and(|findings| findings.iter().any(|finding| finding["text"].as_str().is_some_and(|text| text.contains("30")))),
        "{findings}"
    );

    let alice = alice.back()?;
    bob.wait_state(&last, "delivered")?;
    let history = alice.history(&chat)?;
    let expected: Vec<String> = (0..30).map(|number| format!("while you were away {number}")).collect();
    ensure!(texts(&history) == expected, "{history:?}");
    let unread = &alice.call("chat.list", json!({}))?[0]["unread"];
    ensure!(*unread == 30, "{unread}");

    // Pages from both ends, and the search.
    let page = alice.call("chat.history", json!({ "chat_id": chat, "limit": 10 }))?;
    ensure!(texts(page.as_array().expect("a list")) == expected[20..]);
    let page = alice.call("chat.history", json!({ "chat_id": chat, "limit": 10, "before": page[0]["message_id"] }))?;
    ensure!(texts(page.as_array().expect("a list")) == expected[10..20]);
    let page = alice.call("chat.history", json!({ "chat_id": chat, "limit": 10, "after": page[9]["message_id"] }))?;
    ensure!(texts(page.as_array().expect("a list")) == expected[20..]);
    let found = alice.call("message.search", json!({ "query": "AWAY 17" }))?;
    ensure!(texts(found.as_array().expect("a list")) == ["while you were away 17"], "{found}");
    let found = alice.call("message.search", json!({ "query": "away 2", "limit": 2 }))?;
    ensure!(texts(found.as_array().expect("a list")) == ["while you were away 29", "while you were away 28"], "{found}");
    let found = alice.call("message.search", json!({ "query": "away 2", "limit": 2, "before": found[1]["message_id"] }))?;
    ensure!(texts(found.as_array().expect("a list")) == ["while you were away 27", "while you were away 26"], "{found}");
    Ok(())
}

#[test]
fn two_connected_nodes_at_rest_use_little() -> Result<()> {
    const WATCHED: Duration = Duration::from_secs(2);
    /// A node without a window, bytes: what the README promises.
    const MOST_MEMORY: u64 = 45 << 20;
    /// Two and a half per cent of a processor: five times what is promised, because two seconds are short and the kernel counts in
    /// hundredths.
    const MOST_CPU: Duration = Duration::from_millis(50);
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let alice = Person::on_loopback("alice", "Alice", folder.path())?;
    let bob = Person::on_loopback("bob", "Bob", folder.path())?;
    let chat = befriend(&bob, &alice)?;
    let said = bob.say(&chat, "good night")?;
    bob.wait_state(&said, "delivered")?;
    std::thread::sleep(Duration::from_millis(500));
    let before = [alice.node.usage()?, bob.node.usage()?];
    std::thread::sleep(WATCHED);
    for (person, before) in [&alice, &bob].into_iter().zip(before) {
        let after = person.node.usage()?;
        ensure!(after.rss < MOST_MEMORY, "{} uses {} bytes", person.login, after.rss);
        let used = after.cpu - before.cpu;
        ensure!(used <= MOST_CPU, "{} used {used:?} of a processor in {WATCHED:?} of rest", person.login);
    }
    Ok(())
}

#[test]
fn the_account_moves_by_a_backup() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let alice = Person::on_loopback("alice", "Alice", folder.path())?;
    let bob = Person::on_loopback("bob", "Bob", folder.path())?;
    let chat = befriend(&bob, &alice)?;
    let said = bob.say(&chat, "keep this")?;
    bob.wait_state(&said, "delivered")?;
    let backup = folder.path().join("backup");
    alice.call("account.export", json!({ "path": backup, "passphrase": "correct horse" }))?;
    let bytes = std::fs::read(&backup)?;
    ensure!(!veche_lab::world::contains(&bytes, b"keep this"), "the backup is sealed");
    alice.node.shutdown()?;

    let recipe = veche_lab::node::Recipe::new("elsewhere", folder.path()).on_loopback(veche_lab::cast::free_port()?);
    let elsewhere = veche_lab::node::Node::start(&recipe)?;
    let wrong = elsewhere.call("account.import", json!({ "path": backup, "passphrase": "battery staple" }));
    ensure!(wrong.as_ref().is_err_and(|why| why.kind == "wrong_passphrase"), "{wrong:?}");
    let imported = elsewhere.call("account.import", json!({ "path": backup, "passphrase": "correct horse" }))?;
    ensure!(imported["account_id"] == alice.account.as_str(), "{imported}");
    let history = elsewhere.call("chat.history", json!({ "chat_id": chat }))?;
    ensure!(texts(history.as_array().expect("a list")) == ["keep this"], "{history}");
    Ok(())
}
