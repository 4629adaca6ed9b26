//! Measures the timeline without a window: layout and tessellation of frames over a long history.
//!
//! Used by the benchmark table and by a test with slack; needs no graphics card and no display.

use super::Timeline;
use crate::i18n::{Lang, Language};
use crate::model::history::History;
use crate::model::time::Zone;
use crate::model::{Intent, Model};
use crate::theme;
use crate::views::Cx;
use crate::widgets::avatar::Avatars;
use egui::{Event, MouseWheelUnit, RawInput, Rect, Vec2, pos2, vec2};
use std::sync::Arc;
use std::time::{Duration, Instant};
use veche_protocol::ids::{AccountId, DeviceId, EntryId, SpaceId};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{ChatView, Hlc, MessageBody, MessageView, Progress, ReadMarks};

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Time of each frame: layout and tessellation together, sorted.
    pub frames: Vec<Duration>,
    /// Most rows kept laid out at any time.
    pub kept: usize,
}

impl Measured {
    /// The time that this share of all frames stayed below; `share` from 0 to 1.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        let last = self.frames.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.frames.get(at.min(last)).copied().unwrap_or_default()
    }
}

/// A conversation of `n` messages: two people, now and then links, code, several lines.
#[must_use]
pub fn conversation(n: usize) -> (ChatView, History) {
    let chat_id = SpaceId([7; 32]);
    let people = [AccountId([1; 32]), AccountId([200; 32])];
    let words = [
        "The invite key rotates now.",
        "Ran it on three machines behind the same NAT for an hour, no lost messages, the trace is below.",
        "ok",
        "Посмотри, как теперь выглядит список",
        "It does! Here is the capture, run `veche replay` to see it.",
        "Details are in https://example.org/notes/heartbeat and the rest follows tomorrow",
        "**Careful**: the second one is still open.\n\n> said before\nanswered now",
    ];
    let rows = (0..n)
        .map(|i| {
            let hash = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mine = (hash >> 60) & 3 == 0;
            let at = UnixMs(1_700_000_000_000 + i as u64 * 97_000);
            let mut id = [0; 32];
            if let Some(head) = id.first_chunk_mut::<8>() {
                *head = (i as u64).to_be_bytes();
            }
            let text = words.get((hash >> 32) as usize % words.len()).copied().unwrap_or_default();
            Arc::new(MessageView {
                message_id: EntryId(id),
                chat_id,
                author: if mine { people[0] } else { people[1] },
                device: DeviceId([3; 32]),
                seq: i as u64,
                hlc: Hlc::from_unix(at),
                at,
                mine,
                body: MessageBody::Text { text: format!("{text} {i}") },
                reply_to: None,
                edited: hash & 31 == 0,
                reactions: Vec::new(),
                late: false,
                forked: false,
                state: None,
            })
        })
        .collect();
    let chat = ChatView {
        chat_id,
        account_id: people[1],
        last: None,
        unread: 0,
        read: ReadMarks::default(),
        draft: String::new(),
        muted: false,
        typing: false,
        missing: 0,
        progress: Progress::default(),
        standings: Arc::default(),
    };
    (chat, History::whole(rows))
}

/// Runs `frames` frames, each after the wheel moved the content down by `wheel` points.
#[must_use]
pub fn scroll(history: &History, chat: &ChatView, frames: usize, wheel: f32) -> Measured {
    let ctx = egui::Context::default();
    theme::install(&ctx);
    let (mut timeline, mut avatars) = (Timeline::default(), Avatars::default());
    let lang = Lang::new(Language::English);
    let model = Model::new(UnixMs(1_795_521_600_000), Zone::utc());
    let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(1440.0, 900.0));
    let mut out: Vec<Intent> = Vec::new();
    let mut measured = Measured { frames: Vec::with_capacity(frames), kept: 0 };
    // The first frames make fonts and textures; they are the start of the app, not scrolling.
    for frame in 0..frames + 10 {
        let mut input = RawInput { screen_rect: Some(rect), time: Some(frame as f64 / 60.0), ..RawInput::default() };
        input.events.push(Event::PointerMoved(pos2(700.0, 400.0)));
        if frame >= 5 && wheel != 0.0 {
            let delta = Vec2::new(0.0, wheel);
            let (phase, source) = (egui::TouchPhase::Move, egui::MouseWheelSource::Unknown);
            let modifiers = egui::Modifiers::NONE;
            input.events.push(Event::MouseWheel { unit: MouseWheelUnit::Point, delta, phase, source, modifiers });
        }
        let start = Instant::now();
        let mut output = ctx.run_ui(input, |ui| {
            let mut cx = Cx { model: &model, p: theme::palette(ui.ctx()), lang: &lang, out: &mut out };
            timeline.show(ui, &mut cx, &mut avatars, chat, history);
        });
        let shapes = std::mem::take(&mut output.shapes);
        let _primitives = ctx.tessellate(shapes, output.pixels_per_point);
        let spent = start.elapsed();
        output.textures_delta.clear();
        out.clear();
        measured.kept = measured.kept.max(timeline.kept());
        if frame >= 10 {
            measured.frames.push(spent);
        }
    }
    measured.frames.sort_unstable();
    measured
}
