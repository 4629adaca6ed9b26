//! Light marks in messages: what is bold, code, quoted or a link. The text itself is never changed, only described.
//!
//! A mark that is not closed is plain text. Links are shown as they are written; the address that opens is the very text
//! that is seen, so a link cannot lie.

/// How a run of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// `**bold**`.
    pub bold: bool,
    /// `*italic*` or `_italic_`.
    pub italic: bool,
    /// `~~struck~~`.
    pub strike: bool,
    /// `` `code` ``.
    pub code: bool,
    /// A line that begins with `> `.
    pub quote: bool,
    /// Index into [`Marked::links`].
    pub link: Option<usize>,
}

/// Text with its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Runs in order; they make up what is shown.
    pub runs: Vec<(String, Look)>,
    /// Addresses that a click opens.
    pub links: Vec<String>,
}

/// Longest text whose marks are looked at, bytes; a message is at most this long on the wire.
const MAX_MARKED: usize = 64 * 1024;

/// Reads the marks of a message.
#[must_use]
pub fn parse(text: &str) -> Marked {
    let mut out = Marked::default();
    if text.len() > MAX_MARKED {
        out.runs.push((text.to_owned(), Look::default()));
        return out;
    }
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            push(&mut out.runs, "\n", Look::default());
        }
        match line.strip_prefix("> ") {
            Some(rest) => inline(&mut out, rest, Look { quote: true, ..Look::default() }),
            None => inline(&mut out, line, Look::default()),
        }
    }
    out
}

/// The words of a text without its marks, at most `limit` characters of it: for previews.
#[must_use]
pub fn plain(text: &str, limit: usize) -> String {
    let short: String = text.chars().take(limit).collect();
    parse(&short).runs.into_iter().map(|(run, _)| run).collect()
}

/// Gives a run the look of a mark.
type Set = fn(&mut Look);

/// Marks, longest first so that `**` is not taken for two `*`.
const MARKS: [(&str, Set); 5] = [
    ("`", |l| l.code = true),
    ("**", |l| l.bold = true),
    ("~~", |l| l.strike = true),
    ("*", |l| l.italic = true),
    ("_", |l| l.italic = true),
];

fn inline(out: &mut Marked, text: &str, look: Look) {
    let mut plain_from = 0;
    let mut at = 0;
    let links: Vec<(usize, usize)> = finder().links(text).map(|l| (l.start(), l.end())).collect();
    while let Some(rest) = text.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        if let Some((_, end)) = links.iter().find(|(start, _)| *start == at) {
            at = *end; // An underscore inside an address is not a mark.
            continue;
        }
        let found = if look.code { None } else { marked(text, at, rest) };
        match found {
            Some((mark, set, inner, after)) => {
                linkified(out, text.get(plain_from..at).unwrap_or_default(), look);
                let mut inside = look;
                set(&mut inside);
                if mark == "`" {
                    push(&mut out.runs, inner, inside);
                } else {
                    inline(out, inner, inside);
                }
                at = after;
                plain_from = after;
            }
            None => at += c.len_utf8(),
        }
    }
    linkified(out, text.get(plain_from..).unwrap_or_default(), look);
}

type Found<'t> = (&'static str, Set, &'t str, usize);

/// A closed mark that begins at `at`: its inside and where the text goes on.
fn marked<'t>(text: &'t str, at: usize, rest: &'t str) -> Option<Found<'t>> {
    let before = text.get(..at).and_then(|t| t.chars().next_back());
    if before.is_some_and(char::is_alphanumeric) && !rest.starts_with('`') {
        return None; // snake_case and 2*3*4 are not italics.
    }
    MARKS.iter().find_map(|(mark, set)| {
        let inside = rest.strip_prefix(mark)?;
        if inside.starts_with(char::is_whitespace) || inside.starts_with(mark) {
            return None;
        }
        let end = inside.match_indices(mark).map(|(i, _)| i).find(|i| closes(inside, *i, mark))?;
        let inner = inside.get(..end).filter(|t| !t.is_empty())?;
        Some((*mark, *set, inner, at + mark.len() + end + mark.len()))
    })
}

fn closes(inside: &str, at: usize, mark: &str) -> bool {
    let before = inside.get(..at).and_then(|t| t.chars().next_back());
    let after = inside.get(at + mark.len()..).and_then(|t| t.chars().next());
    let space = before.is_none_or(char::is_whitespace) && mark != "`";
    let word = mark != "`" && after.is_some_and(char::is_alphanumeric);
    let doubled = mark == "*" && (after == Some('*') || before == Some('*'));
    !space && !word && !doubled
}

/// Splits plain text at its addresses. A web or mail address only: other schemes can start programs.
fn linkified(out: &mut Marked, text: &str, look: Look) {
    if text.is_empty() {
        return;
    }
    for span in finder().spans(text) {
        let address = match span.kind() {
            Some(linkify::LinkKind::Email) => Some(format!("mailto:{}", span.as_str())),
            Some(_) => safe_url(span.as_str()).then(|| span.as_str().to_owned()),
            None => None,
        };
        match address {
            Some(address) => {
                let link = Some(out.links.len());
                out.links.push(address);
                push(&mut out.runs, span.as_str(), Look { link, ..look });
            }
            None => push(&mut out.runs, span.as_str(), look),
        }
    }
}

fn finder() -> linkify::LinkFinder {
    let mut finder = linkify::LinkFinder::new();
    finder.kinds(&[linkify::LinkKind::Url, linkify::LinkKind::Email]);
    finder
}

/// Whether an address may be opened at all.
#[must_use]
pub fn safe_url(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|s| lower.starts_with(s)) && !url.chars().any(char::is_control)
}

fn push(runs: &mut Vec<(String, Look)>, text: &str, look: Look) {
    match runs.last_mut() {
        Some((last, l)) if *l == look && look.link.is_none() => last.push_str(text),
        _ => runs.push((text.to_owned(), look)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        parse(text).runs.iter().map(|(t, _)| t.as_str()).collect()
    }

    fn look_of<'a>(m: &'a Marked, text: &str) -> &'a Look {
        &m.runs.iter().find(|(t, _)| t == text).unwrap_or_else(|| panic!("{text} in {m:?}")).1
    }

    #[test]
    fn marks_are_read() {
        let m = parse("a **bold** and *slanted* and ~~gone~~ and `co*de*`");
        assert!(look_of(&m, "bold").bold);
        assert!(look_of(&m, "slanted").italic);
        assert!(look_of(&m, "gone").strike);
        assert!(look_of(&m, "co*de*").code);
        assert_eq!(shown("a **bold**"), "a bold");
    }

    #[test]
    fn marks_nest() {
        let m = parse("**very _much_**");
        let look = look_of(&m, "much");
        assert!(look.bold && look.italic);
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        for text in ["2*3*4", "snake_case_name", "** not bold **", "a * b * c", "*", "**", "``", "_", "~~", "`open", "5 * 3 = 15*"] {
            assert_eq!(shown(text), text);
            assert!(parse(text).runs.iter().all(|(_, l)| *l == Look::default()), "{text}");
        }
    }

    #[test]
    fn previews_have_no_marks() {
        assert_eq!(plain("Hi **there**, `you`", 100), "Hi there, you");
        assert_eq!(plain("Hi **there**", 7), "Hi **th");
    }

    #[test]
    fn quotes_are_lines() {
        let m = parse("> said\nanswer");
        assert!(look_of(&m, "said").quote);
        assert!(!m.runs.last().is_none_or(|(_, l)| l.quote));
    }

    #[test]
    fn only_web_and_mail_open() {
        let m = parse("see https://veche.example/_a_b_, or write to anna@example.org");
        assert_eq!(m.links, ["https://veche.example/_a_b_", "mailto:anna@example.org"]);
        for text in ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ssh://host"] {
            assert_eq!(parse(text).links, Vec::<String>::new(), "{text}");
            assert!(!safe_url(text));
        }
    }

    #[test]
    fn code_has_no_links() {
        assert!(parse("`https://example.org`").links.is_empty());
    }

    #[test]
    fn odd_input_is_shown_whole() {
        for text in ["", "\n\n", "ёжик **ё**", "*a\nb*", "`a``b`", "**a**b**", "> ", ">"] {
            let _ = parse(text);
        }
        assert_eq!(shown("*a\nb*"), "*a\nb*");
    }
}
