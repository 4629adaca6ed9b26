//! Recovery words: the 128 bits of an account as twelve English words with a checksum of 4 bits (BIP-39).
//!
//! Only the word coding of BIP-39 is used, not its seed derivation: [`super::account`] expands the entropy itself.

use bip39::{Language, Mnemonic};

/// Words of an account.
pub const COUNT: usize = 12;
/// Words of the list differ in their first four letters.
const TELLING: usize = 4;

/// Why words restore nothing. The text is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("there must be 12 words, and there are {0}")]
    Count(usize),
    /// Not a word of the list.
    #[error("word {position}, “{word}”, is not one of the recovery words{}", suggestion.map(|s| format!("; did you mean “{s}”?")).unwrap_or_default())]
    Unknown {
        /// Counted from 1.
        position: usize,
        /// As typed, shortened to what a word can be.
        word: String,
        /// The word of the list that begins with the same letters.
        suggestion: Option<&'static str>,
    },
    /// All are words of the list, but they do not belong together.
    #[error("one of the words is another one than on your note, or two are swapped")]
    Checksum,
}

/// The words that encode the entropy.
#[must_use]
pub fn from_entropy(entropy: &[u8; 16]) -> Vec<&'static str> {
    // 16 bytes are one of the lengths that BIP-39 knows.
    Mnemonic::from_entropy(entropy).map(|m| m.words().collect()).unwrap_or_default()
}

/// The entropy that words encode. Case, commas, numbering and the amount of white space do not matter.
///
/// # Errors
/// Says which word is wrong.
pub fn to_entropy(text: &str) -> Result<[u8; 16], WordsError> {
    let typed: Vec<String> =
        text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase).take(COUNT * 8).collect();
    if let Some((n, word)) = typed.iter().enumerate().find(|(_, word)| Language::English.find_word(word).is_none()) {
        return Err(WordsError::Unknown {
            position: n.saturating_add(1),
            word: word.chars().take(16).collect(),
            suggestion: suggestion(word),
        });
    }
    if typed.len() != COUNT {
        return Err(WordsError::Count(typed.len()));
    }
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &typed.join(" ")).map_err(|_| WordsError::Checksum)?;
    mnemonic.to_entropy().try_into().map_err(|_| WordsError::Checksum)
}

/// Words of the list that begin with `prefix`, for completion while typing.
#[must_use]
pub fn completions(prefix: &str) -> Vec<&'static str> {
    Language::English.words_by_prefix_iter(&prefix.trim().to_lowercase()).collect()
}

fn suggestion(word: &str) -> Option<&'static str> {
    let beginning: String = word.chars().take(TELLING).collect();
    let mut fitting = Language::English.words_by_prefix_iter(&beginning);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_the_same_bits_however_they_are_typed() {
        // First vectors of BIP-39.
        let zeros = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
        assert_eq!(from_entropy(&[0; 16]).join(" "), zeros);
        assert_eq!(from_entropy(&[0x7f; 16]).join(" "), "legal winner thank year wave sausage worth useful legal winner thank yellow");
        let entropy = [0xc3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let words = from_entropy(&entropy);
        assert_eq!(to_entropy(&words.join("\n")), Ok(entropy));
        let numbered: String = words.iter().enumerate().map(|(n, w)| format!(" {}. {},\t", n + 1, w.to_uppercase())).collect();
        assert_eq!(to_entropy(&numbered), Ok(entropy));
    }

    #[test]
    fn the_error_names_the_wrong_word() {
        let error = to_entropy("abandon abandno abandon").unwrap_err();
        assert_eq!(error, WordsError::Unknown { position: 2, word: "abandno".into(), suggestion: Some("abandon") });
        assert!(error.to_string().contains("word 2, “abandno”"), "{error}");
        assert_eq!(to_entropy("abandon abandon"), Err(WordsError::Count(2)));
        assert_eq!(to_entropy(""), Err(WordsError::Count(0)));
        assert_eq!(to_entropy(&"abandon ".repeat(12)), Err(WordsError::Checksum));
    }
}
