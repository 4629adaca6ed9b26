//! Rust as far as the rules need it: names, strings, numbers and signs, without comments.
//!
//! This is not a full lexer. It knows what could make a rule see a name that is not there: comments (nested), strings
//! (raw, byte and C ones too), character literals against lifetimes, and raw identifiers.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword, without `r#`.
    Name(String),
    /// The inside of a string literal, escapes as they are written.
    Text(String),
    /// A number, as written.
    Number(String),
    /// One sign; `::` is one token of its own.
    Sign(&'static str),
}

/// A token and the line that it starts in, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it starts.
    pub line: usize,
}

impl Token {
    /// The name, if it is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            Kind::Text(_) | Kind::Number(_) | Kind::Sign(_) => None,
        }
    }

    /// Whether it is this sign.
    #[must_use]
    pub fn is(&self, sign: &str) -> bool {
        matches!(self.kind, Kind::Sign(own) if own == sign)
    }
}

/// Signs that the rules look at; all others are the same to them.
const SIGNS: &[&str] = &["::", "{", "}", "(", ")", "[", "]", "<", ">", ",", ";", "*", "!", ".", "#", "=", "&", ":"];

/// Stands for every sign that is not in [`SIGNS`].
const OTHER_SIGN: &str = "?";

/// Splits Rust source into tokens. Never fails: a literal that does not end runs to the end of the file.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token> {
    let mut cursor = Cursor { rest: source, line: 1 };
    let mut tokens = Vec::new();
    while let Some(first) = cursor.rest.chars().next() {
        let line = cursor.line;
        let kind = if cursor.rest.starts_with("//") {
            cursor.take_while(|c| c != '\n');
            continue;
        } else if cursor.rest.starts_with("/*") {
            cursor.skip_block_comment();
            continue;
        } else if first.is_whitespace() {
            cursor.take_while(char::is_whitespace);
            continue;
        } else if let Some(text) = cursor.string() {
            Kind::Text(text)
        } else if first == '\'' {
            cursor.skip_char_or_lifetime();
            continue;
        } else if is_name_start(first) {
            if cursor.rest.starts_with("r#") {
                cursor.advance(2);
            }
            Kind::Name(cursor.take_while(is_name_part).to_owned())
        } else if first.is_ascii_digit() {
            Kind::Number(cursor.take_while(is_name_part).to_owned())
        } else {
            let sign = SIGNS.iter().find(|sign| cursor.rest.starts_with(**sign)).copied();
            cursor.advance(sign.map_or(first.len_utf8(), str::len));
            Kind::Sign(sign.unwrap_or(OTHER_SIGN))
        };
        tokens.push(Token { kind, line });
    }
    tokens
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_name_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Takes `bytes` bytes, which end at a character, or all that is left.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        self.advance(end)
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0usize;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.advance(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.advance(2);
                if depth == 0 {
                    return;
                }
            } else if let Some(c) = self.rest.chars().next() {
                self.advance(c.len_utf8());
            } else {
                return;
            }
        }
    }

    /// Takes a string literal of any kind and returns its inside.
    fn string(&mut self) -> Option<String> {
        let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
            self.rest.strip_prefix(prefix).is_some_and(|rest| {
                let after_hashes = rest.trim_start_matches('#');
                after_hashes.starts_with('"') && (prefix.ends_with('r') || after_hashes.len() == rest.len())
            })
        })?;
        self.advance(prefix.len());
        if prefix.ends_with('r') {
            let hashes = self.take_while(|c| c == '#').to_owned();
            self.advance(1);
            let close = format!("\"{hashes}");
            let end = self.rest.find(&close).unwrap_or(self.rest.len());
            let inside = self.advance(end).to_owned();
            self.advance(close.len());
            return Some(inside);
        }
        self.advance(1);
        let mut escaped = false;
        let end = self.rest.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let inside = self.advance(end.unwrap_or(self.rest.len())).to_owned();
        self.advance(1);
        Some(inside)
    }

    /// Skips `'x'`, `'\n'` and `'\u{1F600}'`, or the quote and name of a lifetime.
    fn skip_char_or_lifetime(&mut self) {
        self.advance(1);
        if self.rest.starts_with('\\') {
            self.advance(1);
            if let Some(c) = self.rest.chars().next() {
                self.advance(c.len_utf8());
            }
            self.take_while(|c| c != '\'');
            self.advance(1);
            return;
        }
        let mut ahead = self.rest.chars();
        match (ahead.next(), ahead.next()) {
            (Some(c), Some('\'')) => {
                self.advance(c.len_utf8() + 1);
            }
            _ => {
                self.take_while(is_name_part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        tokens(source).iter().filter_map(|token| token.name().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_names() {
        let source = "a // b\n/* c /* d */ e */ f \"g \\\" h\" r#\"i \" j\"# b\"k\" l";
        assert_eq!(names(source), ["a", "f", "l"]);
    }

    #[test]
    fn a_lifetime_is_not_the_start_of_a_character() {
        assert_eq!(names("fn a<'b>(c: &'b str) { d('e', '\\'', '\\u{1F600}') }"), ["fn", "a", "c", "str", "d"]);
    }

    #[test]
    fn strings_keep_their_inside_and_tokens_their_line() {
        let found = tokens("one\n\"two\nthree\"\nfour::five");
        let lines: Vec<usize> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 4, 4, 4]);
        assert_eq!(found.get(1).map(|token| &token.kind), Some(&Kind::Text("two\nthree".to_owned())));
        assert!(found.get(3).is_some_and(|token| token.is("::")));
    }

    #[test]
    fn raw_names_and_names_that_look_like_prefixes_are_names() {
        assert_eq!(names("r#type b br c r"), ["type", "b", "br", "c", "r"]);
    }

    #[test]
    fn what_does_not_end_runs_to_the_end() {
        assert_eq!(names("a \"b c"), ["a"]);
        assert_eq!(names("a /* b c"), ["a"]);
        assert_eq!(names("a r#\"b\" c"), ["a"]);
    }
}
