//! The wire format is written three times: as the specification in `proto/`, as the structs that prost derives on, and as the
//! table that the strict decoder scans against. This holds them together, so that none can be changed alone.

#![allow(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

use std::collections::BTreeMap;
use std::path::Path;
use veche_protocol::wire::codec::{Count, Kind};
use veche_protocol::wire::shapes;

/// A field as any of the three describes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    tag: u32,
    name: String,
    of: String,
    how: How,
}

/// How often a field may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Once,
    /// Absence is told from emptiness.
    Optional,
    Choice,
    Many,
}

type Messages = BTreeMap<String, Vec<Field>>;

/// Files of `wire/` that hold messages of the protocol. `codec` and `shapes` read them, `ratchet` holds rows of the store.
const FILES: [&str; 11] = ["bodies", "call", "directory", "entry", "hello", "identity", "inbox", "link", "mailbox", "sync", "turn"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn sorted(mut messages: Messages) -> Messages {
    messages.values_mut().for_each(|fields| fields.sort());
    messages
}

/// The specification. Its grammar here is the part of proto3 that it uses, one statement a line; anything else fails.
fn specification() -> Messages {
    let mut messages = Messages::new();
    for file in FILES {
        let mut open: Option<(String, bool)> = None;
        for line in read(&format!("proto/{file}.proto")).lines() {
            let line = line.trim();
            let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();
            match words.as_slice() {
                [] | ["//", ..] | ["syntax", "=", "\"proto3\""] | ["package", "veche.v1"] | ["import", _] => {}
                ["message", name, "{}"] => assert!(messages.insert((*name).into(), vec![]).is_none(), "{name} twice"),
                ["message", name, "{"] => {
                    assert!(messages.insert((*name).into(), vec![]).is_none(), "{name} twice");
                    open = Some(((*name).into(), false));
                }
                ["oneof", _, "{"] => open.as_mut().unwrap_or_else(|| panic!("{line}")).1 = true,
                ["}"] => match &mut open {
                    Some((_, choice)) if *choice => *choice = false,
                    _ => open = None,
                },
                [label @ .., of, name, "=", tag] if label.len() <= 1 => {
                    let (message, choice) = open.as_ref().unwrap_or_else(|| panic!("{line}"));
                    let how = match (label, choice) {
                        ([], true) => How::Choice,
                        ([], false) => How::Once,
                        (["optional"], false) => How::Optional,
                        (["repeated"], false) => How::Many,
                        _ => panic!("{line}"),
                    };
                    let field = Field { tag: tag.parse().unwrap(), name: (*name).into(), of: (*of).into(), how };
                    messages.get_mut(message).unwrap().push(field);
                }
                _ => panic!("{file}.proto: {line}"),
            }
        }
    }
    sorted(messages)
}

/// The structs, read from their source.
fn structs() -> Messages {
    let mut messages = Messages::new();
    let mut choices: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    let mut uses: Vec<(String, String)> = Vec::new();
    for file in FILES {
        let mut attr = String::new();
        // Name of the struct or enum being read, and whether it is an enum.
        let mut open: Option<(String, bool)> = None;
        for line in read(&format!("src/wire/{file}.rs")).lines() {
            let line = line.trim();
            if let Some(a) = line.strip_prefix("#[prost(") {
                attr = a.trim_end_matches(")]").to_owned();
                continue;
            }
            if line.is_empty() || line.starts_with("//") || line.starts_with("#[") {
                continue;
            }
            if let Some(name) = line.strip_prefix("pub struct ") {
                let name = name.split(' ').next().unwrap().to_owned();
                messages.insert(name.clone(), vec![]);
                open = (!line.ends_with("{}")).then_some((name, false));
            } else if let Some(name) = line.strip_prefix("pub enum ") {
                open = Some((name.trim_end_matches(" {").to_owned(), true));
            } else if line == "}" {
                open = None;
            } else if let Some((holder, is_enum)) = &open {
                let line = line.trim_end_matches(',');
                let (name, rust) = if *is_enum {
                    line.trim_end_matches(')').split_once('(').unwrap()
                } else {
                    line.trim_start_matches("pub ").split_once(": ").unwrap()
                };
                if let Some(choice) = value(&attr, "oneof") {
                    uses.push((holder.clone(), choice.rsplit("::").next().unwrap().to_owned()));
                    continue;
                }
                let field = Field {
                    tag: value(&attr, "tag").unwrap_or_else(|| panic!("{line}")).parse().unwrap(),
                    name: if *is_enum { snake(name) } else { name.to_owned() },
                    of: proto_type(&attr, rust),
                    how: how(&attr, *is_enum),
                };
                if *is_enum {
                    choices.entry(holder.clone()).or_default().push(field);
                } else {
                    messages.get_mut(holder).unwrap().push(field);
                }
            }
        }
    }
    for (message, choice) in uses {
        messages.get_mut(&message).unwrap().extend(choices[&choice].clone());
    }
    sorted(messages)
}

/// The quoted value of a key in an attribute: `tag = "3"`.
fn value<'a>(attr: &'a str, key: &str) -> Option<&'a str> {
    attr.split(&format!("{key} = \"")).nth(1)?.split('"').next()
}

fn how(attr: &str, is_enum: bool) -> How {
    let has = |word: &str| attr.split(", ").any(|part| part == word);
    match (is_enum, has("repeated"), has("optional") && !has("message")) {
        (true, ..) => How::Choice,
        (_, true, _) => How::Many,
        (_, _, true) => How::Optional,
        _ => How::Once,
    }
}

fn proto_type(attr: &str, rust: &str) -> String {
    let first = attr.split([',', ' ']).next().unwrap();
    if first != "message" {
        return first.to_owned();
    }
    let inner = rust.trim_start_matches("Option<").trim_start_matches("Vec<").trim_end_matches('>');
    inner.rsplit("::").next().unwrap().to_owned()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The decoder's table. It does not tell absence from emptiness.
fn table() -> Messages {
    let mut messages = Messages::new();
    for shape in shapes::all() {
        let fields = shape.fields.iter().map(|field| Field {
            tag: field.tag,
            name: field.name.to_owned(),
            of: match field.kind {
                Kind::U32 => "uint32".into(),
                Kind::U64 => "uint64".into(),
                Kind::Fixed64 => "fixed64".into(),
                Kind::Bool => "bool".into(),
                Kind::Bytes(_) => "bytes".into(),
                Kind::Text(_) => "string".into(),
                Kind::Msg(inner) => inner.name.into(),
            },
            how: match field.count {
                Count::Once => How::Once,
                Count::Choice => How::Choice,
                Count::Many(_) => How::Many,
            },
        });
        assert!(messages.insert(shape.name.to_owned(), fields.collect()).is_none(), "{} twice", shape.name);
    }
    sorted(messages)
}

fn assert_same(left: &Messages, right: &Messages, which: &str) {
    let names = |m: &Messages| m.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(left), names(right), "messages of {which}");
    for (name, fields) in left {
        assert_eq!(fields, &right[name], "fields of {name} in {which}");
    }
}

#[test]
fn the_specification_describes_the_structs() {
    assert_same(&specification(), &structs(), "specification and structs");
}

#[test]
fn the_decoder_checks_every_field_of_the_specification() {
    let mut specification = specification();
    for field in specification.values_mut().flatten() {
        if field.how == How::Optional {
            field.how = How::Once;
        }
    }
    assert_same(&sorted(specification), &table(), "specification and table");
}

#[test]
fn numbers_and_names_are_used_once_in_a_message() {
    for (name, fields) in specification() {
        let mut tags: Vec<u32> = fields.iter().map(|f| f.tag).collect();
        let mut names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
        tags.sort_unstable();
        tags.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((tags.len(), names.len()), (fields.len(), fields.len()), "{name}");
    }
}
