//! One row of a timeline, laid out: a pure function of a message, its place in the conversation and a width.

use crate::i18n::Lang;
use crate::model::markup::{self, Look};
use crate::model::time::{Ago, Zone};
use crate::theme::{Palette, Weight, hue_of, icons, mono_font, size};
use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Color32, Galley, Rect, Stroke, Vec2, pos2, vec2};
use std::sync::Arc;
use veche_protocol::ids::EntryId;
use veche_protocol::time::UnixMs;
use veche_protocol::view::{CallOutcome, MessageBody, MessageView};

/// Messages of one author within this time stand under one name, milliseconds.
pub const GROUP_MS: u64 = 5 * 60 * 1000;
/// Above a message with a name.
const LEAD_GAP: f32 = 14.0;
/// Around a message without one.
const GAP: f32 = 2.0;
/// A day's line.
const DAY: f32 = 40.0;
/// The line above the first unread message.
const UNREAD: f32 = 24.0;
/// The name and time of an author.
const HEAD: f32 = 22.0;
/// A quoted message above its answer.
const QUOTE: f32 = 20.0;
/// A line of small print below.
const NOTE: f32 = 18.0;
/// A line of reactions.
const REACTIONS: f32 = 32.0;
/// The beginning of a conversation.
pub const INTRO: f32 = 168.0;
/// Kept free right of the text, for the state of a message.
const RIGHT: f32 = 56.0;

/// What surrounds a message and shapes its row.
#[derive(Clone, Debug, PartialEq)]
pub struct Around {
    /// The conversation begins here.
    pub intro: bool,
    /// A new day begins here.
    pub day: bool,
    /// The first unread message.
    pub unread: bool,
    /// Has a name of its own: another author, or much later than the one before.
    pub lead: bool,
    /// Not on the disk yet.
    pub echo: bool,
    /// What it answers: author and first line; `None` where that is not loaded.
    pub quote: Option<(String, String)>,
    /// Who wrote it.
    pub author: String,
}

/// Everything else a row depends on.
pub struct Setting<'a> {
    /// Colours.
    pub palette: &'a Palette,
    /// Words.
    pub lang: &'a Lang,
    /// Local time.
    pub zone: &'a Zone,
    /// Now, for days.
    pub now: UnixMs,
    /// Width of the whole row.
    pub width: f32,
}

/// A stretch of a galley that does something, in characters.
#[derive(Clone, Debug)]
pub struct Link {
    /// First character.
    pub from: usize,
    /// One past the last.
    pub to: usize,
    /// What opens.
    pub url: String,
}

/// A laid-out row. Positions are relative to its upper left corner.
pub struct Row {
    /// How tall it is, all included.
    pub height: f32,
    /// Where the beginning of the conversation is painted.
    pub intro: bool,
    /// The day's name and where it stands.
    pub day: Option<(Arc<Galley>, f32)>,
    /// Where the unread line stands.
    pub unread: Option<f32>,
    /// Top of the message itself: what lights up under the pointer.
    pub top: f32,
    /// Author and time.
    pub head: Option<Head>,
    /// Clock time for rows without a head, shown under the pointer.
    pub clock: Arc<Galley>,
    /// What it answers.
    pub quote: Option<Quote>,
    /// The text.
    pub body: Arc<Galley>,
    /// Where the text stands.
    pub body_at: egui::Pos2,
    /// Addresses in it.
    pub links: Vec<Link>,
    /// Backgrounds of code, relative to the text.
    pub code: Vec<Rect>,
    /// Bars beside quoted lines, relative to the text.
    pub bars: Vec<Rect>,
    /// Small print.
    pub note: Option<(Arc<Galley>, egui::Pos2)>,
    /// Reactions, in order.
    pub chips: Vec<Chip>,
    /// What became of a call, where this is one: it stands without face and name.
    pub call: Option<CallOutcome>,
    /// What a screen reader says.
    pub spoken: String,
}

/// Author and time.
pub struct Head {
    /// Name.
    pub name: Arc<Galley>,
    /// Time.
    pub time: Arc<Galley>,
    /// Their top.
    pub y: f32,
}

/// A quoted message.
pub struct Quote {
    /// Its line.
    pub galley: Arc<Galley>,
    /// Its top.
    pub y: f32,
    /// Which message.
    pub target: EntryId,
}

/// A reaction with its count.
pub struct Chip {
    /// The emoji.
    pub emoji: String,
    /// Painted.
    pub galley: Arc<Galley>,
    /// Where.
    pub rect: Rect,
}

/// Lays a row out.
pub fn row(ctx: &egui::Context, message: &MessageView, around: &Around, s: &Setting<'_>) -> Row {
    let text_width = (s.width - size::GUTTER - RIGHT).clamp(80.0, size::TEXT_MAX);
    let mut y = 0.0;
    if around.intro {
        y += INTRO;
    }
    let day = around.day.then(|| {
        let words = day_name(s.lang, s.zone, message.at, s.now);
        let galley = single(ctx, &words, Weight::Semi, size::SMALL, s.palette.muted, f32::INFINITY);
        y += DAY;
        (galley, y - DAY / 2.0)
    });
    let unread = around.unread.then(|| {
        y += UNREAD;
        y - UNREAD / 2.0
    });
    y += if around.lead { LEAD_GAP } else { 0.0 };
    let top = y;
    y += GAP;
    let quote = message.reply_to.map(|target| {
        let words = match &around.quote {
            Some((author, text)) => (author.clone(), text.clone()),
            None => (String::new(), s.lang.t("quote-not-loaded").to_owned()),
        };
        y += QUOTE;
        Quote { galley: quote_line(ctx, &words.0, &words.1, s.palette, text_width), y: y - QUOTE, target }
    });
    let clock_words = s.zone.clock(message.at);
    let call = match message.body {
        MessageBody::Call { outcome, .. } => Some(outcome),
        _ => None,
    };
    let head = (around.lead && call.is_none()).then(|| {
        let color = s.palette.name(hue_of(&message.author.0));
        let name = single(ctx, &around.author, Weight::Semi, size::NAME, color, text_width - 60.0);
        let time = single(ctx, &clock_words, Weight::Regular, size::SMALL, s.palette.faint, f32::INFINITY);
        y += HEAD;
        Head { name, time, y: y - HEAD }
    });
    let (body, links, code_ranges, quote_ranges) = body(ctx, message, around, s, text_width);
    let body_at = pos2(size::GUTTER, y);
    let code = boxes(&body, &code_ranges, 3.0);
    let bars = boxes(&body, &quote_ranges, 0.0).into_iter().map(bar).collect();
    y += body.size().y.max(size::BODY_LINE);
    let chips = chips(ctx, message, s.palette, &mut y);
    let note = note(message, s.lang).map(|words| {
        let galley = single(ctx, &words, Weight::Regular, size::SMALL, s.palette.faint, text_width);
        y += NOTE;
        (galley, pos2(size::GUTTER, y - NOTE))
    });
    y += GAP;
    let clock = single(ctx, &clock_words, Weight::Regular, size::CAPTION, s.palette.faint, f32::INFINITY);
    let spoken = format!("{}, {clock_words}: {}", around.author, plain(message, s.lang));
    Row {
        height: y,
        intro: around.intro,
        day,
        unread,
        top,
        head,
        clock,
        quote,
        body,
        body_at,
        links,
        code,
        bars,
        note,
        chips,
        call,
        spoken,
    }
}

/// The first line of a message as a preview: without marks, and not what it quotes itself.
pub fn first_line(message: &MessageView, lang: &Lang) -> String {
    let words = plain(message, lang);
    let line = words.lines().find(|l| !l.trim().is_empty() && !l.starts_with("> ")).or_else(|| words.lines().next()).unwrap_or_default();
    markup::parse(line).runs.into_iter().map(|(run, _)| run).take(40).collect()
}

/// The words of a message, as they are.
pub fn plain(message: &MessageView, lang: &Lang) -> String {
    match &message.body {
        MessageBody::Text { text } => text.clone(),
        MessageBody::Call { outcome, duration_ms, .. } => {
            let words = call_words(message.mine, *outcome, lang);
            talked(*outcome, *duration_ms).map_or_else(|| words.to_owned(), |long| format!("{words} · {long}"))
        }
        MessageBody::Deleted => lang.t("message-deleted").to_owned(),
        MessageBody::Unsupported => lang.t("message-unsupported").to_owned(),
    }
}

/// How long they talked, if they did.
fn talked(outcome: CallOutcome, ms: u64) -> Option<String> {
    (outcome == CallOutcome::Talked).then(|| clock(ms / 1000))
}

/// A time as a clock counts it: minutes and seconds, hours if there are any.
#[must_use]
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How a call looks: taken or not, from here or from there.
pub fn call_look(mine: bool, outcome: CallOutcome, p: &Palette) -> (char, Color32) {
    match (outcome, mine) {
        (CallOutcome::Talked, true) => (icons::PHONE_OUTGOING, p.ok),
        (CallOutcome::Talked, false) => (icons::PHONE_INCOMING, p.ok),
        (CallOutcome::Missed, false) => (icons::PHONE_X, p.danger),
        (CallOutcome::Missed, true) => (icons::PHONE_X, p.muted),
        (CallOutcome::Declined, _) => (icons::PHONE_DISCONNECT, p.muted),
        (CallOutcome::Failed, _) => (icons::PHONE_X, p.warn),
    }
}

/// What became of a call, in a few words.
pub fn call_words(mine: bool, outcome: CallOutcome, lang: &Lang) -> &str {
    let key = match (outcome, mine) {
        (CallOutcome::Talked, true) => "call-talked-out",
        (CallOutcome::Talked, false) => "call-talked-in",
        (CallOutcome::Missed, true) => "call-missed-out",
        (CallOutcome::Missed, false) => "call-missed-in",
        (CallOutcome::Declined, true) => "call-declined-out",
        (CallOutcome::Declined, false) => "call-declined-in",
        (CallOutcome::Failed, _) => "call-failed",
    };
    lang.t(key)
}

/// A day in words, the nearer the plainer.
pub fn day_name(lang: &Lang, zone: &Zone, at: UnixMs, now: UnixMs) -> String {
    let day = zone.day(at);
    let args = |with_year: bool| {
        let month = lang.t(MONTHS.get(usize::try_from(day.month).unwrap_or(1).saturating_sub(1)).copied().unwrap_or("month-1"));
        let key = if with_year { "date-year" } else { "date-day" };
        lang.with(key, &[("day", i64::from(day.day).into()), ("month", month.into()), ("year", day.year.to_string().into())])
    };
    match zone.ago(at, now) {
        Ago::Today => lang.t("day-today").to_owned(),
        Ago::Yesterday => lang.t("day-yesterday").to_owned(),
        Ago::Week(weekday) => {
            let key = WEEKDAYS.get(usize::try_from(weekday).unwrap_or(1).saturating_sub(1)).copied().unwrap_or("weekday-1");
            lang.t(key).to_owned()
        }
        Ago::Year => args(false),
        Ago::Other => args(true),
    }
}

const MONTHS: [&str; 12] =
    ["month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8", "month-9", "month-10", "month-11", "month-12"];
const WEEKDAYS: [&str; 7] = ["weekday-1", "weekday-2", "weekday-3", "weekday-4", "weekday-5", "weekday-6", "weekday-7"];

fn note(message: &MessageView, lang: &Lang) -> Option<String> {
    let notes = [(message.edited, "note-edited"), (message.late, "note-late"), (message.forked, "note-forked")];
    let words: Vec<&str> = notes.iter().filter(|(on, _)| *on).map(|(_, key)| lang.t(key)).collect();
    (!words.is_empty() && matches!(message.body, MessageBody::Text { .. })).then(|| words.join(" · "))
}

fn single(ctx: &egui::Context, words: &str, weight: Weight, size: f32, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(words.to_owned(), weight.font(size), color);
    if width.is_finite() {
        job.wrap = TextWrapping::truncate_at_width(width);
    }
    ctx.fonts_mut(|f| f.layout_job(job))
}

fn quote_line(ctx: &egui::Context, author: &str, text: &str, p: &Palette, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::default();
    let format = |weight: Weight, color| TextFormat::simple(weight.font(size::SECOND), color);
    if !author.is_empty() {
        job.append(author, 0.0, format(Weight::Semi, p.text));
    }
    let first = text.lines().next().unwrap_or_default();
    job.append(first, if author.is_empty() { 0.0 } else { 6.0 }, format(Weight::Regular, p.muted));
    job.break_on_newline = false;
    job.wrap = TextWrapping::truncate_at_width(width);
    ctx.fonts_mut(|f| f.layout_job(job))
}

type Ranges = Vec<(usize, usize)>;

/// The text of a message with its marks. Also where links, code and quoted lines are, in characters.
fn body(
    ctx: &egui::Context,
    message: &MessageView,
    around: &Around,
    s: &Setting<'_>,
    width: f32,
) -> (Arc<Galley>, Vec<Link>, Ranges, Ranges) {
    let p = s.palette;
    let base = |font, color| TextFormat { line_height: Some(size::BODY_LINE), ..TextFormat::simple(font, color) };
    let mut job = LayoutJob { wrap: TextWrapping::wrap_at_width(width), ..LayoutJob::default() };
    if let MessageBody::Call { outcome, duration_ms, .. } = message.body {
        let color = if outcome == CallOutcome::Missed && !message.mine { p.danger } else { p.text };
        job.append(call_words(message.mine, outcome, s.lang), 0.0, base(Weight::Medium.font(size::BODY), color));
        if let Some(long) = talked(outcome, duration_ms) {
            job.append(&format!(" · {long}"), 0.0, base(Weight::Regular.font(size::BODY), p.muted));
        }
        job.append(&s.zone.clock(message.at), 8.0, base(Weight::Regular.font(size::SMALL), p.faint));
        return (ctx.fonts_mut(|f| f.layout_job(job)), Vec::new(), Vec::new(), Vec::new());
    }
    let MessageBody::Text { text } = &message.body else {
        let format = TextFormat { italics: true, ..base(Weight::Regular.font(size::BODY), p.faint) };
        job.append(&plain(message, s.lang), 0.0, format);
        return (ctx.fonts_mut(|f| f.layout_job(job)), Vec::new(), Vec::new(), Vec::new());
    };
    let marked = markup::parse(text);
    let (mut links, mut code, mut quotes) = (Vec::new(), Vec::new(), Vec::new());
    let big = big_emoji(text);
    let mut at = 0;
    let (mut at_line_start, mut after_code) = (true, false);
    for (run, look) in &marked.runs {
        let format = format(look, around.echo, p, &base, big);
        let lead = match () {
            () if look.quote && at_line_start => 14.0,
            () if look.code || after_code => 5.0,
            () => 0.0,
        };
        job.append(run, lead, format);
        let end = at + run.chars().count();
        if let Some(url) = look.link.and_then(|i| marked.links.get(i)) {
            links.push(Link { from: at, to: end, url: url.clone() });
        }
        if look.code {
            code.push((at, end));
        }
        if look.quote {
            quotes.push((at, end));
        }
        at_line_start = run.ends_with('\n');
        after_code = look.code;
        at = end;
    }
    (ctx.fonts_mut(|f| f.layout_job(job)), links, code, quotes)
}

fn format(look: &Look, echo: bool, p: &Palette, base: &impl Fn(egui::FontId, Color32) -> TextFormat, big: bool) -> TextFormat {
    let weight = if look.bold { Weight::Bold } else { Weight::Regular };
    let font = if look.code { mono_font(size::MONO) } else { weight.font(if big { 34.0 } else { size::BODY }) };
    let color = match () {
        () if look.link.is_some() => p.link,
        () if look.bold || look.code => p.strong,
        () if look.quote || echo => p.muted,
        () => p.text,
    };
    let mut format = base(font, color);
    if big {
        format.line_height = Some(44.0);
    }
    format.italics = look.italic;
    if look.strike {
        format.strikethrough = Stroke::new(1.0, color);
    }
    format
}

/// One to three emoji alone are shown large.
fn big_emoji(text: &str) -> bool {
    let text = text.trim();
    let pictures = text.chars().filter(|c| !matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')).count();
    !text.is_empty()
        && pictures <= 3
        && text.chars().all(|c| matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}'))
}

/// Where characters stand, one box for each row of text they touch.
fn boxes(galley: &Galley, ranges: &[(usize, usize)], grow: f32) -> Vec<Rect> {
    let mut out = Vec::new();
    for (from, to) in ranges {
        let mut seen = 0;
        for row in &galley.rows {
            let chars = row.char_count_excluding_newline().0;
            let (a, b) = ((*from).max(seen), (*to).min(seen + chars));
            if a < b {
                let left = row.x_offset((a - seen).into());
                // The right edge of the last glyph, not where the next one begins: there may be a gap between.
                let right = row.row.glyphs.get(b - seen - 1).map_or(left, egui::epaint::text::Glyph::max_x);
                let rect = Rect::from_min_max(pos2(row.pos.x + left, row.min_y()), pos2(row.pos.x + right, row.max_y()));
                out.push(rect.expand2(vec2(grow, -1.0)));
            }
            seen += chars + usize::from(row.ends_with_newline);
        }
    }
    out
}

fn bar(quoted: Rect) -> Rect {
    Rect::from_min_max(pos2(0.0, quoted.top() - 1.0), pos2(3.0, quoted.bottom() + 1.0))
}

fn chips(ctx: &egui::Context, message: &MessageView, p: &Palette, y: &mut f32) -> Vec<Chip> {
    let mut x = size::GUTTER;
    let mut out = Vec::new();
    for reaction in message.reactions.iter().filter(|r| !r.by.is_empty()) {
        let mut job = LayoutJob::default();
        job.append(&reaction.emoji, 0.0, TextFormat::simple(Weight::Regular.font(15.0), p.text));
        job.append(&reaction.by.len().to_string(), 6.0, TextFormat::simple(Weight::Semi.font(size::SMALL), p.text));
        let galley = ctx.fonts_mut(|f| f.layout_job(job));
        let rect = Rect::from_min_size(pos2(x, *y + 4.0), Vec2::new(galley.size().x + 18.0, 26.0));
        x += rect.width() + 6.0;
        out.push(Chip { emoji: reaction.emoji.clone(), galley, rect });
    }
    if !out.is_empty() {
        *y += REACTIONS;
    }
    out
}
