//! Logins as people choose them: what is wrong with one, in the words of the translations.

use veche_protocol::identity::login::{Login, LoginError};

/// What is wrong with a login, as a key of the translations; `None` if it can be used.
#[must_use]
pub fn fault(login: &str) -> Option<&'static str> {
    if login.is_empty() {
        return Some("login-empty");
    }
    match Login::parse(login).err()? {
        LoginError::TooShort => Some("login-short"),
        LoginError::TooLong => Some("login-long"),
        LoginError::Character(_) => Some("login-letters"),
        LoginError::Edge => Some("login-edge"),
        LoginError::Double => Some("login-double"),
        LoginError::NoLetter => Some("login-no-letter"),
    }
}

/// A login made from a name; empty where none can be made, as from a name in Chinese characters.
#[must_use]
pub fn propose(name: &str) -> String {
    veche_protocol::identity::login::propose(name).map_or_else(String::new, |login| login.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_words_of_its_own() {
        let faults = ["", "ab", &"a".repeat(25), "anna!", ".anna", "a..b", "123"].map(fault);
        let keys: std::collections::BTreeSet<_> = faults.iter().map(|f| f.expect("a fault")).collect();
        assert_eq!(keys.len(), faults.len());
        assert_eq!(fault("anna_2.b-c"), None);
    }

    #[test]
    fn what_is_proposed_can_be_used() {
        for name in ["Anna Petrova", "Юрий Щербаков", "Li"] {
            assert_eq!(fault(&propose(name)), None, "{name}");
        }
        assert_eq!(propose("王"), "");
    }
}
