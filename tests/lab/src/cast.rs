//! People: a node with an account, how they become contacts, what they have said to each other.

use crate::node::{CallError, Node, Recipe};
use crate::until;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// How long people wait for something that another node has to do: dial, answer, catch up.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Ports to try, below those that the system gives away by itself.
const PORTS: std::ops::Range<u16> = 21_000..29_000;

/// A port of the loopback device that is free for UDP and TCP.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16> {
    // Different processes begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap_or_default();
    let mut ports = PORTS.cycle().skip(usize::from(start)).take(usize::from(PORTS.end - PORTS.start));
    let free = |port: &u16| {
        let there = (Ipv4Addr::LOCALHOST, *port);
        UdpSocket::bind(there).is_ok() && TcpListener::bind(there).is_ok()
    };
    static TAKEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let port = ports.find(|port| !taken.contains(port) && free(port)).context("no free port on the loopback device")?;
    taken.push(port);
    Ok(port)
}

/// Somebody with an account.
pub struct Person {
    /// Their node.
    pub node: Node,
    /// Their account key.
    pub account: String,
    /// Their login.
    pub login: String,
    /// Tag of their account.
    pub tag: String,
    /// Their twelve words.
    pub words: String,
}

impl Person {
    /// Starts a node on the loopback device and makes an account in it.
    ///
    /// # Errors
    /// The node does not start or refuses.
    pub fn on_loopback(login: &str, name: &str, folder: &Path) -> Result<Self> {
        Self::new(&Recipe::new(login, folder).on_loopback(free_port()?), login, name)
    }

    /// Starts a node and makes an account in it.
    ///
    /// # Errors
    /// The node does not start or refuses.
    pub fn new(recipe: &Recipe, login: &str, name: &str) -> Result<Self> {
        let node = Node::start(recipe)?;
        let made = node.call("account.create", json!({ "login": login, "name": name }))?;
        let (account, tag, words) = (text(&made["account_id"])?, text(&made["tag"])?, text(&made["recovery_phrase"])?);
        Ok(Self { node, account, login: login.to_owned(), tag, words })
    }

    /// Asks the node.
    ///
    /// # Errors
    /// It refuses, or is gone.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        self.node.call(method, params)
    }

    /// Their contact link.
    ///
    /// # Errors
    /// The node refuses.
    pub fn link(&self) -> Result<String> {
        text(&self.call("contact.link", json!({}))?["link"])
    }

    /// Sends a message. Returns its id.
    ///
    /// # Errors
    /// The node refuses.
    pub fn say(&self, chat: &str, what: &str) -> Result<String> {
        text(&self.call("message.send", json!({ "chat_id": chat, "text": what }))?["message_id"])
    }

    /// Waits for a message with this text.
    ///
    /// # Errors
    /// It does not come.
    pub fn hear(&self, what: &str) -> Result<Value> {
        let event = self.node.wait_event("message.received", PATIENCE, |event| {
            event["message"]["body"]["text"] == what && event["message"]["mine"] == false
        });
        Ok(event?["message"].clone())
    }

    /// Waits until an own message has got at least this far.
    ///
    /// # Errors
    /// It does not.
    pub fn wait_state(&self, message: &str, wanted: &str) -> Result<()> {
        const STATES: [&str; 5] = ["queued", "sent", "held", "delivered", "read"];
        let rank = |state: &str| STATES.iter().position(|known| *known == state);
        until(&format!("{wanted} for a message of {}", self.login), PATIENCE, || {
            let state = text(&self.call("message.state", json!({ "message_id": message }))?["state"])?;
            Ok(if rank(&state) >= rank(wanted) { Ok(()) } else { Err(state) })
        })
    }

    /// The conversation with somebody, once there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn chat_with(&self, other: &Self) -> Result<String> {
        text(&self.call("chat.open", json!({ "account_id": other.account }))?["chat_id"])
    }

    /// All of a conversation, oldest first.
    ///
    /// # Errors
    /// The node refuses.
    pub fn history(&self, chat: &str) -> Result<Vec<Value>> {
        const PAGE: usize = 500;
        let mut all: Vec<Value> = Vec::new();
        loop {
            let mut params = json!({ "chat_id": chat, "limit": PAGE });
            if let Some(oldest) = all.first() {
                params["before"] = oldest["message_id"].clone();
            }
            let page = self.call("chat.history", params)?.as_array().cloned().context("history is no list")?;
            let is_last = page.len() < PAGE;
            all.splice(0..0, page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// What is known of a contact, by account.
    ///
    /// # Errors
    /// The node refuses, or knows nobody of this account.
    pub fn contact(&self, account: &str) -> Result<Value> {
        let people = self.call("contact.list", json!({}))?;
        let found = people.as_array().into_iter().flatten().find(|person| person["account_id"] == account);
        found.cloned().with_context(|| format!("{} knows nobody of the account {account}", self.login))
    }

    /// Waits until somebody, by account, is reached over this kind of way: `relayed`, `direct`, `lan` or `loopback`.
    ///
    /// # Errors
    /// They are not, in this time.
    pub fn wait_route(&self, account: &str, wanted: &str, patience: Duration) -> Result<()> {
        until(&format!("{} sees a contact as {wanted}", self.login), patience, || {
            let route = self.contact(account)?["route"].clone();
            Ok(if route == wanted { Ok(()) } else { Err(route.to_string()) })
        })
    }

    /// Waits until somebody is seen as connected.
    ///
    /// # Errors
    /// They are not.
    pub fn wait_online(&self, other: &Self) -> Result<()> {
        self.wait_presence(&other.account, "online", PATIENCE)
    }

    /// Waits until somebody, by account, is seen as not connected.
    ///
    /// # Errors
    /// They are seen all the time.
    pub fn wait_offline(&self, account: &str) -> Result<()> {
        self.wait_presence(account, "offline", PATIENCE)
    }

    /// Waits until somebody, by account, is seen in this state.
    ///
    /// # Errors
    /// They are not, in this time.
    pub fn wait_presence(&self, account: &str, wanted: &str, patience: Duration) -> Result<()> {
        until(&format!("a contact of {} {wanted}", self.login), patience, || {
            let network = || self.call("network.status", json!({})).map_or_else(|why| why.to_string(), |status| status.to_string());
            Ok(if self.contact(account).is_ok_and(|person| person["presence"] == wanted) { Ok(()) } else { Err(network()) })
        })
    }

    /// Ends the node in good order.
    ///
    /// # Errors
    /// It does not end well.
    pub fn leave(self) -> Result<Absent> {
        let Self { node, account, login, tag, words } = self;
        Ok(Absent { recipe: node.shutdown()?, account, login, tag, words })
    }

    /// Kills the node, as when the power goes.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn vanish(self) -> Result<Absent> {
        let Self { node, account, login, tag, words } = self;
        Ok(Absent { recipe: node.kill9()?, account, login, tag, words })
    }
}

/// Somebody whose node is off.
pub struct Absent {
    recipe: Recipe,
    account: String,
    login: String,
    tag: String,
    words: String,
}

impl Absent {
    /// Starts the node again.
    ///
    /// # Errors
    /// It does not start.
    pub fn back(self) -> Result<Person> {
        let Self { recipe, account, login, tag, words } = self;
        Ok(Person { node: Node::start(&recipe)?, account, login, tag, words })
    }
}

/// Makes two people contacts: the first asks with the second's link, the second accepts. Returns their conversation.
///
/// # Errors
/// Something on the way does not happen.
pub fn befriend(asking: &Person, asked: &Person) -> Result<String> {
    let text_along = format!("Hello, this is {}.", asking.login);
    asking.call("contact.request", json!({ "link": asked.link()?, "text": text_along }))?;
    let request =
        asked.node.wait_event("contact.requested", PATIENCE, |event| event["request"]["account_id"] == asking.account.as_str())?;
    anyhow::ensure!(request["request"]["text"] == text_along.as_str(), "the word along the way is another: {request}");
    let accepted = asked.call("contact.accept", json!({ "account_id": asking.account }))?;
    let agreed =
        |event: &Value| event["account_id"] == asked.account.as_str() && event["relation"] == "contact" && event["chat_id"].is_string();
    let told = asking.node.wait_event("contact.changed", PATIENCE, agreed)?;
    anyhow::ensure!(told["chat_id"] == accepted["chat_id"], "two conversations: {told} and {accepted}");
    text(&told["chat_id"])
}

/// A value that has to be text.
///
/// # Errors
/// It is not.
pub fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is no text"))
}
