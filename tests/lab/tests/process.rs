//! The program itself: how it starts, ends, keeps and refuses profiles, and what it says on which stream.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use veche_lab::binary::veche_node;
use veche_lab::cast::{Person, text};
use veche_lab::node::{Node, Recipe};

fn alone(name: &str, folder: &Path) -> Recipe {
    Recipe::new(name, folder).with(["--no-discovery", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"])
}

fn kind_of(node: &Node, method: &str, params: Value) -> String {
    node.call(method, params).expect_err("it is refused").kind
}

#[test]
fn requests_are_answered_when_they_are_piped_in_and_nothing_else_is_written() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(veche_node()?)
        .args(["--no-discovery", "--log", "debug", "--profile"])
        .arg(folder.path().join("p"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let requests =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.show\"}\nnonsense\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"rpc.discover\"}";
    child.stdin.take().expect("piped").write_all(requests.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout)?;
    let answers: Vec<Value> = said.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(answers.len() == 3, "{said}");
    let with_id = |id: Value| answers.iter().find(|answer| answer["id"] == id).expect("an answer");
    ensure!(with_id(json!(1))["error"]["data"]["kind"] == "no_account", "{said}");
    ensure!(with_id(Value::Null)["error"]["code"] == -32700, "{said}");
    let kept: Value = serde_json::from_str(&fs::read_to_string(veche_lab::binary::root().join("docs/openrpc.json"))?)?;
    ensure!(with_id(json!(2))["result"] == kept, "rpc.discover is not docs/openrpc.json");
    Ok(())
}

#[test]
fn it_ends_with_status_0_on_each_of_the_ways_to_end_it() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let recipe = alone("node", folder.path());
    Node::start(&recipe)?.shutdown()?;
    for signal in ["TERM", "INT"] {
        let status = Node::start(&recipe)?.signal(signal)?;
        ensure!(status.success(), "{signal}: {status}");
    }
    let mut node = Node::start(&recipe)?;
    node.call("node.shutdown", json!({}))?;
    ensure!(node.ended()?.success());
    ensure!(node.strays().is_empty(), "{:?}", node.strays());
    Ok(())
}

#[test]
fn options_that_do_not_exist_are_refused_with_a_sentence() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    for arguments in [
        &["--audio", "loud"][..],
        &["--rpc", "ws:127.0.0.1:1"],
        &["--listen", "here"],
        &["--log", "x=y=z"],
        &["--passphrase-file", "/nonexistent"],
    ] {
        let (status, said) = Recipe::new("node", folder.path()).with(arguments.iter().copied()).run_to_end()?;
        ensure!(!status.success(), "{arguments:?}");
        let named = arguments[0].trim_start_matches("--").replace("passphrase-file", "passphrase file").replace("log", "log filter");
        ensure!(said.contains(&named) || said.contains(arguments[0]), "{arguments:?}: {said}");
    }
    ensure!(!folder.path().join("node").exists(), "nothing was made");
    Ok(())
}

#[test]
fn a_second_instance_is_told_so_within_a_second_and_the_first_goes_on() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let first = Node::start(&alone("node", folder.path()))?;
    first.call("account.create", json!({ "login": "alice", "name": "Alice" }))?;
    let started = std::time::Instant::now();
    let (status, said) = alone("node", folder.path()).run_to_end()?;
    let took = started.elapsed();
    ensure!(status.code() == Some(1), "{status}");
    ensure!(said.contains("already running with this profile"), "{said}");
    ensure!(took.as_millis() < 1500, "{took:?}");
    ensure!(first.call("account.show", json!({}))?["login"] == "alice");
    Ok(())
}

#[test]
fn a_sealed_profile_opens_with_its_passphrase_and_with_no_other() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    fs::write(&right, "correct horse\n")?;
    fs::write(&wrong, "battery staple\n")?;
    let plain = alone("node", folder.path());
    let with = |file: &Path| plain.clone().with(["--passphrase-file".into(), file.as_os_str().to_owned()]);

    let node = Node::start(&with(&right))?;
    let made = node.call("account.create", json!({ "login": "alice", "name": "Alice" }))?;
    ensure!(node.call("account.protection", json!({}))?["protection"] == "passphrase");
    node.shutdown()?;

    let (status, said) = with(&wrong).run_to_end()?;
    ensure!(status.code() == Some(1) && said.contains("The passphrase is not right"), "{status} {said}");

    let node = Node::start(&plain)?;
    ensure!(kind_of(&node, "account.show", json!({})) == "locked");
    ensure!(kind_of(&node, "account.create", json!({ "login": "eve", "name": "Eve" })) == "account_exists");
    ensure!(kind_of(&node, "account.unlock", json!({ "passphrase": "battery staple" })) == "wrong_passphrase");
    node.call("account.unlock", json!({ "passphrase": "correct horse" }))?;
    ensure!(node.call("account.show", json!({}))?["account_id"] == made["account_id"]);
    node.call("account.set_passphrase", json!({ "passphrase": "battery staple" }))?;
    node.shutdown()?;

    let (status, _) = with(&right).run_to_end()?;
    ensure!(status.code() == Some(1), "the old passphrase opens no more");
    let node = Node::start(&with(&wrong))?;
    ensure!(node.call("account.set_passphrase", json!({}))?["protection"] == "plain");
    node.shutdown()?;
    let node = Node::start(&plain)?;
    ensure!(node.call("account.show", json!({}))?["account_id"] == made["account_id"]);
    Ok(())
}

#[test]
fn a_damaged_database_is_told_in_a_sentence_and_never_a_panic() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let recipe = alone("node", folder.path());
    let node = Node::start(&recipe)?;
    node.call("account.create", json!({ "login": "alice", "name": "Alice" }))?;
    node.shutdown()?;
    let mut spoilt = 0;
    for entry in fs::read_dir(recipe.profile.join("db"))?.flatten().filter(|entry| entry.path().is_file()) {
        let size = usize::try_from(entry.metadata()?.len())?;
        fs::write(entry.path(), vec![0xA5; size.min(1 << 20)])?;
        spoilt += 1;
    }
    ensure!(spoilt > 0, "there are files to spoil");
    let (status, said) = recipe.run_to_end()?;
    ensure!(status.code() == Some(1), "{status} {said}");
    ensure!(said.contains("damaged") && !said.contains("panicked"), "{said}");
    Ok(())
}

#[test]
fn an_account_comes_back_with_its_words_and_a_deleted_one_does_not() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let alice = Person::new(&alone("alice", folder.path()), "alice", "Alice")?;
    ensure!(text(&alice.call("account.words", json!({}))?["recovery_phrase"])? == alice.words);
    ensure!(alice.words.split_whitespace().count() == 12, "{}", alice.words);
    alice.call("account.confirm_words", json!({}))?;
    alice.call("account.update", json!({ "name": "Alice L.", "info": "about me" }))?;
    let recipe = alone("elsewhere", folder.path());
    let elsewhere = Node::start(&recipe)?;
    let nonsense = json!({ "recovery_phrase": "abandon ability able", "login": "alice" });
    ensure!(kind_of(&elsewhere, "account.restore", nonsense) == "words");
    let restored = elsewhere.call("account.restore", json!({ "recovery_phrase": alice.words, "login": "alice" }))?;
    ensure!(restored["account_id"] == alice.account.as_str() && restored["tag"] == alice.tag.as_str(), "{restored}");
    ensure!(kind_of(&elsewhere, "account.create", json!({ "login": "alice", "name": "A" })) == "account_exists");

    let mut alice = alice.leave()?.back()?;
    let shown = alice.call("account.show", json!({}))?;
    ensure!((&shown["name"], &shown["info"], &shown["words_saved"]) == (&json!("Alice L."), &json!("about me"), &json!(true)), "{shown}");
    alice.call("account.delete", json!({ "confirm": "alice" }))?;
    ensure!(alice.node.ended()?.success(), "{}", alice.node.log());
    let left: Vec<_> =
        fs::read_dir(&alice.node.recipe().profile).map(|entries| entries.flatten().map(|e| e.file_name()).collect()).unwrap_or_default();
    ensure!(left.is_empty(), "left behind: {left:?}");
    let node = Node::start(&alone("alice", folder.path()))?;
    ensure!(kind_of(&node, "account.show", json!({})) == "no_account");
    Ok(())
}

#[test]
fn the_socket_serves_several_programs_at_once() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rpc");
    let mut child = Command::new(veche_node()?)
        .args(["--no-discovery", "--rpc"])
        .arg(format!("unix:{}", path.display()))
        .arg("--profile")
        .arg(folder.path().join("p"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    veche_lab::until("a socket", std::time::Duration::from_secs(10), || Ok(if path.exists() { Ok(()) } else { Err("nothing".into()) }))?;
    let mut programs = Vec::new();
    for id in 0..3 {
        let mut stream = UnixStream::connect(&path)?;
        writeln!(stream, "{}", json!({ "jsonrpc": "2.0", "id": id, "method": "node.version" }))?;
        programs.push((id, BufReader::new(stream)));
    }
    for (id, reader) in &mut programs {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        ensure!(answer["id"] == *id && answer["result"]["name"] == "veche-node", "{answer}");
    }
    let (_, first) = &mut programs[0];
    writeln!(first.get_mut(), "{}", json!({ "jsonrpc": "2.0", "id": 9, "method": "node.shutdown" }))?;
    let status = child.wait()?;
    ensure!(status.success() && !path.exists(), "{status}");
    Ok(())
}
