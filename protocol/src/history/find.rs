//! Whether a stored message contains a text, without making a view of it: what a search asks of every row it opens.
//!
//! Letters are compared in lower case, by Unicode's simple rule for each character, and the two small sigmas of Greek count as one.
//! A text may lie anywhere in a message, also inside a word.

use super::rows::{self, BadRow};
use crate::limits;
use crate::wire::bodies::{Text, kind};
use crate::wire::codec;
use std::ops::Range;

/// A text that is looked for.
#[derive(Clone, Debug)]
pub struct Needle {
    text: String,
    /// The lower-cased row of the moment; kept so that a row costs no allocation.
    row: String,
}

impl Needle {
    /// Space around the text does not count. `None` if nothing is left, or more than a message can hold.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > limits::TEXT {
            return None;
        }
        // Messages are kept composed; what a keyboard gives may be decomposed.
        let composed: String = unicode_normalization::UnicodeNormalization::nfc(text).collect();
        let mut folded = String::new();
        fold(&composed, &mut folded);
        Some(Self { text: folded, row: String::new() })
    }

    /// Whether a timeline's record contains it. Deleted and unsupported messages contain nothing.
    ///
    /// # Errors
    /// A damaged record.
    pub fn is_in(&mut self, row: &[u8]) -> Result<bool, BadRow> {
        let row: rows::SaidRow = rows::decode(row)?;
        let Some(body) = row.body.as_deref().filter(|_| !row.deleted && row.kind == kind::TEXT) else { return Ok(false) };
        if let Some(edit) = row.edit {
            return Ok(self.matches(&edit.text));
        }
        // Checked strictly when it was accepted.
        let said: Text = codec::decode_own(body).map_err(|_| BadRow::Malformed)?;
        Ok(self.matches(&said.text))
    }

    fn matches(&mut self, text: &str) -> bool {
        if text.is_ascii() && !self.text.is_ascii() {
            return false;
        }
        self.row.clear();
        fold(text, &mut self.row);
        self.row.contains(&self.text)
    }

    /// Where it first is in a text: bytes, between characters.
    #[must_use]
    pub fn place(&self, text: &str) -> Option<Range<usize>> {
        let mut folded = String::new();
        // For each byte of the folded text the character of the original that it came from.
        let mut from = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            fold_char(c, &mut folded);
            from.resize(folded.len(), at..at.saturating_add(c.len_utf8()));
        }
        let begin = folded.find(&self.text)?;
        let last = begin.checked_add(self.text.len())?.checked_sub(1)?;
        Some(from.get(begin)?.start..from.get(last)?.end)
    }
}

fn fold(text: &str, out: &mut String) {
    if text.is_ascii() {
        let begin = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(begin..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    text.chars().for_each(|c| fold_char(c, out));
}

fn fold_char(c: char, out: &mut String) {
    match c {
        'a'..='z' | 'а'..='я' | 'ё' => out.push(c),
        'ς' => out.push('σ'),
        c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
        c => out.extend(c.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::rows::{EditRow, TimelineRow};
    use crate::wire::codec::encode;

    fn row(text: &str) -> TimelineRow {
        let body = encode(&Text { text: text.into(), reply_to: Some(b"hidden".to_vec()) });
        TimelineRow { kind: kind::TEXT, body: Some(body), id: b"hidden".to_vec(), ..TimelineRow::default() }
    }

    fn found(needle: &str, row: &TimelineRow) -> bool {
        Needle::new(needle).unwrap().is_in(&rows::encode(row)).unwrap()
    }

    #[test]
    fn capitals_do_not_matter_in_any_script() {
        for (needle, text) in [
            ("HELLO", "well, hello there"),
            ("lo the", "Well, HelLO There"),
            ("привет", "Ну ПРИВЕТ, мир"),
            ("ПРИВЕТ", "ну привет"),
            ("ÉTÉ", "en été"),
            ("σοφός", "ΣΟΦΌΣ"),
            ("ΣΟΦΌΣ", "σοφός"),
            ("i\u{307}stanbul", "İstanbul"),
            ("e\u{301}te\u{301}", "été"),
            ("  two words ", "in two words"),
        ] {
            assert!(found(needle, &row(text)), "{needle:?} in {text:?}");
        }
        assert!(!found("hellp", &row("hello")));
        assert!(!found("ё", &row("plain ascii")));
        assert!(!found("hidden", &row("the id and the answered message say it, the text does not")));
    }

    #[test]
    fn what_the_person_sees_is_searched_and_nothing_else() {
        let edit = EditRow { text: "the second try".into(), ..EditRow::default() };
        let edited = TimelineRow { edit: Some(edit), ..row("the first try") };
        assert!(found("second", &edited));
        assert!(!found("first", &edited));
        assert!(!found("first", &TimelineRow { deleted: true, ..row("the first try") }));
        assert!(!found("first", &TimelineRow { body: None, ..row("") }));
        assert!(!found("first", &TimelineRow { kind: 99, ..row("the first try") }));
        assert_eq!(Needle::new("x").unwrap().is_in(&[1, 0xff]), Err(BadRow::Malformed));
    }

    #[test]
    fn nothing_to_look_for() {
        assert!(Needle::new(" \n ").is_none());
        assert!(Needle::new(&"x".repeat(limits::TEXT + 1)).is_none());
    }

    #[test]
    fn the_place_is_one_of_the_original_text() {
        for (needle, text, expected) in [
            ("b", "aBc", "B"),
            ("привет", "мир, ПРИВЕТ!", "ПРИВЕТ"),
            // Lower-casing makes two characters of one; the place covers the whole of it.
            ("i", "xİy", "İ"),
            ("\u{307}y", "xİy", "İy"),
        ] {
            let place = Needle::new(needle).unwrap().place(text).expect("it is there");
            assert_eq!(text.get(place), Some(expected), "{needle:?} in {text:?}");
        }
        assert_eq!(Needle::new("z").unwrap().place("abc"), None);
        assert_eq!(Needle::new("z").unwrap().place(""), None);
    }
}
