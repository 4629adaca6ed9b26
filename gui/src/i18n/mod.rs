//! What the window says, in English and Russian. Messages live in `en.ftl` and `ru.ftl`, in Fluent's syntax.

#[cfg(test)]
mod tests;

use crate::bridge::Problem;
use crate::model::Say;
use fluent::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use std::collections::BTreeMap;
use unic_langid::{LanguageIdentifier, langid};

const ENGLISH: &str = include_str!("en.ftl");
const RUSSIAN: &str = include_str!("ru.ftl");

/// A language the app speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// From a language tag such as `ru-RU`; English for those that are not spoken here.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_', '.']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("ru") { Self::Russian } else { Self::English }
    }

    /// Its tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// Its name, in itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::English => ENGLISH,
            Self::Russian => RUSSIAN,
        }
    }

    fn id(self) -> LanguageIdentifier {
        match self {
            Self::English => langid!("en"),
            Self::Russian => langid!("ru"),
        }
    }
}

/// The messages of one language. Those without arguments are formatted once.
pub struct Lang {
    language: Language,
    bundle: FluentBundle<FluentResource>,
    plain: BTreeMap<String, String>,
}

impl Lang {
    /// Reads the messages of a language. A faulty message is left out and shows as its key; the tests find it.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(partial, _)| partial);
        let ids: Vec<String> = resource
            .entries()
            .filter_map(|e| match e {
                fluent_syntax::ast::Entry::Message(m) => Some(m.id.name.to_owned()),
                _ => None,
            })
            .collect();
        let mut bundle = FluentBundle::new(vec![language.id()]);
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        let mut lang = Self { language, bundle, plain: BTreeMap::new() };
        for id in ids {
            if let Some(text) = lang.format(&id, None) {
                lang.plain.insert(id, text);
            }
        }
        lang
    }

    /// Which language this is.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// A message without arguments.
    #[must_use]
    pub fn t<'a>(&'a self, key: &'a str) -> &'a str {
        self.plain.get(key).map_or(key, String::as_str)
    }

    /// A message with a number called `n`.
    #[must_use]
    pub fn n(&self, key: &str, n: u64) -> String {
        self.with(key, &[("n", FluentValue::from(n))])
    }

    /// A message with a text called `name`.
    #[must_use]
    pub fn named(&self, key: &str, name: &str) -> String {
        self.with(key, &[("name", FluentValue::from(name))])
    }

    /// A message with arguments.
    #[must_use]
    pub fn with(&self, key: &str, args: &[(&str, FluentValue<'_>)]) -> String {
        let args: FluentArgs<'_> = args.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        self.format(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// Whether there is such a message.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// What the model wants said.
    #[must_use]
    pub fn say(&self, say: &Say) -> String {
        match say {
            Say::Key(key) => self.t(key).to_owned(),
            Say::Named(key, name) => self.named(key, name),
            Say::Words(words) => words.clone(),
            Say::Problem(problem) => self.problem(problem),
        }
    }

    /// What went wrong; in English, if nobody translated it.
    #[must_use]
    pub fn problem(&self, problem: &Problem) -> String {
        let key = format!("problem-{}", problem.kind.replace('_', "-"));
        if self.language != Language::English && self.has(&key) { self.t(&key).to_owned() } else { problem.sentence.clone() }
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, args, &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }
}
