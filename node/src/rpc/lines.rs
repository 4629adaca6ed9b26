//! Bounded lines out of a stream of bytes.

use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Longest line, bytes without its end: a batch of a hundred messages of 8 KiB fits, and a peer that never sends a line end
/// costs no more memory than this.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// A line that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, without the line end.
    Whole(Vec<u8>),
    /// It was longer than [`MAX_LINE`] and has been skipped.
    TooLong,
}

/// Reads lines. Blank ones are skipped.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    begun: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), begun: Vec::new(), too_long: false }
    }

    /// The next line, or `None` at the end. What follows the last line end counts as a line. May be dropped and called again
    /// without losing anything.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            let at_end = chunk.is_empty();
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (part, used) = end.map_or((chunk, chunk.len()), |end| (chunk.get(..end).unwrap_or_default(), end.saturating_add(1)));
            if self.begun.len().saturating_add(part.len()) > MAX_LINE {
                self.too_long = true;
                self.begun = Vec::new();
            }
            if !self.too_long {
                self.begun.extend_from_slice(part);
            }
            self.reader.consume(used);
            if end.is_some() || at_end {
                let line = std::mem::take(&mut self.begun);
                if std::mem::take(&mut self.too_long) {
                    return Ok(Some(Line::TooLong));
                }
                if !line.trim_ascii().is_empty() {
                    return Ok(Some(Line::Whole(line)));
                }
                if at_end {
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn lines_end_with_a_newline_or_with_the_stream() {
        assert_eq!(all(b"one\n\n  \r\ntwo\r\nthree").await, [whole("one"), whole("two\r"), whole("three")]);
        assert!(all(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_over_the_bound_is_skipped_and_the_next_one_is_read() {
        let longest = "x".repeat(MAX_LINE);
        let text = format!("{longest}\n{longest}y\nnext\n{longest}yyy");
        assert_eq!(all(text.as_bytes()).await, [whole(&longest), Line::TooLong, whole("next"), Line::TooLong]);
    }
}
