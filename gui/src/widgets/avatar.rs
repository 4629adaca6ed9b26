//! The face of somebody without a picture: a gradient that stays with their key, and the first letter of their name.

use crate::theme::{Palette, SHADE, UNTINTED, Weight, hsl, hue_of};
use egui::epaint::RectShape;
use egui::{Align2, Color32, ColorImage, Painter, Pos2, Rect, TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2};
use std::collections::BTreeMap;
use veche_protocol::ids::AccountId;
use veche_protocol::view::Presence;

/// Side of the picture behind the letter, pixels. Smooth, so that it may be scaled.
const SIDE: usize = 48;
/// Most pictures kept; 9 KB each.
const MAX_KEPT: usize = 256;

/// The pictures made so far.
#[derive(Default)]
pub struct Avatars {
    kept: BTreeMap<AccountId, TextureHandle>,
}

/// How an avatar is drawn.
#[derive(Clone, Copy)]
pub struct Look {
    /// Diameter.
    pub size: f32,
    /// The dot at the lower right.
    pub presence: Option<Presence>,
    /// What is behind, for the gap around the dot.
    pub back: Color32,
}

impl Avatars {
    /// Paints an avatar around a point.
    pub fn paint(&mut self, ui: &Ui, p: &Palette, at: Pos2, account: AccountId, name: &str, look: Look) {
        let rect = Rect::from_center_size(at, Vec2::splat(look.size));
        if !ui.is_rect_visible(rect) {
            return;
        }
        let texture = self.texture(ui.ctx(), account);
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let radius = (look.size / 2.0) as u8;
        ui.painter().add(RectShape::filled(rect, radius, UNTINTED).with_texture(texture, uv));
        let font = Weight::Semi.font((look.size * 0.42).round());
        ui.painter().text(at, Align2::CENTER_CENTER, initial(name), font, p.on_accent);
        if let Some(presence) = look.presence {
            let r = (look.size * 0.155).max(5.0);
            let offset = look.size / 2.0 * std::f32::consts::FRAC_1_SQRT_2 + 0.5;
            dot(ui.painter(), p, at + vec2(offset, offset), r, presence, look.back);
        }
    }

    /// A picture of the key alone, for a banner.
    pub fn banner(&mut self, ui: &Ui, rect: Rect, account: AccountId) {
        let texture = self.texture(ui.ctx(), account);
        let uv = Rect::from_min_max(pos2(0.0, 0.3), pos2(1.0, 0.7));
        ui.painter().add(RectShape::filled(rect, 0, UNTINTED).with_texture(texture, uv));
        ui.painter().rect_filled(rect, 0, SHADE);
    }

    fn texture(&mut self, ctx: &egui::Context, account: AccountId) -> egui::TextureId {
        if let Some(texture) = self.kept.get(&account) {
            return texture.id();
        }
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        let texture = ctx.load_texture("avatar", picture(account), TextureOptions::LINEAR);
        let id = texture.id();
        self.kept.insert(account, texture);
        id
    }
}

/// The letter that stands for a name.
fn initial(name: &str) -> String {
    name.trim().chars().find(|c| c.is_alphanumeric()).map_or_else(String::new, |c| c.to_uppercase().collect())
}

/// Two hues that meet at an angle, with a light in one corner. All from the key.
fn picture(account: AccountId) -> ColorImage {
    let [a, b, c, d, e, ..] = account.0;
    let hue = hue_of(&account.0);
    let step = 0.10 + 0.16 * f32::from(c) / 255.0;
    let other = if a & 1 == 0 { hue + step } else { hue - step };
    let angle = f32::from(d) / 255.0 * std::f32::consts::TAU;
    let (sin, cos) = angle.sin_cos();
    let (lx, ly) = (0.15 + 0.7 * f32::from(e) / 255.0, 0.15 + 0.25 * f32::from(b) / 255.0);
    let (from, to, light) = (color(hue, 0.62, 0.50), color(other, 0.66, 0.36), color(hue - 0.06, 0.85, 0.68));
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (x, y) = (column as f32 / SIDE as f32, row as f32 / SIDE as f32);
            let along = ((x - 0.5) * cos + (y - 0.5) * sin + 0.5).clamp(0.0, 1.0);
            let near = (1.0 - ((x - lx).hypot(y - ly) / 0.55)).clamp(0.0, 1.0);
            let base = from.lerp_to_gamma(to, along);
            pixels.push(base.lerp_to_gamma(light, near * near * 0.75));
        }
    }
    ColorImage::new([SIDE, SIDE], pixels)
}

fn color(hue: f32, saturation: f32, lightness: f32) -> Color32 {
    hsl(hue.rem_euclid(1.0), saturation, lightness)
}

/// The ring around the face of somebody who speaks.
pub fn ring(painter: &Painter, p: &Palette, at: Pos2, size: f32) {
    let width = (size * 0.05).clamp(2.0, 4.0);
    painter.circle_stroke(at, size / 2.0 + width, egui::Stroke::new(width, p.ok));
}

/// The dot that tells whether somebody is there: a shape as well as a colour.
pub fn dot(painter: &Painter, p: &Palette, at: Pos2, r: f32, presence: Presence, back: Color32) {
    painter.circle_filled(at, r + 2.0, back);
    match presence {
        Presence::Online => {
            painter.circle_filled(at, r, p.ok);
        }
        Presence::Idle => {
            painter.circle_filled(at, r, p.warn);
            painter.circle_filled(at - Vec2::splat(r * 0.5), r * 0.72, back);
        }
        Presence::Dnd => {
            painter.circle_filled(at, r, p.danger);
            painter.rect_filled(Rect::from_center_size(at, vec2(r * 1.1, r * 0.45)), 1, back);
        }
        Presence::Offline => {
            painter.circle_stroke(at, r - 1.0, egui::Stroke::new(2.0, p.faint));
        }
    }
}
