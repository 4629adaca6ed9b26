//! Jump to a person or a page by typing.

use super::{Cx, UiState};
use crate::model::people::{self, PersonRow};
use crate::model::{Intent, Page, SettingsTab};
use crate::theme::{Weight, icons, size};
use crate::widgets::avatar::Look;
use crate::widgets::{field, row, text};
use egui::{Key, Modifiers, Ui, pos2};

/// Most people shown.
const MAX_ROWS: usize = 8;

/// What is being typed.
#[derive(Default)]
pub struct Form {
    query: String,
    at: usize,
    opened: bool,
}

impl Form {
    /// Empty again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

enum Target {
    Person(PersonRow),
    Page(Page, char, &'static str),
}

const PAGES: [(Page, char, &str); 4] = [
    (Page::Nearby, icons::BROADCAST, "page-nearby"),
    (Page::Requests, icons::HAND_WAVING, "page-requests"),
    (Page::Add, icons::USER_PLUS, "page-add"),
    (Page::Settings(SettingsTab::Profile), icons::GEAR_SIX, "command-settings"),
];

/// The content of the dialog.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let p = cx.p;
    let (up, down, enter) = ui.input_mut(|i| {
        let mut key = |key| i.consume_key(Modifiers::NONE, key);
        (key(Key::ArrowUp), key(Key::ArrowDown), key(Key::Enter))
    });
    let before = st.switcher.query.clone();
    let response = field::search(ui, p, &mut st.switcher.query, cx.lang.t("switcher-hint"), "");
    if !st.switcher.opened {
        response.request_focus();
        st.switcher.opened = true;
    }
    let query = st.switcher.query.clone();
    let mut targets: Vec<Target> =
        people::matching(&cx.model.people, &query).into_iter().take(MAX_ROWS).cloned().map(Target::Person).collect();
    let lower = query.trim().to_lowercase();
    let pages = PAGES.into_iter().filter(|(_, _, key)| !lower.is_empty() && cx.lang.t(key).to_lowercase().contains(&lower));
    targets.extend(pages.map(|(page, icon, key)| Target::Page(page, icon, key)));
    let last = targets.len().saturating_sub(1);
    if before != query {
        st.switcher.at = 0;
    }
    if down {
        st.switcher.at += 1;
    }
    st.switcher.at = st.switcher.at.saturating_sub(usize::from(up)).min(last);
    ui.spacing_mut().item_spacing.y = 2.0;
    if targets.is_empty() {
        text::label(ui, cx.lang.t("side-no-match"), Weight::Regular, size::BODY, p.muted);
    }
    for (i, target) in targets.iter().enumerate() {
        let selected = i == st.switcher.at;
        let pressed = match target {
            Target::Person(one) => {
                let (rect, response, back) = row::press(ui, p, 46.0, &one.person.name, selected);
                let look = Look { size: 30.0, presence: Some(one.person.presence), back: if selected { back } else { p.raised } };
                st.avatars.paint(ui, p, pos2(rect.left() + 26.0, rect.center().y), one.person.account_id, &one.person.name, look);
                let room = rect.width() * 0.55;
                let at = pos2(rect.left() + 54.0, rect.center().y);
                let used = text::paint_line(ui, at, room, &one.person.name, Weight::Medium.font(size::BODY), p.strong);
                let handle = people::handle(&one.person.login, one.person.tag.as_deref());
                let left = rect.left() + 54.0 + used + 8.0;
                let font = Weight::Regular.font(size::SECOND);
                text::paint_line(ui, pos2(left, rect.center().y), rect.right() - left - 40.0, &handle, font, p.faint);
                if one.unread() {
                    let unread = one.chat.as_ref().map_or(0, |c| c.unread as usize);
                    row::badge(ui, p, pos2(rect.right() - 10.0, rect.center().y), unread, false);
                }
                response.clicked()
            }
            Target::Page(_, icon, key) => row::nav(ui, p, *icon, cx.lang.t(key), selected, 0).clicked(),
        };
        if pressed || (enter && selected) {
            cx.push(match target {
                Target::Person(one) => Intent::OpenPerson(one.person.account_id),
                Target::Page(page, ..) => Intent::Go(*page),
            });
        }
    }
}
