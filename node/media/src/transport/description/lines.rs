//! Cuts a description into lines, and lines into attributes (RFC 8866).

use veche_protocol::call::media::DESCRIPTION;

use super::{DescriptionRefusal, SECTIONS};

/// Most bytes of a line; the longest of a browser lists its payload types and has 200.
const MAX_LINE_BYTES: usize = 1024;

/// Most lines. A browser that names all its codecs stays under 500.
const MAX_LINES: usize = 1000;

/// The attributes of the session or of one section, in order.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// Every value of an attribute; empty for one without a value.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Whether an attribute without a value is set.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The only value of an attribute.
    pub(super) fn only(&self, name: &str) -> Option<&'a str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }
}

/// One `m=` line with what follows it.
pub(super) struct Media<'a> {
    pub(super) head: &'a str,
    pub(super) attributes: Attributes<'a>,
}

/// The attributes of the session, and the sections.
pub(super) fn split(text: &str) -> Result<(Attributes<'_>, Vec<Media<'_>>), DescriptionRefusal> {
    let malformed = DescriptionRefusal::Malformed;
    if text.len() > DESCRIPTION {
        return Err(malformed);
    }
    let mut session = Attributes::default();
    let mut media: Vec<Media<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if index >= MAX_LINES || line.len() > MAX_LINE_BYTES || !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(malformed);
        }
        let (letter, value) = line.split_once('=').ok_or(malformed)?;
        match letter {
            "v" if index == 0 && value == "0" => {}
            _ if index == 0 => return Err(malformed),
            "a" => {
                let attribute = value.split_once(':').unwrap_or((value, ""));
                media.last_mut().map_or(&mut session, |section| &mut section.attributes).0.push(attribute);
            }
            "m" if media.len() < SECTIONS.len() => media.push(Media { head: value, attributes: Attributes::default() }),
            "m" => return Err(DescriptionRefusal::Sections),
            // Who made it, its name, its time, and an address that nobody uses: all of them mean nothing here.
            "o" | "s" | "t" | "c" | "b" => {}
            _ => return Err(malformed),
        }
    }
    Ok((session, media))
}
