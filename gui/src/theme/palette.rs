//! The colours of both themes, by what they are for.

use egui::Color32;

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// Colours by purpose. Four layers of background, and an accent that is used for four things only: the primary button,
/// the unread badge, the own reaction or mention, and the focus ring.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Behind the conversations.
    pub side: Color32,
    /// Behind messages and pages.
    pub main: Color32,
    /// Cards, menus, dialogs, the composer.
    pub raised: Color32,
    /// Behind the text being written.
    pub composer: Color32,
    /// Fields and code.
    pub sunken: Color32,
    /// A row under the pointer.
    pub hover: Color32,
    /// The chosen row, a pressed button.
    pub active: Color32,
    /// Lines between layers.
    pub line: Color32,
    /// Outlines of fields.
    pub line_strong: Color32,
    /// Titles and names.
    pub strong: Color32,
    /// Running text.
    pub text: Color32,
    /// Secondary text.
    pub muted: Color32,
    /// Hints and times; large or unimportant only.
    pub faint: Color32,
    /// The accent.
    pub accent: Color32,
    /// The accent under the pointer.
    pub accent_hover: Color32,
    /// A quiet accent surface.
    pub accent_soft: Color32,
    /// Accent as text.
    pub accent_text: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Online, done, verified.
    pub ok: Color32,
    /// Text on what is good to press: taking a call.
    pub on_ok: Color32,
    /// Away, careful.
    pub warn: Color32,
    /// Destructive, failed.
    pub danger: Color32,
    /// A quiet danger surface.
    pub danger_soft: Color32,
    /// Text on a danger button.
    pub on_danger: Color32,
    /// Links.
    pub link: Color32,
    /// Selected text.
    pub selection: Color32,
    /// Under floating things.
    pub shadow: Color32,
    /// Over the window, under a dialog.
    pub veil: Color32,
    /// Lightness of author names.
    name_light: f32,
}

impl Palette {
    /// Dark.
    pub const DARK: Self = Self {
        side: hex(0x13_161D),
        main: hex(0x19_1D26),
        raised: hex(0x23_2834),
        composer: hex(0x23_2834),
        sunken: hex(0x0F_1218),
        hover: hex(0x1E_232D),
        active: hex(0x27_2D3A),
        line: hex(0x25_2B37),
        line_strong: hex(0x3A_4251),
        strong: hex(0xF4_F6FA),
        text: hex(0xD5_DAE4),
        muted: hex(0x9C_A6B6),
        faint: hex(0x88_93A4),
        accent: hex(0x6D_5EF6),
        accent_hover: hex(0x84_78FF),
        accent_soft: hex(0x28_264A),
        accent_text: hex(0xB4_ACFF),
        on_accent: hex(0xFF_FFFF),
        ok: hex(0x3C_CB87),
        on_ok: hex(0x08_1C12),
        warn: hex(0xF3_B94D),
        danger: hex(0xFF_7A82),
        danger_soft: hex(0x3A_2029),
        on_danger: hex(0x1A_0A0D),
        link: hex(0x78_B4FF),
        selection: hex(0x46_3F94),
        shadow: Color32::from_black_alpha(120),
        veil: Color32::from_black_alpha(150),
        name_light: 0.76,
    };
    /// Light.
    pub const LIGHT: Self = Self {
        side: hex(0xF1_F3F7),
        main: hex(0xFF_FFFF),
        raised: hex(0xFF_FFFF),
        composer: hex(0xF0_F2F6),
        sunken: hex(0xF0_F2F6),
        hover: hex(0xE7_EAF0),
        active: hex(0xDC_E0EA),
        line: hex(0xE1_E5EC),
        line_strong: hex(0xC3_CAD6),
        strong: hex(0x0F_131A),
        text: hex(0x27_2D38),
        muted: hex(0x4E_5868),
        faint: hex(0x56_6072),
        accent: hex(0x5A_49E8),
        accent_hover: hex(0x4B_3BD6),
        accent_soft: hex(0xEA_E7FD),
        accent_text: hex(0x4B_3BD6),
        on_accent: hex(0xFF_FFFF),
        ok: hex(0x0B_6E42),
        on_ok: hex(0xFF_FFFF),
        warn: hex(0x7A_4A00),
        danger: hex(0xB4_2231),
        danger_soft: hex(0xFB_E9EB),
        on_danger: hex(0xFF_FFFF),
        link: hex(0x1B_57B0),
        selection: hex(0xC9_C2FA),
        shadow: Color32::from_black_alpha(38),
        veil: Color32::from_black_alpha(90),
        name_light: 0.27,
    };

    /// The colour of somebody's name, from the hue of their key.
    #[must_use]
    pub fn name(&self, hue: f32) -> Color32 {
        hsl(hue, 0.75, self.name_light)
    }
}

/// For pictures that are painted as they are.
pub const UNTINTED: Color32 = Color32::WHITE;
/// Over a picture, so that what stands on it can be read.
pub const SHADE: Color32 = Color32::from_black_alpha(40);
/// Behind a QR code, in both themes: many readers do not know the inverse.
pub const PAPER: Color32 = Color32::WHITE;
/// A QR code.
pub const INK: Color32 = Color32::BLACK;

/// A hue from 0 to 1 that stays with a key. Keys are uniform, so any two of their bytes are.
#[must_use]
pub fn hue_of(key: &[u8; 32]) -> f32 {
    let [a, b, ..] = *key;
    f32::from(u16::from_be_bytes([a, b])) / 65_536.0
}

/// A colour from hue, saturation and lightness, each from 0 to 1.
#[must_use]
pub fn hsl(hue: f32, saturation: f32, lightness: f32) -> Color32 {
    let a = saturation * lightness.min(1.0 - lightness);
    let channel = |n: f32| {
        let k = (n + hue * 12.0).rem_euclid(12.0);
        let value = lightness - a * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    Color32::from_rgb(channel(0.0), channel(8.0), channel(4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.2.
    fn luminance(c: Color32) -> f32 {
        let f = |v: u8| {
            let v = f32::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * f(c.r()) + 0.7152 * f(c.g()) + 0.0722 * f(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn tokens_meet_wcag_aa() {
        let mut bad = Vec::new();
        for (theme, p) in [("dark", Palette::DARK), ("light", Palette::LIGHT)] {
            let layers =
                [("side", p.side), ("main", p.main), ("raised", p.raised), ("sunken", p.sunken), ("hover", p.hover), ("active", p.active)];
            let texts = [
                ("strong", p.strong),
                ("text", p.text),
                ("muted", p.muted),
                ("accent_text", p.accent_text),
                ("ok", p.ok),
                ("warn", p.warn),
                ("danger", p.danger),
                ("link", p.link),
            ];
            let mut check = |what: String, a, b, least: f32| {
                let c = contrast(a, b);
                if c < least {
                    bad.push(format!("{theme}: {what} has {c:.2}, needs {least}"));
                }
            };
            for (layer, back) in layers {
                for (name, text) in texts {
                    check(format!("{name} on {layer}"), text, back, 4.5);
                }
            }
            for (layer, back) in [("side", p.side), ("main", p.main), ("sunken", p.sunken), ("composer", p.composer)] {
                check(format!("faint on {layer}"), p.faint, back, 4.5);
            }
            check("on_accent on accent".into(), p.on_accent, p.accent, 4.5);
            check("on_danger on danger".into(), p.on_danger, p.danger, 4.5);
            check("on_ok on ok".into(), p.on_ok, p.ok, 4.5);
            check("danger on danger_soft".into(), p.danger, p.danger_soft, 4.5);
            check("accent_text on accent_soft".into(), p.accent_text, p.accent_soft, 4.5);
            check("strong on selection".into(), p.strong, p.selection, 4.5);
            check("accent ring on main".into(), p.accent, p.main, 3.0);
            for step in 0..36 {
                let hue = step as f32 / 36.0;
                check(format!("name at hue {hue:.2}"), p.name(hue), p.main, 4.5);
            }
        }
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }

    #[test]
    fn hsl_hits_the_corners() {
        assert_eq!(hsl(0.0, 1.0, 0.5), Color32::from_rgb(255, 0, 0));
        assert_eq!(hsl(1.0 / 3.0, 1.0, 0.5), Color32::from_rgb(0, 255, 0));
        assert_eq!(hsl(0.6, 0.0, 1.0), Color32::from_rgb(255, 255, 255));
    }
}
