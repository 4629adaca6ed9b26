//! The page before a conversation is chosen: what can be done now.

use super::{Cx, UiState};
use crate::model::{Dialog, Intent, Page};
use crate::theme::{Weight, icons, size};
use crate::widgets::{hover, text};
use egui::{Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, _st: &mut UiState) {
    let p = cx.p;
    let first = cx.model.snap.account.as_ref().map_or("", |a| a.name.split_whitespace().next().unwrap_or_default()).to_owned();
    let new_here = cx.model.snap.chats.is_empty();
    let (title, words) = if new_here {
        (cx.lang.named("welcome-title", &first), cx.lang.t("welcome-words"))
    } else {
        (cx.lang.t("welcome-back").to_owned(), cx.lang.t("welcome-back-words"))
    };
    super::nothing(ui, p, icons::CHAT_CIRCLE_DOTS, &title, words);
    ui.vertical_centered(|ui| {
        ui.set_max_width(440.0);
        let nearby = cx.model.snap.nearby.len() as u64;
        let below = if nearby > 0 { cx.lang.n("nearby-count", nearby) } else { cx.lang.t("welcome-nearby").to_owned() };
        if option(ui, cx, icons::BROADCAST, cx.lang.t("page-nearby"), &below) {
            cx.push(Intent::Go(Page::Nearby));
        }
        if option(ui, cx, icons::QR_CODE, cx.lang.t("welcome-link"), cx.lang.t("welcome-link-words")) {
            cx.push(Intent::Ask(Dialog::MyLink));
        }
        if option(ui, cx, icons::USER_PLUS, cx.lang.t("page-add"), cx.lang.t("welcome-add-words")) {
            cx.push(Intent::Go(Page::Add));
        }
    });
}

fn option(ui: &mut Ui, cx: &Cx<'_>, icon: char, title: &str, words: &str) -> bool {
    let p = cx.p;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 66.0), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, title));
    let t = hover(ui, &response);
    ui.painter().rect(rect, size::R_LARGE, crate::theme::mix(p.main, p.hover, t), Stroke::new(1.0, p.line), StrokeKind::Inside);
    text::paint_icon(ui.painter(), pos2(rect.left() + 34.0, rect.center().y), icon, 26.0, p.accent_text, false);
    let room = rect.width() - 110.0;
    text::paint_line(ui, pos2(rect.left() + 66.0, rect.center().y - 10.0), room, title, Weight::Semi.font(size::NAME), p.strong);
    text::paint_line(ui, pos2(rect.left() + 66.0, rect.center().y + 11.0), room, words, Weight::Regular.font(size::SECOND), p.muted);
    text::paint_icon(ui.painter(), pos2(rect.right() - 24.0, rect.center().y), icons::CARET_RIGHT, 16.0, p.faint, false);
    crate::widgets::focus_ring(ui, &response, size::R_LARGE, p);
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}
