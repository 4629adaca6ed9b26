//! What has to hold of a conversation between two people after any fault: nothing that was acknowledged is lost, nothing is there
//! twice, each author's messages are in the order of writing, and both ends show the same.

use crate::cast::{PATIENCE, Person};
use crate::until;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was sent, as its senders know it. Texts are `author number`.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Messages whose sending was acknowledged: id and text.
    pub acknowledged: BTreeMap<String, String>,
    /// Texts that were handed over and perhaps not taken, because the node was killed before it answered.
    pub tried: BTreeSet<String>,
    /// Ids that a node has announced as received, with the number of times.
    pub announced: BTreeMap<(String, String), u32>,
}

impl Ledger {
    /// Notes what a node has announced so far.
    pub fn note_announcements(&mut self, person: &Person) {
        for event in person.node.take_events() {
            if event["kind"] == "message.received" {
                let id = event["message"]["message_id"].as_str().unwrap_or_default().to_owned();
                *self.announced.entry((person.login.clone(), id)).or_default() += 1;
            }
        }
    }

    /// Waits until both ends show the same and everything that was acknowledged, then checks it.
    ///
    /// # Errors
    /// What is wrong, with the first example.
    pub fn check(&self, one: &Person, other: &Person, chat: &str) -> Result<usize> {
        let (here, there) = until("the same history at both ends", PATIENCE * 2, || {
            let (here, there) = (Rows::of(one, chat)?, Rows::of(other, chat)?);
            let complete = here.ids == there.ids && self.acknowledged.keys().all(|id| here.set.contains(id));
            let seen = || {
                format!(
                    "{} here, {} there, {} acknowledged{}",
                    here.ids.len(),
                    there.ids.len(),
                    self.acknowledged.len(),
                    self.first_lost(&here, &there)
                )
            };
            Ok(if complete { Ok((here, there)) } else { Err(seen()) })
        })?;
        for (who, rows) in [(one, &here), (other, &there)] {
            self.check_rows(rows).map_err(|why| why.context(format!("as {} sees it", who.login)))?;
        }
        let twice = self.announced.iter().find(|(_, times)| **times > 1);
        ensure!(twice.is_none(), "announced more than once: {twice:?}");
        Ok(here.ids.len())
    }

    fn first_lost(&self, here: &Rows, there: &Rows) -> String {
        let lost = |rows: &Rows| self.acknowledged.iter().find(|(id, _)| !rows.set.contains(*id)).map(|(_, text)| text.clone());
        format!("; first lost here {:?}, there {:?}", lost(here), lost(there))
    }

    fn check_rows(&self, rows: &Rows) -> Result<()> {
        ensure!(rows.set.len() == rows.ids.len(), "a message is there twice");
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for text in &rows.texts {
            ensure!(self.tried.contains(text), "`{text}` was never written");
            let (author, number) = text.split_once(' ').unwrap_or((text, "0"));
            let number: u64 = number.parse()?;
            let before = last.insert(author, number);
            ensure!(before.is_none_or(|before| before < number), "`{text}` comes after `{author} {}`", before.unwrap_or_default());
        }
        Ok(())
    }

    /// That somebody who was killed still has everything that its peer was told to be delivered.
    ///
    /// # Errors
    /// Something is missing.
    pub fn check_kept(&self, person: &Person, chat: &str, delivered: &BTreeSet<String>) -> Result<()> {
        let rows = Rows::of(person, chat)?;
        let lost = delivered.iter().find(|id| !rows.set.contains(*id));
        ensure!(lost.is_none(), "{} acknowledged a message and lost it: {:?}", person.login, lost.and_then(|id| self.acknowledged.get(id)));
        Ok(())
    }
}

/// A history, taken apart.
struct Rows {
    ids: Vec<String>,
    set: BTreeSet<String>,
    texts: Vec<String>,
}

impl Rows {
    fn of(person: &Person, chat: &str) -> Result<Self> {
        let history = person.history(chat)?;
        let column =
            |pick: &dyn Fn(&Value) -> &Value| history.iter().filter_map(|row| pick(row).as_str().map(str::to_owned)).collect::<Vec<_>>();
        let ids = column(&|row| &row["message_id"]);
        let texts = column(&|row| &row["body"]["text"]);
        Ok(Self::new(ids, texts))
    }

    fn new(ids: Vec<String>, texts: Vec<String>) -> Self {
        Self { set: ids.iter().cloned().collect(), ids, texts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(rows: &[(&str, &str)]) -> Result<()> {
        let ledger = Ledger { tried: ["alice 0", "alice 1", "bob 0"].map(str::to_owned).into(), ..Ledger::default() };
        let (ids, texts) = rows.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).unzip();
        ledger.check_rows(&Rows::new(ids, texts))
    }

    #[test]
    fn an_order_that_keeps_each_author_in_line_is_right() {
        assert!(verdict(&[("a", "alice 0"), ("c", "bob 0"), ("b", "alice 1")]).is_ok());
        assert!(verdict(&[("b", "alice 1")]).is_ok(), "what was not acknowledged may be missing");
    }

    #[test]
    fn disorder_doubles_and_inventions_are_seen() {
        for (rows, complaint) in [
            (&[("b", "alice 1"), ("a", "alice 0")], "comes after"),
            (&[("a", "alice 0"), ("a", "alice 0")], "twice"),
            (&[("a", "alice 0"), ("b", "alice 0")], "comes after"),
            (&[("a", "alice 0"), ("d", "alice 2")], "never written"),
        ] {
            let why = verdict(rows).expect_err(complaint).to_string();
            assert!(why.contains(complaint), "{why}");
        }
    }
}
