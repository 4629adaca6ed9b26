//! A QR code, painted as squares.

use crate::theme::{INK, PAPER};
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

/// Modules of quiet around the code; the standard wants four.
const QUIET: usize = 4;

/// A code made once and shown many times.
#[derive(Clone)]
pub struct Qr {
    /// The text inside.
    pub text: String,
    side: usize,
    dark: Vec<(usize, usize)>,
}

impl Qr {
    /// Makes a code; `None` if the text is too long for one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L).ok()?;
        let side = code.width();
        let dark = (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).filter(|(x, y)| code[(*x, *y)] == qrcode::Color::Dark).collect();
        Some(Self { text: text.to_owned(), side, dark })
    }

    /// Shows it.
    pub fn show(&self, ui: &mut Ui, name: &str, size: f32) {
        let (rect, response) = ui.allocate_exact_size(vec2(size, size), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
        let painter = ui.painter();
        painter.rect_filled(rect, crate::theme::size::R, PAPER);
        // Whole pixels for every module, or they blur into each other.
        let pixel = 1.0 / ui.pixels_per_point();
        let module = ((size / (self.side + 2 * QUIET) as f32) / pixel).floor().max(1.0) * pixel;
        let code = module * self.side as f32;
        let from = rect.center() - vec2(code, code) / 2.0;
        let from = pos2((from.x / pixel).round() * pixel, (from.y / pixel).round() * pixel);
        for (x, y) in &self.dark {
            let at = from + vec2(*x as f32, *y as f32) * module;
            painter.rect_filled(Rect::from_min_size(at, vec2(module, module)), 0, INK);
        }
    }
}
