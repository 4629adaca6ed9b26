//! The contact card: who this is, and what can be done about them.

use super::{Cx, UiState};
use crate::model::call::CallIntent;
use crate::model::{Dialog, Intent, people};
use crate::theme::{Weight, icons, mono_font, size};
use crate::widgets::avatar::{self, Look};
use crate::widgets::{button, row, text};
use egui::{Area, Frame, Id, Margin, Order, Rect, Sense, Stroke, Ui, pos2, vec2};
use std::sync::Arc;
use veche_protocol::link::Route;
use veche_protocol::view::{PersonView, Presence, Relation};

/// The card as a column of its own.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let Some(person) = cx.model.open_person().cloned() else { return };
    let rect = ui.max_rect();
    ui.painter().vline(rect.left() + 0.5, rect.y_range(), Stroke::new(1.0, cx.p.line));
    egui::ScrollArea::vertical().id_salt("card").auto_shrink([false, false]).show(ui, |ui| content(ui, cx, st, &person));
}

/// The card over the page, where there is no room beside it.
pub fn over(ui: &Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let whole = ui.ctx().content_rect();
    let place = Rect::from_min_max(pos2(whole.right() - size::CARD - 8.0, whole.top() + size::HEADER + 6.0), whole.max - vec2(8.0, 8.0));
    Area::new(Id::unique("card-over")).order(Order::Middle).fixed_pos(place.min).show(ui.ctx(), |ui| {
        let frame = Frame::popup(ui.style()).fill(cx.p.side).corner_radius(size::R_LARGE).inner_margin(Margin::ZERO);
        frame.show(ui, |ui| {
            ui.set_min_size(place.size());
            ui.set_max_size(place.size());
            ui.shrink_clip_rect(place);
            show(ui, cx, st);
        });
    });
}

fn content(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, person: &Arc<PersonView>) {
    let p = cx.p;
    ui.spacing_mut().item_spacing.y = 0.0;
    let (banner, _) = ui.allocate_exact_size(vec2(ui.available_width(), 104.0), Sense::hover());
    st.avatars.banner(ui, banner, person.account_id);
    let close = Rect::from_center_size(pos2(banner.right() - 26.0, banner.top() + 26.0), vec2(30.0, 30.0));
    ui.painter().circle_filled(close.center(), 15.0, p.side.gamma_multiply(0.72));
    let response = ui.interact(close, ui.unique_id().with("close"), Sense::click());
    button::icon_at(ui, p, close, &response, icons::X, cx.lang.t("card-close"), false);
    if response.clicked() {
        cx.push(Intent::ToggleCard);
    }
    let at = pos2(banner.left() + 58.0, banner.bottom());
    ui.painter().circle_filled(at, 46.0, p.side);
    let look = Look { size: 84.0, presence: Some(person.presence), back: p.side };
    st.avatars.paint(ui, p, at, person.account_id, &person.name, look);
    ui.add_space(54.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(16.0);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - 16.0);
            ui.spacing_mut().item_spacing = vec2(8.0, 6.0);
            who(ui, cx, person);
            call(ui, cx, person);
            about(ui, cx, person);
            verification(ui, cx, person);
            actions(ui, cx, person);
            ui.add_space(16.0);
        });
    });
}

fn who(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    let p = cx.p;
    ui.horizontal(|ui| {
        ui.scope(|ui| {
            ui.set_max_width(ui.available_width() - 38.0);
            text::line(ui, &person.name, Weight::Bold, size::HEADING, p.strong);
        });
        if button::icon_sized(ui, p, icons::PENCIL_SIMPLE, cx.lang.t("card-rename"), false, 28.0).clicked() {
            cx.push(Intent::Ask(Dialog::Rename(person.account_id)));
        }
    });
    if person.own_name != person.name && !person.own_name.is_empty() {
        text::line(ui, cx.lang.named("card-calls-themselves", &person.own_name), Weight::Regular, size::SECOND, p.muted);
    }
    let handle = people::handle(&person.login, person.tag.as_deref());
    text::selectable(ui, handle, Weight::Regular.font(size::BODY - 0.5), p.muted);
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 18.0), Sense::hover());
        avatar::dot(ui.painter(), p, rect.center(), 4.5, person.presence, p.side);
        let words = match (person.presence, person.last_seen) {
            (Presence::Offline, Some(at)) => super::chat::seen(cx, at),
            (presence, _) => cx.lang.t(people::presence_key(presence)).to_owned(),
        };
        text::line(ui, words, Weight::Regular, size::SECOND, p.text);
    });
    if let Some(route) = person.route {
        let key = match route {
            Route::Loopback => "route-loopback",
            Route::Lan => "route-lan",
            Route::Direct => "route-direct",
            Route::Relayed => "route-relayed",
        };
        text::line(ui, cx.lang.t(key), Weight::Regular, size::SMALL, p.faint);
    }
}

/// Calls them; where that cannot be, says why.
fn call(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    if matches!(person.relation, Relation::Gone) {
        return;
    }
    ui.add_space(8.0);
    let (icon, words) = super::chat::call_words(cx, person);
    let can = cx.model.can_call(person);
    if button::Button::new(button::Kind::Primary, words).icon(icon).wide().enabled(can.is_ok()).show(ui, cx.p).clicked() {
        cx.push(Intent::Call(CallIntent::Start(person.account_id)));
    }
    if let Err(why) = can {
        text::label(ui, cx.lang.t(why.key()), Weight::Regular, size::SMALL, cx.p.muted);
    }
}

fn section(ui: &mut Ui, cx: &Cx<'_>, key: &'static str) {
    ui.add_space(12.0);
    text::caption(ui, cx.lang.t(key), cx.p.muted);
    ui.add_space(2.0);
}

fn about(ui: &mut Ui, cx: &Cx<'_>, person: &PersonView) {
    if !person.status_text.is_empty() {
        section(ui, cx, "card-status");
        text::label(ui, &person.status_text, Weight::Regular, size::BODY - 0.5, cx.p.text);
    }
    if !person.info.is_empty() {
        section(ui, cx, "card-about");
        text::label(ui, &person.info, Weight::Regular, size::BODY - 0.5, cx.p.text);
    }
}

fn verification(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    if matches!(person.relation, Relation::Gone) {
        return;
    }
    section(ui, cx, "card-verification");
    let p = cx.p;
    Frame::new().fill(p.raised).corner_radius(size::R_LARGE).inner_margin(14).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let (icon, color, key) = match () {
            () if person.verified => (icons::SHIELD_CHECK, p.ok, "card-verified"),
            () if person.devices_changed => (icons::SHIELD_WARNING, p.warn, "card-devices-changed"),
            () => (icons::SHIELD, p.muted, "card-not-verified"),
        };
        ui.horizontal(|ui| {
            text::icon(ui, icon, 20.0, color);
            text::line(ui, cx.lang.t(key), Weight::Semi, size::SECOND + 0.5, p.strong);
        });
        if let Some(number) = cx.model.safety.get(&person.account_id) {
            ui.add_space(4.0);
            for line in number_lines(number, 3) {
                ui.add(egui::Label::new(egui::RichText::new(line).font(mono_font(size::MONO)).color(p.muted)).selectable(true));
            }
        }
        if !person.verified {
            ui.add_space(6.0);
            if button::Button::new(button::Kind::Plain, cx.lang.t("card-compare")).wide().show(ui, p).clicked() {
                cx.push(Intent::Ask(Dialog::Verify(person.account_id)));
            }
        }
    });
}

/// A safety number in groups of five, some to a line.
pub fn number_lines(number: &str, per_line: usize) -> Vec<String> {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let groups: Vec<String> = digits.chunks(5).map(|g| g.iter().collect()).collect();
    groups.chunks(per_line).map(|l| l.join("  ")).collect()
}

fn actions(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    let p = cx.p;
    ui.add_space(14.0);
    ui.spacing_mut().item_spacing.y = 2.0;
    if let Some(chat) = person.chat_id.and_then(|id| cx.model.snap.chat(id)).cloned() {
        let (icon, key) = if chat.muted { (icons::BELL, "chat-unmute") } else { (icons::BELL_SLASH, "chat-mute") };
        if row::menu(ui, p, icon, cx.lang.t(key), false).clicked() {
            cx.push(Intent::Mute(chat.chat_id, !chat.muted));
        }
        if row::menu(ui, p, icons::INFO, cx.lang.t("card-why"), false).clicked() {
            cx.push(Intent::Ask(Dialog::Diagnosis(person.account_id)));
        }
    }
    match person.relation {
        Relation::Gone => {}
        Relation::Blocked => {
            if row::menu(ui, p, icons::CHECK_CIRCLE, cx.lang.t("card-unblock"), false).clicked() {
                cx.push(Intent::Unblock(person.account_id));
            }
        }
        _ => {
            if row::menu(ui, p, icons::PROHIBIT, cx.lang.t("card-block"), true).clicked() {
                cx.push(Intent::Ask(Dialog::Block(person.account_id)));
            }
        }
    }
}
