//! Where messages are written.

use super::{Cx, UiState};
use crate::model::Intent;
use crate::theme::{Weight, icons, size};
use crate::widgets::{button, text};
use egui::{Event, Frame, Id, Key, KeyboardShortcut, Margin, Modifiers, Rect, Sense, TextEdit, Ui, pos2, vec2};
use veche_protocol::ids::SpaceId;
use veche_protocol::limits::TEXT;
use veche_protocol::view::{ChatView, PersonView, Relation};

/// Longest text that can be typed, characters: enough to see by how much a message is too long.
const MAX_TYPED: usize = 4 * TEXT;
/// From this many bytes before the longest message on, what is left is counted.
const COUNTED: usize = 512;
/// From this width on the reminder has its buttons beside its words.
const WORDS_CARD_WIDE: f32 = 640.0;
/// Room for those buttons in the longest language.
const WORDS_BUTTONS: f32 = 270.0;
/// The composer grows to this height.
const MAX_HEIGHT: f32 = 200.0;

/// Id of the text field of a conversation.
#[must_use]
pub fn field_id(chat: SpaceId) -> Id {
    Id::unique(("composer", chat))
}

/// The composer, with what is answered above and who is typing below.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, chat: &ChatView, person: &PersonView) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if person.relation != Relation::Contact {
        closed(ui, cx, person);
        return;
    }
    words_card(ui, cx);
    context(ui, cx, chat);
    ui.add_space(2.0);
    let text = st.composers.entry(chat.chat_id).or_insert_with(|| cx.model.draft(chat.chat_id));
    let focus = std::mem::take(&mut st.focus_composer);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(16.0);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - 16.0);
            field(ui, cx, chat, person, text, focus);
        });
    });
    let length = text.trim().len();
    below(ui, cx, chat, person, length);
}

fn field(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView, person: &PersonView, text: &mut String, focus: bool) {
    let (p, id) = (cx.p, field_id(chat.chat_id));
    let has_focus = ui.memory(|m| m.has_focus(id));
    let entered = has_focus && plain_enter(ui);
    if has_focus && text.is_empty() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::ArrowUp)) {
        edit_last(cx, chat);
    }
    let frame = Frame::new().fill(p.composer).corner_radius(size::R_LARGE).inner_margin(Margin { left: 16, right: 8, top: 4, bottom: 4 });
    let shown = frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            let width = ui.available_width() - 36.0;
            let name = cx.lang.named("composer-to", &person.name);
            let before = text.clone();
            let scroll = egui::ScrollArea::vertical()
                .id_salt("composer")
                // The text follows the cursor; a bar beside one line of text would only flicker.
                .scroll_bar_visibility(egui::scroll_area::ScrollBarVisibility::AlwaysHidden)
                .min_scrolled_height(0.0)
                .max_height(MAX_HEIGHT)
                .auto_shrink([false, true])
                .max_width(width);
            let response = scroll
                .show(ui, |ui| {
                    let edit = TextEdit::multiline(text)
                        .id(id)
                        .frame(Frame::NONE.inner_margin(Margin::symmetric(0, 10)))
                        .font(Weight::Regular.font(size::BODY))
                        .text_color(p.strong)
                        .hint_text(text::rich(&name, Weight::Regular, size::BODY, p.faint))
                        .desired_rows(1)
                        .desired_width(width)
                        .char_limit(MAX_TYPED)
                        .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
                    ui.add(edit).accessible_name(&name)
                })
                .inner;
            if focus {
                response.request_focus();
            }
            if *text != before {
                cx.push(Intent::Typed(chat.chat_id, text.clone()));
            }
            let ready = !text.trim().is_empty() && text.trim().len() <= TEXT;
            if send_button(ui, cx, ready) || (entered && ready) {
                submit(cx, chat, text);
                response.request_focus();
            }
        });
    });
    let ring = ui.ctx().animate_bool_responsive(id.with("ring"), has_focus);
    let stroke = egui::Stroke::new(1.0, crate::theme::mix(p.line, p.line_strong, ring));
    ui.painter().rect_stroke(shown.response.rect, size::R_LARGE, stroke, egui::StrokeKind::Inside);
}

/// Whether Enter was pressed without Shift. It is taken out of the events: the modifiers of the frame are those at its
/// end, which on a slow frame are not those of the key.
fn plain_enter(ui: &Ui) -> bool {
    ui.input_mut(|i| {
        let before = i.events.len();
        i.events.retain(|e| !matches!(e, Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.is_none()));
        i.events.len() != before
    })
}

fn edit_last(cx: &mut Cx<'_>, chat: &ChatView) {
    if let Some(last) = cx.model.history(chat.chat_id).and_then(|h| h.last_own()) {
        cx.push(Intent::Editing(chat.chat_id, Some(last.message_id)));
    }
}

fn submit(cx: &mut Cx<'_>, chat: &ChatView, text: &mut String) {
    let written = std::mem::take(text);
    let editing = cx.model.history(chat.chat_id).and_then(|h| h.editing);
    cx.push(match editing {
        Some(message) => Intent::SaveEdit { chat: chat.chat_id, message, text: written },
        None => Intent::Send { chat: chat.chat_id, text: written },
    });
}

fn send_button(ui: &mut Ui, cx: &Cx<'_>, ready: bool) -> bool {
    let p = cx.p;
    let sense = if ready { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(36.0, 36.0), sense);
    let name = cx.lang.t("composer-send");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ready, name));
    let t = ui.ctx().animate_bool_responsive(response.id.with("ready"), ready);
    let over = crate::widgets::hover(ui, &response);
    let fill = crate::theme::mix(egui::Color32::TRANSPARENT, crate::theme::mix(p.accent, p.accent_hover, over), t);
    ui.painter().circle_filled(rect.center(), 17.0, fill);
    let color = crate::theme::mix(p.faint, p.on_accent, t);
    text::paint_icon(ui.painter(), rect.center(), icons::PAPER_PLANE_RIGHT, 19.0, color, ready);
    crate::widgets::focus_ring(ui, &response, 18, p);
    ready && response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

/// What is answered or changed, above the field.
fn context(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView) {
    let Some(history) = cx.model.history(chat.chat_id) else { return };
    let (icon, caption, id) = match (history.editing, history.reply_to) {
        (Some(id), _) => (icons::PENCIL_SIMPLE, "composer-editing", id),
        (None, Some(id)) => (icons::ARROW_BEND_UP_LEFT, "composer-replying", id),
        (None, None) => return,
    };
    let words = history.find(id).map(|m| match &m.body {
        veche_protocol::view::MessageBody::Text { text } => text.lines().next().unwrap_or_default().to_owned(),
        _ => String::new(),
    });
    let (p, words) = (cx.p, words.unwrap_or_default());
    let mut close = false;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.add_space(24.0);
        text::icon(ui, icon, 16.0, p.accent_text);
        text::line(ui, cx.lang.t(caption), Weight::Semi, size::SECOND, p.accent_text);
        ui.scope(|ui| {
            ui.set_max_width((ui.available_width() - 64.0).max(40.0));
            text::line(ui, words, Weight::Regular, size::SECOND, p.muted);
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_space(20.0);
            close = button::icon_sized(ui, p, icons::X, cx.lang.t("composer-cancel"), false, 28.0).clicked();
        });
    });
    if close {
        let editing = history.editing.is_some();
        cx.push(if editing { Intent::Editing(chat.chat_id, None) } else { Intent::Reply(chat.chat_id, None) });
    }
}

/// The line below the field: three dots and a name, and what is left of a long message.
fn below(ui: &mut Ui, cx: &Cx<'_>, chat: &ChatView, person: &PersonView, length: usize) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::hover());
    if length + COUNTED > TEXT {
        let (words, color) = match TEXT.checked_sub(length) {
            Some(left) => (cx.lang.n("composer-left", left as u64), cx.p.muted),
            None => (cx.lang.t("composer-too-long").to_owned(), cx.p.danger),
        };
        let galley = ui.painter().layout_no_wrap(words.clone(), Weight::Medium.font(size::SMALL), color);
        let at = pos2(rect.right() - 24.0 - galley.size().x, rect.center().y - galley.size().y / 2.0);
        let place = Rect::from_min_size(at, galley.size());
        let said = ui.interact(place, ui.unique_id().with("length"), Sense::hover());
        said.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Status, true, &words));
        ui.painter().galley(at, galley, color);
    }
    if !chat.typing {
        return;
    }
    let words = cx.lang.named("typing", &person.name);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Status, true, &words));
    let time = ui.input(|i| i.time);
    for dot in 0..3_u8 {
        let phase = (time * 4.0 - f64::from(dot) * 0.7).sin().max(0.0) as f32;
        let at = pos2(rect.left() + 24.0 + f32::from(dot) * 8.0, rect.center().y - phase * 2.5);
        ui.painter().circle_filled(at, 2.6, crate::theme::mix(cx.p.faint, cx.p.text, phase));
    }
    text::paint_line(
        ui,
        pos2(rect.left() + 52.0, rect.center().y),
        rect.width() - 70.0,
        &words,
        Weight::Medium.font(size::SMALL),
        cx.p.muted,
    );
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(80));
}

/// The composer of a conversation that cannot go on.
fn closed(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    let p = cx.p;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 72.0), Sense::hover());
    let place = Rect::from_min_max(rect.min + vec2(16.0, 4.0), rect.max - vec2(16.0, 16.0));
    ui.painter().rect_filled(place, size::R_LARGE, p.raised);
    let words = match person.relation {
        Relation::Blocked => cx.lang.named("closed-blocked", &person.name),
        Relation::Gone => cx.lang.named("closed-gone", &person.name),
        _ => cx.lang.named("closed-not-contact", &person.name),
    };
    let mut row = ui.new_child(
        egui::UiBuilder::new().max_rect(place.shrink2(vec2(16.0, 6.0))).layout(egui::Layout::right_to_left(egui::Align::Center)),
    );
    if person.relation == Relation::Blocked
        && button::Button::new(button::Kind::Plain, cx.lang.t("card-unblock")).show(&mut row, p).clicked()
    {
        cx.push(Intent::Unblock(person.account_id));
    }
    row.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| text::line(ui, words, Weight::Regular, size::BODY, p.muted));
}

/// A gentle reminder, once there is something to lose.
fn words_card(ui: &mut Ui, cx: &mut Cx<'_>) {
    if !cx.model.wants_words_card() {
        return;
    }
    let p = cx.p;
    let room = ui.available_width() - 32.0;
    let frame = Frame::new().fill(p.accent_soft).corner_radius(size::R_LARGE).inner_margin(Margin::symmetric(16, 12));
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(16.0);
        frame.show(ui, |ui| {
            ui.set_width(room - 32.0);
            ui.spacing_mut().item_spacing = vec2(8.0, 4.0);
            let wide = room > WORDS_CARD_WIDE;
            let buttons = if wide { WORDS_BUTTONS } else { 0.0 };
            ui.horizontal(|ui| {
                text::icon(ui, icons::KEY, 20.0, p.accent_text);
                let left = ui.available_width() - buttons - 8.0;
                ui.vertical(|ui| {
                    ui.set_width(left);
                    text::label(ui, cx.lang.t("words-card"), Weight::Semi, size::BODY, p.strong);
                    text::label(ui, cx.lang.t("words-card-why"), Weight::Regular, size::SECOND, p.text);
                    if !wide {
                        ui.add_space(4.0);
                        ui.horizontal(|ui| words_buttons(ui, cx));
                    }
                });
                if wide {
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| words_buttons(ui, cx));
                }
            });
        });
    });
    ui.add_space(8.0);
}

fn words_buttons(ui: &mut Ui, cx: &mut Cx<'_>) {
    if button::Button::new(button::Kind::Plain, cx.lang.t("words-show")).show(ui, cx.p).clicked() {
        cx.push(Intent::Ask(crate::model::Dialog::Words(crate::model::WordsStep::Before)));
    }
    if button::Button::new(button::Kind::Quiet, cx.lang.t("words-later")).show(ui, cx.p).clicked() {
        cx.push(Intent::HideWordsCard);
    }
}
