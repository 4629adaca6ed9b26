//! Both languages say the same things, and nothing that nobody asks for.

use super::{ENGLISH, Lang, Language, RUSSIAN};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Keys that are put together at run time, by how they begin.
const BUILT: [&str; 2] = ["problem-", "finding-"];

fn keys(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let resource = fluent_syntax::parser::parse(source).unwrap_or_else(|(_, errors)| panic!("{errors:?}"));
    let mut out = BTreeMap::new();
    for entry in resource.body {
        if let Entry::Message(message) = entry {
            let mut variables = BTreeSet::new();
            if let Some(pattern) = &message.value {
                collect(pattern, &mut variables);
            }
            assert!(out.insert(message.id.name.to_owned(), variables).is_none(), "{} is there twice", message.id.name);
        }
    }
    out
}

fn collect(pattern: &Pattern<&str>, out: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        let inline = match expression {
            Expression::Inline(inline) => inline,
            Expression::Select { selector, variants } => {
                for variant in variants {
                    collect(&variant.value, out);
                }
                selector
            }
        };
        if let InlineExpression::VariableReference { id } = inline {
            out.insert(id.name.to_owned());
        }
    }
}

#[test]
fn both_languages_have_the_same_messages() {
    let (english, russian) = (keys(ENGLISH), keys(RUSSIAN));
    let translated = |key: &String| !BUILT.iter().any(|b| key.starts_with(b));
    let missing: Vec<_> = english.keys().filter(|k| !russian.contains_key(*k)).collect();
    let extra: Vec<_> = russian.keys().filter(|k| !english.contains_key(*k) && translated(k)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "not in Russian: {missing:?}; only in Russian: {extra:?}");
    for (key, variables) in &english {
        assert_eq!(Some(variables), russian.get(key), "arguments of {key}");
    }
}

fn sources(dir: &Path, out: &mut String) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        match () {
            () if path.is_dir() => sources(&path, out),
            () if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("i18n/tests.rs") => {
                out.push_str(&std::fs::read_to_string(&path).expect("a file"));
            }
            () => {}
        }
    }
}

#[test]
fn every_message_is_used_and_every_used_message_exists() {
    let mut code = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let english = keys(ENGLISH);
    let unused: Vec<_> = english.keys().filter(|k| !code.contains(&format!("\"{k}\""))).collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    // Whatever is handed to the translations directly must be there.
    for call in [".t(\"", ".n(\"", ".named(\"", "lang.with(\"", "Say::Key(\"", "Say::Named(\"", "Pending::Tell(\"", "self.tell(\""] {
        for part in code.split(call).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            assert!(english.contains_key(key), "{call}{key}\") is not in the translations");
        }
    }
}

#[test]
fn russian_counts_as_russians_do() {
    let lang = Lang::new(Language::Russian);
    let says = |n| lang.n("unread-count", n);
    assert_eq!(says(1), "1 непрочитанное сообщение");
    assert_eq!(says(3), "3 непрочитанных сообщения");
    assert_eq!(says(5), "5 непрочитанных сообщений");
    assert_eq!(says(11), "11 непрочитанных сообщений");
    assert_eq!(says(21), "21 непрочитанное сообщение");
    assert_eq!(Lang::new(Language::English).n("unread-count", 1), "1 unread message");
}

#[test]
fn every_failure_of_a_command_has_russian_words() {
    use veche_protocol::core::command::CommandError as E;
    let all = [
        E::NoAccount,
        E::AccountExists,
        E::Invalid { field: "login", why: String::new() },
        E::UnknownPerson,
        E::UnknownChat,
        E::UnknownMessage,
        E::NotYours,
        E::NotContact,
        E::Blocked,
        E::Yourself,
        E::NoAddress,
        E::ClockWrong,
        E::NotStored(String::new()),
        E::Busy,
        E::DeviceRetired,
        E::HistoryIncomplete,
        E::UnknownCall,
        E::InCall,
        E::NoEngine,
    ];
    let lang = Lang::new(Language::Russian);
    for error in all {
        let problem = error.into();
        let said = lang.problem(&problem);
        assert!(said.chars().any(|c| ('а'..='я').contains(&c)), "{}: {said}", problem.kind);
    }
}

#[test]
fn every_end_of_a_call_is_a_sentence_in_both_languages() {
    use crate::model::call::end_key;
    use veche_protocol::view::CallEnd as C;
    let all = [
        C::HungUp,
        C::Cancelled,
        C::Declined,
        C::Busy,
        C::NoAnswer,
        C::AnsweredElsewhere,
        C::DeclinedElsewhere,
        C::Unreachable,
        C::NoWay,
        C::Impostor,
        C::NoEngine,
        C::NoSound,
        C::NoSoundThere,
        C::Lost,
        C::NotContact,
        C::Merged,
    ];
    for language in Language::ALL {
        let lang = Lang::new(language);
        let said: BTreeSet<String> =
            all.iter().flat_map(|end| [false, true].map(|relay| lang.named(end_key(*end, relay), "Anna"))).collect();
        assert_eq!(said.len(), all.len() + 1, "{said:?}");
        assert!(said.iter().all(|words| words.contains(' ') && !words.starts_with("call-end")), "{said:?}");
    }
}

#[test]
fn tags_choose_a_language() {
    assert_eq!(Language::from_tag("ru_RU.UTF-8"), Language::Russian);
    assert_eq!(Language::from_tag("RU"), Language::Russian);
    assert_eq!(Language::from_tag("en-GB"), Language::English);
    assert_eq!(Language::from_tag("C"), Language::English);
}
