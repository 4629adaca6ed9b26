//! Every command that has a key: one list drives the keyboard, the list of shortcuts and the tests.

use egui::{Key, KeyboardShortcut, Modifiers};

/// What a key can do anywhere in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UiCommand {
    /// Jump to a person or page by typing.
    Switcher,
    /// Messages of the open conversation that contain something.
    Search,
    /// Messages of all conversations.
    SearchAll,
    /// Conversation above.
    PreviousChat,
    /// Conversation below.
    NextChat,
    /// Unread conversation above.
    PreviousUnread,
    /// Unread conversation below.
    NextUnread,
    /// Contact card.
    ToggleCard,
    /// Page of settings.
    Settings,
    /// List of keys.
    Shortcuts,
    /// Page for adding people.
    AddPerson,
    /// Newest message.
    Present,
    /// Call the person on the page.
    Call,
    /// Take the call that rings.
    Answer,
    /// Decline what rings, else end the call.
    HangUp,
    /// Microphone on or off.
    Mic,
    /// Nothing is played, or it is again.
    Deafen,
    /// Close what is open, else mark as read.
    Escape,
}

impl UiCommand {
    /// All of them, in the order they are listed.
    pub const ALL: [Self; 18] = [
        Self::Switcher,
        Self::Search,
        Self::SearchAll,
        Self::PreviousChat,
        Self::NextChat,
        Self::PreviousUnread,
        Self::NextUnread,
        Self::ToggleCard,
        Self::AddPerson,
        Self::Settings,
        Self::Shortcuts,
        Self::Present,
        Self::Call,
        Self::Answer,
        Self::HangUp,
        Self::Mic,
        Self::Deafen,
        Self::Escape,
    ];

    /// Its key.
    #[must_use]
    pub const fn shortcut(self) -> KeyboardShortcut {
        let (modifiers, key) = match self {
            Self::Switcher => (Modifiers::COMMAND, Key::K),
            Self::Search => (Modifiers::COMMAND, Key::F),
            Self::SearchAll => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::F),
            Self::PreviousChat => (Modifiers::ALT, Key::ArrowUp),
            Self::NextChat => (Modifiers::ALT, Key::ArrowDown),
            Self::PreviousUnread => (Modifiers::ALT.plus(Modifiers::SHIFT), Key::ArrowUp),
            Self::NextUnread => (Modifiers::ALT.plus(Modifiers::SHIFT), Key::ArrowDown),
            Self::ToggleCard => (Modifiers::COMMAND, Key::U),
            Self::AddPerson => (Modifiers::COMMAND, Key::N),
            Self::Settings => (Modifiers::COMMAND, Key::Comma),
            Self::Shortcuts => (Modifiers::COMMAND, Key::Slash),
            Self::Present => (Modifiers::COMMAND, Key::End),
            Self::Call => (Modifiers::COMMAND, Key::Quote),
            // Not Enter alone: whoever writes when it begins to ring would be on the air without wanting to.
            Self::Answer => (Modifiers::COMMAND, Key::Enter),
            Self::HangUp => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::H),
            Self::Mic => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::M),
            Self::Deafen => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::D),
            Self::Escape => (Modifiers::NONE, Key::Escape),
        };
        KeyboardShortcut::new(modifiers, key)
    }

    /// Its key as it is printed on the keyboard.
    #[must_use]
    pub fn keys(self, ctx: &egui::Context) -> String {
        let shortcut = self.shortcut();
        let symbol = match shortcut.logical_key {
            Key::ArrowUp => "↑",
            Key::ArrowDown => "↓",
            Key::Comma => ",",
            Key::Slash => "/",
            Key::Quote => "'",
            Key::Escape => "Esc",
            key => key.name(),
        };
        let modifiers = ctx.format_modifiers(shortcut.modifiers);
        match () {
            () if modifiers.is_empty() => symbol.to_owned(),
            () if modifiers.chars().any(|c| c.is_ascii_alphabetic()) => format!("{modifiers}+{symbol}"),
            () => format!("{modifiers}{symbol}"),
        }
    }

    /// Key of its name in the translations.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Switcher => "command-switcher",
            Self::Search => "command-search",
            Self::SearchAll => "command-search-all",
            Self::PreviousChat => "command-previous-chat",
            Self::NextChat => "command-next-chat",
            Self::PreviousUnread => "command-previous-unread",
            Self::NextUnread => "command-next-unread",
            Self::ToggleCard => "command-card",
            Self::AddPerson => "command-add",
            Self::Settings => "command-settings",
            Self::Shortcuts => "command-shortcuts",
            Self::Present => "command-present",
            Self::Call => "command-call",
            Self::Answer => "command-answer",
            Self::HangUp => "command-hang-up",
            Self::Mic => "command-mic",
            Self::Deafen => "command-deafen",
            Self::Escape => "command-escape",
        }
    }

    /// The commands whose keys were pressed in this frame, most specific modifiers first.
    pub fn pressed(input: &mut egui::InputState) -> Vec<Self> {
        let mut order = Self::ALL;
        order.sort_by_key(|c| std::cmp::Reverse(modifier_count(c.shortcut().modifiers)));
        order.into_iter().filter(|c| *c != Self::Escape && input.consume_shortcut(&c.shortcut())).collect()
    }

    /// Whether Escape was pressed and nothing in front of the window wanted it.
    pub fn escaped(ui: &egui::Ui) -> bool {
        ui.input_mut(|i| i.consume_shortcut(&Self::Escape.shortcut()))
    }
}

fn modifier_count(m: Modifiers) -> usize {
    [m.alt, m.shift, m.command || m.ctrl].iter().filter(|on| **on).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_key_of_its_own() {
        for (i, a) in UiCommand::ALL.iter().enumerate() {
            for b in &UiCommand::ALL[i + 1..] {
                assert_ne!(a.shortcut(), b.shortcut(), "{a:?} and {b:?}");
            }
        }
    }
}
