//! Logins and their tags. A login is a claim that anybody can make; login and tag together name one account.
//!
//! The tag is a slow hash of account key and login, so that searching for a key with somebody's login and tag costs years.

use crate::crypto::labels;
use crate::ids::AccountId;
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Shortest login, characters.
pub const MIN: usize = 3;
/// Longest login, characters.
pub const MAX: usize = 24;
/// Alphabet of tags: Crockford's base 32, without letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a tag, five bits each.
const TAG: usize = 6;

/// A login that keeps the rules: 3 to 24 characters of `a-z 0-9 . _ -`, first and last a letter or digit, no two of `. _ -`
/// together, at least one letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

/// Why text is not a login. The text is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Fewer than [`MIN`] characters.
    #[error("it needs at least 3 characters")]
    TooShort,
    /// More than [`MAX`] characters.
    #[error("it may have at most 24 characters")]
    TooLong,
    /// A character outside the alphabet.
    #[error("“{0}” is not allowed: use a to z, 0 to 9, dot, dash and underscore")]
    Character(char),
    /// Begins or ends with a separator.
    #[error("it must begin and end with a letter or digit")]
    Edge,
    /// Two separators together.
    #[error("two of dot, dash and underscore may not stand together")]
    Double,
    /// No letter.
    #[error("it needs at least one letter")]
    NoLetter,
}

impl Login {
    /// Reads a login as people type it: white space around it and capital letters do not matter.
    ///
    /// # Errors
    /// Everything that [`LoginError`] lists.
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        Self::exact(&text.trim().to_ascii_lowercase())
    }

    /// Reads a login as it travels: exactly in its one written form.
    ///
    /// # Errors
    /// Everything that [`LoginError`] lists.
    pub fn exact(text: &str) -> Result<Self, LoginError> {
        if let Some(c) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9') && !is_separator(*c)) {
            return Err(LoginError::Character(c));
        }
        match text.len() {
            ..MIN => return Err(LoginError::TooShort),
            MIN..=MAX => {}
            _ => return Err(LoginError::TooLong),
        }
        if text.starts_with(is_separator) || text.ends_with(is_separator) {
            return Err(LoginError::Edge);
        }
        if text.chars().zip(text.chars().skip(1)).any(|(a, b)| is_separator(a) && is_separator(b)) {
            return Err(LoginError::Double);
        }
        if !text.contains(|c: char| c.is_ascii_lowercase()) {
            return Err(LoginError::NoLetter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The login as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | '_' | '-')
}

/// Proposes a login for a display name: Latin letters lose their accents, Cyrillic ones are transliterated, everything else
/// separates. `None` where nothing is left, as for a name in Chinese characters.
#[must_use]
pub fn propose(name: &str) -> Option<Login> {
    let mut out = String::new();
    for c in name.nfc().flat_map(char::to_lowercase).take(MAX * 4) {
        match transliterate(c) {
            Some(text) => out.push_str(text),
            None => match c.nfkd().find(|c| !unicode_normalization::char::is_combining_mark(*c)) {
                Some(base) if base.is_ascii_alphanumeric() => out.push(base.to_ascii_lowercase()),
                _ if c == '\'' || c == '’' || unicode_normalization::char::is_combining_mark(c) => {}
                _ if out.ends_with(is_separator) || out.is_empty() => {}
                _ => out.push('.'),
            },
        }
    }
    let mut proposal: String = out.chars().take(MAX).collect();
    proposal.truncate(proposal.trim_end_matches(is_separator).len());
    // A short name needs something to reach the minimum; the person sees it and can choose better.
    while (1..MIN).contains(&proposal.len()) {
        proposal.push('1');
    }
    Login::exact(&proposal).ok()
}

/// Russian, Ukrainian and Belarusian letters by the common passport rules; Latin letters that do not decompose.
fn transliterate(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'ё' => "yo",
        'є' => "ye",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'ї' => "yi",
        'й' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ў' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ы' => "y",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        'ß' => "ss",
        'æ' => "ae",
        'ø' => "o",
        'œ' => "oe",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

/// Price of the slow hash behind a tag. All members of a network must use the same, or they see different tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl TagCost {
    /// The price in the real network: about 0.1 s of one core, so that forging one person's tag takes core-years.
    pub const REAL: Self = Self { memory_kib: 64 * 1024, passes: 1 };
    /// A price for simulated networks, where thousands are computed.
    pub const SIMULATED: Self = Self { memory_kib: 8, passes: 1 };
}

impl Default for TagCost {
    fn default() -> Self {
        Self::REAL
    }
}

/// The hash could not be computed: not enough memory, or a price out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tag could not be computed")]
pub struct TagError;

/// The tag of an account and login, as six characters in two groups: `K7Q2-9F`.
///
/// Argon2id v1.3 (RFC 9106) over account key and login, with the label as salt; the first 30 bits in Crockford's base 32.
///
/// # Errors
/// See [`TagError`].
pub fn tag(account: AccountId, login: &str, cost: TagCost) -> Result<String, TagError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(|_| TagError)?;
    let salt = [crate::crypto::hash::CONTEXT, labels::LOGIN_TAG].concat();
    let secret = [account.as_bytes(), login.as_bytes()].concat();
    let mut out = [0_u8; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(&secret, salt.as_bytes(), &mut out)
        .map_err(|_| TagError)?;
    Ok(written(out.iter().take(4).fold(0, |n, byte| (n << 8) | u64::from(*byte))))
}

/// Reads a tag as people type it, into the one written form: case, the dash, and o for 0, i or l for 1 do not matter.
#[must_use]
pub fn read_tag(text: &str) -> Option<String> {
    let mut number = 0_u64;
    let mut count = 0_usize;
    for c in text.trim().chars().filter(|c| *c != '-') {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        let digit = ALPHABET.iter().zip(0_u64..).find(|(a, _)| char::from(**a) == c)?.1;
        number = (number << 5) | digit;
        count = count.saturating_add(1);
        if count > TAG {
            return None;
        }
    }
    // The number is written from the top of 32 bits, as the hash gives it.
    (count == TAG).then(|| written(number << 2))
}

/// The first 30 of 32 bits as text.
fn written(bits: u64) -> String {
    let mut out = String::new();
    for n in (0..TAG).rev() {
        if n == 1 {
            out.push('-');
        }
        let digit = bits >> n.saturating_mul(5).saturating_add(2) & 31;
        out.extend(usize::try_from(digit).ok().and_then(|d| ALPHABET.get(d)).copied().map(char::from));
    }
    out
}

/// A login together with its tag: names one account. Shown and typed as `anna#K7Q2-9F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The login.
    pub login: Login,
    /// The tag in its written form; `None` asks for everybody with this login.
    pub tag: Option<String>,
}

/// Why text is no handle. The text is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The part before `#`.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The part after it.
    #[error("the tag after # has six letters or digits, like K7Q2-9F")]
    Tag,
}

impl Handle {
    /// Reads a login with or without a tag.
    ///
    /// # Errors
    /// A bad login or tag.
    pub fn parse(text: &str) -> Result<Self, HandleError> {
        match text.trim().trim_start_matches('@').split_once('#') {
            None => Ok(Self { login: Login::parse(text.trim().trim_start_matches('@'))?, tag: None }),
            Some((login, tag)) => Ok(Self { login: Login::parse(login)?, tag: Some(read_tag(tag).ok_or(HandleError::Tag)?) }),
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tag {
            Some(tag) => write!(f, "{}#{tag}", self.login),
            None => write!(f, "{}", self.login),
        }
    }
}

#[cfg(test)]
mod tests;
