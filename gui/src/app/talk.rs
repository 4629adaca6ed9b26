//! The key of push to talk: choosing it, and holding it.

use crate::model::sound::SoundIntent;
use crate::model::{Intent, Model};
use egui::{Event, Key, Ui};

/// Listens to the keys of this frame before anything else does.
pub fn keys(ui: &Ui, model: &Model, out: &mut Vec<Intent>) {
    if model.sound.choosing_key {
        choose(ui, out);
    }
    let held = Key::from_name(&model.sound.talk_key).is_some_and(|key| {
        let writes = writes(key) && ui.ctx().egui_wants_keyboard_input();
        !writes && ui.input(|i| i.key_down(key))
    });
    let talks = model.hears_talk_key() && held;
    if talks != model.sound.talking {
        out.push(Intent::Sound(SoundIntent::Talk(talks)));
    }
}

/// The first key that is pressed is the key, but for Escape. Nothing else hears of it.
fn choose(ui: &Ui, out: &mut Vec<Intent>) {
    let pressed = ui.input_mut(|i| {
        let first = i.events.iter().find_map(|e| match e {
            Event::Key { key, pressed: true, repeat: false, .. } => Some(*key),
            _ => None,
        });
        if first.is_some() {
            i.events.retain(|e| !matches!(e, Event::Key { .. } | Event::Text(_)));
        }
        first
    });
    match pressed {
        None => {}
        Some(Key::Escape) => out.push(Intent::Sound(SoundIntent::ChooseKey(false))),
        Some(key) => out.push(Intent::Sound(SoundIntent::Key(key.name().to_owned()))),
    }
}

/// Whether a key does something in a text field.
fn writes(key: Key) -> bool {
    let name = key.name();
    // F1 to F35 and Insert do not; whatever else has a name may.
    let function = name.strip_prefix('F').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    !function && key != Key::Insert
}
