//! The card of a call that rings, over everything, and in nobody's way: the window goes on as it was.

use super::name_of;
use crate::command::UiCommand;
use crate::model::Intent;
use crate::model::call::CallIntent;
use crate::theme::{Weight, icons, size};
use crate::views::{Cx, UiState};
use crate::widgets::avatar::Look;
use crate::widgets::control::{self, Tone};
use crate::widgets::text;
use egui::accesskit::{Live, Role};
use egui::{Align2, Area, EventFilter, Frame, Id, Key, Margin, Modifiers, Order, Sense, Ui, vec2};
use veche_protocol::ids::CallId;
use veche_protocol::view::CallView;

/// Width of the card.
const WIDTH: f32 = 372.0;
/// Cards shown at once; the rest comes when one of these is gone.
const CARDS: usize = 3;
/// Buttons.
const CONTROL: f32 = 44.0;

/// A card for each call that rings, the oldest on top.
pub fn incoming(ui: &Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let ringing: Vec<_> = cx.model.ringing().take(CARDS).cloned().collect();
    st.rang.retain(|id| ringing.iter().any(|c| c.call_id == *id));
    let mut top = 14.0;
    for call in &ringing {
        let area = Area::new(Id::unique(("ringing", call.call_id))).order(Order::Tooltip).anchor(Align2::CENTER_TOP, vec2(0.0, top));
        let shown = area.show(ui.ctx(), |ui| {
            let frame = Frame::popup(ui.style()).fill(cx.p.raised).corner_radius(size::R_LARGE + 4).inner_margin(Margin::same(14));
            frame.show(ui, |ui| card(ui, cx, st, call)).response.rect.height()
        });
        top += shown.inner + 10.0;
    }
}

fn card(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, call: &CallView) {
    let p = cx.p;
    let name = name_of(cx, call.account_id);
    ui.set_width(WIDTH);
    // Said at once by a screen reader, wherever the keyboard is.
    let said = cx.lang.named("call-incoming-from", &name);
    ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
        node.set_role(Role::AlertDialog);
        node.set_label(said.as_str());
        node.set_live(Live::Assertive);
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let (rect, _) = ui.allocate_exact_size(vec2(52.0, 52.0), Sense::hover());
        let presence = cx.model.snap.person(call.account_id).map(|p| p.presence);
        st.avatars.paint(ui, p, rect.center(), call.account_id, &name, Look { size: 52.0, presence, back: p.raised });
        let room = ui.available_width() - 2.0 * CONTROL - 12.0 - 10.0;
        ui.vertical(|ui| {
            ui.set_width(room);
            ui.spacing_mut().item_spacing.y = 3.0;
            ui.add_space(if cx.model.call().is_some() { 0.0 } else { 5.0 });
            text::line(ui, &name, Weight::Semi, size::TITLE, p.strong);
            text::line(ui, cx.lang.t("call-incoming"), Weight::Regular, size::SECOND, p.muted);
            if let Some(other) = cx.model.call() {
                let other = name_of(cx, other.account_id);
                text::label(ui, cx.lang.named("call-accept-ends", &other), Weight::Regular, size::SMALL, p.warn);
            }
        });
        buttons(ui, cx, st, call.call_id);
    });
}

fn buttons(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, call: CallId) {
    let side = vec2(CONTROL, CONTROL);
    let named = |ui: &Ui, key, command: UiCommand| format!("{} ({})", cx.lang.t(key), command.keys(ui.ctx()));
    let decline = named(ui, "call-decline", UiCommand::HangUp);
    let accept = named(ui, "call-accept", UiCommand::Answer);
    let no = control::button(ui, cx.p, icons::PHONE_DISCONNECT, &decline, Tone::End, side);
    let yes = control::button(ui, cx.p, icons::PHONE, &accept, Tone::Go, side);
    // Whoever does nothing with the keyboard has it here; whoever writes goes on writing.
    if !st.rang.contains(&call) {
        st.rang.push(call);
        if ui.memory(|m| m.focused().is_none()) {
            yes.request_focus();
        }
    }
    for button in [&no, &yes] {
        if button.has_focus() {
            // Or Escape would only take the keyboard away from it.
            let filter = EventFilter { escape: true, ..EventFilter::default() };
            ui.memory_mut(|m| m.set_focus_lock_filter(button.id, filter));
        }
    }
    let escaped = (no.has_focus() || yes.has_focus()) && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
    if no.clicked() || escaped {
        cx.push(Intent::Call(CallIntent::Decline(call)));
    } else if yes.clicked() {
        cx.push(Intent::Call(CallIntent::Accept(call)));
    }
}
