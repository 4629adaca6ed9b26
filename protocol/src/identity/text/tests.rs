//! What remains of text, and what is refused.

use super::*;
use proptest::prelude::*;

#[test]
fn names_are_one_visible_line() {
    let cases = [
        ("Anna", "Anna"),
        ("  Anna \t\n Karenina ", "Anna Karenina"),
        ("A\u{301}nna", "Ánna"),
        ("An\u{200b}na\u{202e}", "Anna"),
        ("\u{2066}Anna\u{2069}\u{feff}", "Anna"),
        ("Anna\u{0}\u{7}", "Anna"),
        ("Анна Щукина", "Анна Щукина"),
        ("שלום", "שלום"),
        ("a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", "á\u{301}\u{301}\u{301}\u{301}"),
    ];
    for (typed, name) in cases {
        assert_eq!(clean_name(typed).as_deref(), Ok(name), "{typed:?}");
    }
    for empty in ["", "  ", "\u{200b}\u{200d}", "\u{3164}"] {
        assert_eq!(clean_name(empty), Err(TextError::Empty), "{empty:?}");
    }
    assert_eq!(clean_name(&"ж".repeat(32)), Ok("ж".repeat(32)));
    assert_eq!(clean_name(&"ж".repeat(33)), Err(TextError::TooManyCharacters { max: 32 }));
}

#[test]
fn messages_keep_lines_indents_and_emoji() {
    let family = "👨\u{200d}👩\u{200d}👧";
    let cases = [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("\n \n    fn main() {}\n\n", "    fn main() {}"),
        (family, family),
        ("❤\u{fe0f}", "❤\u{fe0f}"),
        ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
        ("hidden\u{e0067}\u{e0062} text", "hidden text"),
        ("evil\u{202e}txt.exe", "eviltxt.exe"),
        ("\u{1b}[31mred", "[31mred"),
    ];
    for (typed, text) in cases {
        assert_eq!(clean_message(typed).as_deref(), Ok(text), "{typed:?}");
    }
    assert_eq!(clean_message(" \n\u{200d} "), Err(TextError::Empty));
    assert_eq!(clean_message(&"x".repeat(limits::TEXT)).unwrap().len(), limits::TEXT);
    assert_eq!(clean_message(&"x".repeat(limits::TEXT + 1)), Err(TextError::TooManyBytes { len: limits::TEXT + 1, max: limits::TEXT }));
}

#[test]
fn other_texts_have_lengths_of_their_own() {
    assert_eq!(clean_status(""), Ok(String::new()));
    assert!(clean_status(&"я".repeat(65)).is_err());
    assert!(clean_info(&"x".repeat(1025)).is_err());
    assert_eq!(clean_request_text(&"🦊".repeat(280)), Ok("🦊".repeat(280)));
    assert_eq!(clean_request_text(&"x".repeat(281)), Err(TextError::TooManyCharacters { max: 280 }));
}

#[test]
fn reactions_are_emoji() {
    for good in ["👍", "❤\u{fe0f}", "👨\u{200d}👩\u{200d}👧\u{200d}👦", "🇺🇦", "1\u{fe0f}\u{20e3}", "©"] {
        assert_eq!(clean_emoji(good).as_deref(), Ok(good));
    }
    for bad in ["", "ok", "1", "\u{200d}", "👍 👍", "да", "\u{202e}👍"] {
        assert!(clean_emoji(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_profile_names_its_bad_part() {
    let good = Profile { seq: 1, login: "anna".into(), name: " Anna ".into(), ..Profile::default() };
    assert_eq!(clean_profile(&good).unwrap().name, "Anna");
    assert!(matches!(clean_profile(&Profile { login: "Anna".into(), ..good.clone() }), Err(TextError::Login(_))));
    assert_eq!(clean_profile(&Profile { name: String::new(), ..good }), Err(TextError::Empty));
}

proptest! {
    #[test]
    fn cleaning_is_idempotent_and_leaves_nothing_hidden(text in "\\PC{0,40}|[\\s\u{200b}-\u{206f}a\u{301}\u{fe0f}👍]{0,40}") {
        if let Ok(name) = clean_name(&text) {
            prop_assert_eq!(clean_name(&name), Ok(name.clone()));
            prop_assert!(!name.chars().any(|c| hidden(c) || is_joiner(c)));
        }
        if let Ok(message) = clean_message(&text) {
            prop_assert_eq!(clean_message(&message), Ok(message));
        }
        let _ = clean_emoji(&text);
    }
}
