//! Somebody records every packet of a conversation and finds nothing to read in it.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use serde_json::json;
use std::net::UdpSocket;
use veche_lab::cast::{Person, befriend, free_port};
use veche_lab::node::Recipe;
use veche_lab::world::{Capture, Place, inside};

/// Said in the open, so that the search is known to find what is there.
const CONTROL: &str = "a word in the open";

#[test]
fn a_recording_of_the_wire_has_neither_text_nor_login_nor_name() -> Result<()> {
    if inside("a_recording_of_the_wire_has_neither_text_nor_login_nor_name", &["tcpdump"])? == Place::Done {
        return Ok(());
    }
    for transport in ["udp/PORT/quic-v1", "tcp/PORT"] {
        let folder = tempfile::tempdir()?;
        let recipe = |name: &str| -> Result<Recipe> {
            let address = format!("/ip4/127.0.0.1/{}", transport.replace("PORT", &free_port()?.to_string()));
            Ok(Recipe::new(name, folder.path()).with(["--no-discovery".to_owned(), "--listen".to_owned(), address]))
        };
        let capture = Capture::start("lo", folder.path())?;
        let alice = Person::new(&recipe("one")?, "xochipilli", "Alice Nezahualcoyotl")?;
        let bob = Person::new(&recipe("two")?, "quetzalcoatl", "Bob Moctezuma")?;
        let chat = befriend(&bob, &alice)?;
        let messages = ["the treasure is under the third stone", "Клад под третьим камнем"];
        for (from, to) in [(&alice, &bob), (&bob, &alice)] {
            for said in messages {
                let message = from.say(&chat, said)?;
                to.hear(said)?;
                from.wait_state(&message, "delivered")?;
            }
        }
        alice.call("account.update", json!({ "status_text": "gone fishing for carp" }))?;
        let last = alice.say(&chat, "the last word")?;
        alice.wait_state(&last, "delivered")?;
        UdpSocket::bind("127.0.0.1:0")?.send_to(CONTROL.as_bytes(), "127.0.0.1:9")?;
        capture.wait_for(CONTROL.as_bytes())?;
        let packets = capture.finish()?;
        ensure!(packets.len() > 4096, "{} bytes of a conversation", packets.len());
        let secrets = messages.into_iter().chain([
            "xochipilli",
            "quetzalcoatl",
            "Nezahualcoyotl",
            "Moctezuma",
            "gone fishing",
            "the last word",
            "Hello, this is",
        ]);
        let ids = [&alice.account, &bob.account, &chat].map(String::as_str);
        for secret in secrets.chain(ids) {
            ensure!(!packets.shows(secret), "`{secret}` can be read on the wire ({transport})");
        }
    }
    Ok(())
}
