//! Colours, sizes and fonts: the only place in the app that spells them out.

pub mod emoji;
pub mod fonts;
pub mod icons;
mod palette;

pub use palette::{INK, PAPER, Palette, SHADE, UNTINTED, hsl, hue_of};

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, Theme, Vec2, Visuals};

/// Sizes in points.
pub mod size {
    /// Smallest text: section captions, badges.
    pub const CAPTION: f32 = 11.0;
    /// Times, hints.
    pub const SMALL: f32 = 12.0;
    /// Previews, secondary lines.
    pub const SECOND: f32 = 13.0;
    /// Messages, labels, fields.
    pub const BODY: f32 = 14.5;
    /// Height of a line of body text.
    pub const BODY_LINE: f32 = 21.0;
    /// Names of authors, titles of rows.
    pub const NAME: f32 = 15.0;
    /// Titles of pages and dialogs.
    pub const TITLE: f32 = 16.0;
    /// Headings.
    pub const HEADING: f32 = 20.0;
    /// The one big line of a welcome page.
    pub const DISPLAY: f32 = 28.0;
    /// Code.
    pub const MONO: f32 = 13.0;

    /// Column of conversations.
    pub const SIDE: f32 = 288.0;
    /// The same in a narrow window.
    pub const SIDE_NARROW: f32 = 264.0;
    /// Contact card.
    pub const CARD: f32 = 296.0;
    /// Header of a page.
    pub const HEADER: f32 = 56.0;
    /// Row of navigation.
    pub const ROW: f32 = 36.0;
    /// Row of a person or conversation.
    pub const PERSON: f32 = 54.0;
    /// Avatar in a list.
    pub const AVATAR: f32 = 36.0;
    /// Avatar beside a message.
    pub const AVATAR_MESSAGE: f32 = 40.0;
    /// Space left of the text of a message.
    pub const GUTTER: f32 = 72.0;
    /// Widest text of a message.
    pub const TEXT_MAX: f32 = 880.0;
    /// Widest content of a settings page.
    pub const FORM_MAX: f32 = 620.0;
    /// Side of an icon button.
    pub const ICON_BUTTON: f32 = 32.0;
    /// Height of buttons and fields.
    pub const CONTROL: f32 = 38.0;
    /// Below this width a window is narrow: one column gives way.
    pub const NARROW: f32 = 1080.0;

    /// Corner radius of pills and marks.
    pub const R_SMALL: u8 = 4;
    /// Of buttons, rows and menus.
    pub const R: u8 = 8;
    /// Of cards, dialogs and the composer.
    pub const R_LARGE: u8 = 12;
}

/// Weights of the text font; each is a font family of its own in egui.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 400.
    Regular,
    /// 500.
    Medium,
    /// 600.
    Semi,
    /// 700.
    Bold,
}

impl Weight {
    /// The family that draws this weight.
    #[must_use]
    pub fn family(self) -> FontFamily {
        match self {
            Self::Regular => FontFamily::Proportional,
            Self::Medium => FontFamily::Name(fonts::MEDIUM.into()),
            Self::Semi => FontFamily::Name(fonts::SEMI.into()),
            Self::Bold => FontFamily::Name(fonts::BOLD.into()),
        }
    }

    /// A font of this weight.
    #[must_use]
    pub fn font(self, size: f32) -> FontId {
        FontId::new(size, self.family())
    }
}

/// The font of outlined icons.
#[must_use]
pub fn icon_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(fonts::ICONS.into()))
}

/// The font of filled icons.
#[must_use]
pub fn icon_font_fill(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(fonts::ICONS_FILL.into()))
}

/// The font of code.
#[must_use]
pub fn mono_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

/// The palette that is in force for a [`egui::Ui`].
#[must_use]
pub fn palette(ctx: &egui::Context) -> &'static Palette {
    match ctx.theme() {
        Theme::Dark => &Palette::DARK,
        Theme::Light => &Palette::LIGHT,
    }
}

/// Teaches a context our fonts and both styles. Called once.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts::definitions());
    for (theme, palette) in [(Theme::Dark, &Palette::DARK), (Theme::Light, &Palette::LIGHT)] {
        ctx.set_style_of(theme, style(theme, palette));
    }
}

fn style(theme: Theme, p: &Palette) -> Style {
    let mut style = Style { visuals: visuals(theme, p), animation_time: 0.12, url_in_tooltip: false, ..Style::default() };
    style.text_styles = [
        (egui::TextStyle::Small, Weight::Regular.font(size::SMALL)),
        (egui::TextStyle::Body, Weight::Regular.font(size::BODY)),
        (egui::TextStyle::Button, Weight::Medium.font(size::BODY)),
        (egui::TextStyle::Heading, Weight::Semi.font(size::HEADING)),
        (egui::TextStyle::Monospace, mono_font(size::MONO)),
    ]
    .into();
    style.spacing.item_spacing = Vec2::new(8.0, 8.0);
    style.spacing.button_padding = Vec2::new(12.0, 8.0);
    style.spacing.interact_size = Vec2::new(32.0, 32.0);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.scroll =
        egui::style::ScrollStyle { floating: true, bar_width: 8.0, floating_width: 4.0, ..egui::style::ScrollStyle::floating() };
    style.interaction.tooltip_delay = 0.45;
    style
}

fn visuals(theme: Theme, p: &Palette) -> Visuals {
    let mut v = if theme == Theme::Dark { Visuals::dark() } else { Visuals::light() };
    v.override_text_color = None;
    v.panel_fill = p.main;
    v.window_fill = p.raised;
    v.window_stroke = Stroke::new(1.0, p.line);
    v.window_corner_radius = CornerRadius::same(size::R_LARGE);
    v.menu_corner_radius = CornerRadius::same(size::R);
    v.window_shadow = Shadow { offset: [0, 16], blur: 40, spread: 0, color: p.shadow };
    v.popup_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: p.shadow };
    v.extreme_bg_color = p.sunken;
    v.text_edit_bg_color = Some(p.sunken);
    v.faint_bg_color = p.hover;
    v.code_bg_color = p.sunken;
    v.hyperlink_color = p.link;
    v.warn_fg_color = p.warn;
    v.error_fg_color = p.danger;
    v.selection.bg_fill = p.selection;
    v.selection.stroke = Stroke::new(1.0, p.strong);
    v.text_cursor.stroke = Stroke::new(1.5, p.accent_text);
    v.weak_text_color = Some(p.muted);
    let radius = CornerRadius::same(size::R);
    for (w, fill, text) in [
        (&mut v.widgets.noninteractive, p.main, p.text),
        (&mut v.widgets.inactive, p.raised, p.text),
        (&mut v.widgets.hovered, p.hover, p.strong),
        (&mut v.widgets.active, p.active, p.strong),
        (&mut v.widgets.open, p.active, p.strong),
    ] {
        w.bg_fill = fill;
        w.weak_bg_fill = fill;
        w.bg_stroke = Stroke::NONE;
        w.fg_stroke = Stroke::new(1.0, text);
        w.corner_radius = radius;
        w.expansion = 0.0;
    }
    v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, p.line);
    v
}

/// A colour between two others; `t` from 0 to 1.
#[must_use]
pub fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    a.lerp_to_gamma(b, t)
}
