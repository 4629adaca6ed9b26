//! What people may be shown of what people wrote: one form of Unicode, no control characters, nothing that changes the order
//! or hides inside of a name, bounded lengths.
//!
//! The same functions clean what the own person types and check what others send: cleaning is idempotent, so honest text
//! passes unchanged. Background: Unicode Technical Reports 36 and 39.

use super::login::Login;
use crate::limits;
use crate::wire::identity::Profile;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Combining marks on one letter, at most: enough for every written language, too few to cover the line above.
const MARKS: usize = 4;
/// Input characters looked at, as a multiple of what may remain: cleaning a flood costs no more than cleaning a text.
const SLACK: usize = 4;

/// Why text is refused. The text is the end of the sentence "The … cannot be used: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing visible is in it.
    #[error("it is empty")]
    Empty,
    /// Too many characters.
    #[error("it is longer than {max} characters")]
    TooManyCharacters {
        /// Characters allowed.
        max: usize,
    },
    /// Too many bytes.
    #[error("it is {len} bytes long, and at most {max} fit")]
    TooManyBytes {
        /// Its length in bytes of UTF-8.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not an emoji.
    #[error("it is not an emoji")]
    NotEmoji,
    /// Not a login; says why.
    #[error(transparent)]
    Login(#[from] super::login::LoginError),
}

/// A display name: one line, 1 to [`limits::NAME_CHARS`] characters.
///
/// # Errors
/// An empty or too long one.
pub fn clean_name(text: &str) -> Result<String, TextError> {
    let name = line(text, limits::NAME_CHARS)?;
    if name.is_empty() { Err(TextError::Empty) } else { Ok(name) }
}

/// A status line: one line, up to [`limits::STATUS_CHARS`] characters, may be empty.
///
/// # Errors
/// A too long one.
pub fn clean_status(text: &str) -> Result<String, TextError> {
    line(text, limits::STATUS_CHARS)
}

/// "About me": up to [`limits::INFO`] bytes, may be empty, may have several lines.
///
/// # Errors
/// A too long one.
pub fn clean_info(text: &str) -> Result<String, TextError> {
    paragraphs(text, limits::INFO)
}

/// The word along with a contact request: up to [`limits::REQUEST_TEXT_CHARS`] characters, may be empty.
///
/// # Errors
/// A too long one.
pub fn clean_request_text(text: &str) -> Result<String, TextError> {
    let text = paragraphs(text, limits::REQUEST_TEXT_CHARS.saturating_mul(4))?;
    if text.chars().count() > limits::REQUEST_TEXT_CHARS {
        return Err(TextError::TooManyCharacters { max: limits::REQUEST_TEXT_CHARS });
    }
    Ok(text)
}

/// A message: 1 to [`limits::TEXT`] bytes.
///
/// # Errors
/// An empty or too long one.
pub fn clean_message(text: &str) -> Result<String, TextError> {
    let text = paragraphs(text, limits::TEXT)?;
    if text.is_empty() { Err(TextError::Empty) } else { Ok(text) }
}

/// A reaction: an emoji, or a short row of them, of up to [`limits::EMOJI`] bytes.
///
/// # Errors
/// Anything with white space, ordinary letters or nothing pictorial in it.
pub fn clean_emoji(text: &str) -> Result<String, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > limits::EMOJI {
        return Err(TextError::TooManyBytes { len: text.len(), max: limits::EMOJI });
    }
    // Keycaps are a digit and a combining box; © and ® are the lowest characters with an emoji form.
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !reorders(c) && (!c.is_alphabetic() || is_regional(c));
    let pictorial = text.chars().any(|c| c >= '\u{a9}' && !is_joiner(c));
    if text.chars().all(fits) && pictorial { Ok(text.to_owned()) } else { Err(TextError::NotEmoji) }
}

/// A profile as a whole. Name and login must be there; the rest may be empty.
///
/// # Errors
/// The first part that is refused.
pub fn clean_profile(profile: &Profile) -> Result<Profile, TextError> {
    Ok(Profile {
        seq: profile.seq,
        login: Login::exact(&profile.login)?.to_string(),
        name: clean_name(&profile.name)?,
        info: clean_info(&profile.info)?,
        status_text: clean_status(&profile.status_text)?,
    })
}

/// One line: white space of any kind becomes single spaces, everything invisible goes.
fn line(text: &str, max: usize) -> Result<String, TextError> {
    let mut out = String::new();
    let mut marks = Marks::default();
    // Composition can shorten but not lengthen what is counted below.
    for c in text.chars().take(max.saturating_mul(SLACK * MARKS)).nfc() {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !hidden(c) && !is_joiner(c) && marks.allow(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    // Removing a hidden character can bring two together that compose.
    let out: String = out.nfc().collect();
    if out.chars().count() > max { Err(TextError::TooManyCharacters { max }) } else { Ok(out) }
}

/// Several lines: line ends become line feeds, joiners stay for emoji and for scripts that need them.
fn paragraphs(text: &str, max: usize) -> Result<String, TextError> {
    if text.len() > max.saturating_mul(SLACK) {
        return Err(TextError::TooManyBytes { len: text.len(), max });
    }
    let mut out = String::new();
    let mut marks = Marks::default();
    for c in text.replace("\r\n", "\n").nfc() {
        match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' | '\u{85}' => out.push('\n'),
            '\t' => out.push('\t'),
            // Flags of regions of a country are a black flag followed by letters from the tag block.
            '\u{e0020}'..='\u{e007f}' if out.ends_with(|last| last == '\u{1f3f4}' || ('\u{e0020}'..='\u{e007e}').contains(&last)) => {
                out.push(c);
            }
            c if (is_joiner(c) || !hidden(c)) && marks.allow(c) => out.push(c),
            _ => {}
        }
    }
    let out: String = out.nfc().collect();
    // Lines of blanks around a text are nothing; blanks before its first word are an indent.
    let lead = out.len().saturating_sub(out.trim_start().len());
    let start = out.get(..lead).and_then(|lead| lead.rfind('\n')).map_or(0, |at| at.saturating_add(1));
    let out = out.get(start..).unwrap_or_default().trim_end();
    let visible = out.chars().any(|c| !c.is_whitespace() && !is_joiner(c));
    let out = if visible { out.to_owned() } else { String::new() };
    if out.len() > max { Err(TextError::TooManyBytes { len: out.len(), max }) } else { Ok(out) }
}

/// Counts the combining marks that pile up on one letter.
#[derive(Default)]
struct Marks(usize);

impl Marks {
    fn allow(&mut self, c: char) -> bool {
        self.0 = if is_combining_mark(c) { self.0.saturating_add(1) } else { 0 };
        self.0 <= MARKS
    }
}

/// Characters that order or hide text rather than being part of it.
fn hidden(c: char) -> bool {
    c.is_control() || reorders(c) || is_blank(c) || is_noncharacter(c)
}

/// Embeddings, overrides and isolates of the bidirectional algorithm, and the deprecated format characters after them.
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Characters without a glyph that are no white space.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'..='\u{2065}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Joiners and variation selectors: part of emoji and of some scripts, nothing on their own.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

fn is_noncharacter(c: char) -> bool {
    let c = u32::from(c);
    (0xfdd0..=0xfdef).contains(&c) || c & 0xfffe == 0xfffe
}

/// Letters that make flags in pairs.
fn is_regional(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

#[cfg(test)]
mod tests;
