//! The paths that a Rust file names, as the rules about modules and crates want them: `use` trees taken apart, `self` and
//! `super` resolved against the place of the file.

use crate::lexer::{Kind, Token};
use crate::tree::SourceFile;

/// A path such as `crate::net::Swarm` in the code of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// Its parts; the first is `crate` for everything in the same crate.
    pub parts: Vec<String>,
    /// The line where it starts.
    pub line: usize,
}

impl NamedPath {
    /// Whether this path is, or lies below, the other one, which is written with `::`.
    #[must_use]
    pub fn is_below(&self, other: &str) -> bool {
        let wanted: Vec<&str> = other.split("::").collect();
        self.parts.len() >= wanted.len() && self.parts.iter().zip(&wanted).all(|(own, wanted)| own == wanted)
    }
}

/// Every path of two or more parts, and every name that a `use` or `extern crate` brings in.
#[must_use]
pub fn paths(file: &SourceFile) -> Vec<NamedPath> {
    let mut reader = Reader { tokens: &file.tokens, at: 0, home: module_of(&file.path), inline: Vec::new(), depth: 0, found: Vec::new() };
    reader.file();
    reader.found
}

/// The module that a file holds: `node/src/store/sled.rs` is `crate::store::sled`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.rsplit_once("src/").map_or(path, |(_, inside)| inside);
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut parts: Vec<String> = vec!["crate".to_owned()];
    parts.extend(stem.split('/').map(str::to_owned));
    if matches!(parts.last().map(String::as_str), Some("lib" | "main" | "mod")) {
        parts.pop();
    }
    parts
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    home: Vec<String>,
    /// Open `mod name {` blocks, each with the brace depth that it was opened at.
    inline: Vec<(String, usize)>,
    depth: usize,
    found: Vec<NamedPath>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn name(&self, ahead: usize) -> Option<&str> {
        self.peek(ahead).and_then(Token::name)
    }

    fn sign(&self, ahead: usize, sign: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(sign))
    }

    fn file(&mut self) {
        while let Some(token) = self.peek(0) {
            match &token.kind {
                Kind::Name(name) if name == "use" => {
                    self.at += 1;
                    self.skip_leading_colons();
                    self.use_tree(&[]);
                }
                Kind::Name(name) if name == "extern" && self.name(1) == Some("crate") => {
                    let (brought, line) = (self.name(2).map(str::to_owned), token.line);
                    self.found.extend(brought.map(|name| NamedPath { parts: vec![name], line }));
                    self.at += 3;
                }
                Kind::Name(name) if name == "mod" && self.sign(2, "{") => {
                    let module = self.name(1).unwrap_or(name).to_owned();
                    self.inline.push((module, self.depth));
                    self.at += 2;
                }
                Kind::Name(_) => self.inline_path(),
                Kind::Sign("{") => {
                    self.depth += 1;
                    self.at += 1;
                }
                Kind::Sign("}") => {
                    self.depth = self.depth.saturating_sub(1);
                    self.inline.pop_if(|(_, depth)| *depth == self.depth);
                    self.at += 1;
                }
                Kind::Sign(_) | Kind::Text(_) | Kind::Number(_) => self.at += 1,
            }
        }
    }

    fn skip_leading_colons(&mut self) {
        if self.sign(0, "::") {
            self.at += 1;
        }
    }

    /// A path in an expression, a type or an attribute.
    fn inline_path(&mut self) {
        let line = self.peek(0).map_or(0, |token| token.line);
        let mut parts = Vec::new();
        while let Some(name) = self.name(0) {
            parts.push(name.to_owned());
            self.at += 1;
            if !(self.sign(0, "::") && self.name(1).is_some()) {
                break;
            }
            self.at += 1;
        }
        // A path that ends in `::<` or `::{` still has one part that is a module or type.
        if parts.len() > 1 || self.sign(0, "::") {
            self.add(parts, line);
        }
    }

    /// One branch of a `use` tree, up to its `,`, `}` or `;`.
    fn use_tree(&mut self, prefix: &[String]) {
        let line = self.peek(0).map_or(0, |token| token.line);
        let mut parts = prefix.to_vec();
        while let Some(token) = self.peek(0) {
            match &token.kind {
                Kind::Name(name) if name == "as" => self.at += 2,
                Kind::Name(name) => {
                    parts.push(name.clone());
                    self.at += 1;
                }
                Kind::Sign("::") => self.at += 1,
                Kind::Sign("{") => {
                    self.at += 1;
                    while self.peek(0).is_some() && !self.sign(0, "}") {
                        self.use_tree(&parts);
                        // A `;` in here is no valid Rust; stepping over it as well keeps this loop going.
                        if self.sign(0, ",") || self.sign(0, ";") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                Kind::Sign("*") => {
                    self.at += 1;
                    break;
                }
                Kind::Sign(_) | Kind::Text(_) | Kind::Number(_) => break,
            }
        }
        if self.peek(0).is_some_and(|token| !(token.is(",") || token.is("}") || token.is(";"))) {
            // Not a `use` item after all (precise capturing: `use<'a>`): step over it.
            self.at += 1;
            return;
        }
        self.add(parts, line);
    }

    fn add(&mut self, parts: Vec<String>, line: usize) {
        let parts = self.resolve(parts);
        if !parts.is_empty() {
            self.found.push(NamedPath { parts, line });
        }
    }

    fn resolve(&self, parts: Vec<String>) -> Vec<String> {
        let here = || -> Vec<String> { self.home.iter().cloned().chain(self.inline.iter().map(|(name, _)| name.clone())).collect() };
        let mut base = match parts.first().map(String::as_str) {
            Some("self" | "super") => here(),
            _ => return parts,
        };
        let mut rest = parts.into_iter().peekable();
        rest.next_if(|part| part == "self");
        while rest.next_if(|part| part == "super").is_some() {
            base.pop();
        }
        base.extend(rest);
        base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, source: &str) -> Vec<String> {
        paths(&SourceFile::new(path, source)).iter().map(|path| path.parts.join("::")).collect()
    }

    #[test]
    fn use_trees_come_apart() {
        let source = "use a::{b, c::{self, d as e}, f::*};\npub(crate) use g;\nuse ::h::i;";
        assert_eq!(found("node/src/lib.rs", source), ["a::b", "a::c::self", "a::c::d", "a::f", "g", "h::i"]);
    }

    #[test]
    fn super_and_self_are_resolved_from_file_and_inline_module() {
        assert_eq!(
            found("node/src/store/sled.rs", "use super::super::net::Peer; fn f() { self::g(); super::h::i() }"),
            ["crate::net::Peer", "crate::store::sled::g", "crate::store::h::i"]
        );
        assert_eq!(
            found("node/src/store/mod.rs", "mod tests { use super::Row; } use super::net::A;"),
            ["crate::store::Row", "crate::net::A"]
        );
    }

    #[test]
    fn code_attributes_and_generics_are_seen_and_comments_are_not() {
        let source = "// sled::open\n#[derive(libp2p::swarm::NetworkBehaviour)]\nfn f(a: Vec<egui::Color32>) { tokio::spawn::<u8>(b) }";
        assert_eq!(found("node/src/a.rs", source), ["libp2p::swarm::NetworkBehaviour", "egui::Color32", "tokio::spawn"]);
    }

    #[test]
    fn a_path_in_the_middle_does_not_count_as_a_crate() {
        let named = paths(&SourceFile::new("node/src/a.rs", "use crate::store::sled::Tree;"));
        assert!(named.iter().all(|path| !path.is_below("sled")));
        assert!(named.iter().any(|path| path.is_below("crate::store")));
    }
}
