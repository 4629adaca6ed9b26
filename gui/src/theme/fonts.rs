//! The fonts the app brings along: Latin, Greek and Cyrillic text in four weights, code, icons. Everything else comes
//! from the system on demand.

use egui::{FontData, FontDefinitions, FontFamily, FontTweak};
use std::sync::Arc;

const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter.ttf");
const MONO: &[u8] = include_bytes!("../../assets/fonts/JetBrainsMono.ttf");
const PHOSPHOR: &[u8] = include_bytes!("../../assets/fonts/Phosphor.ttf");
const PHOSPHOR_FILL: &[u8] = include_bytes!("../../assets/fonts/PhosphorFill.ttf");

/// Family of weight 500.
pub const MEDIUM: &str = "medium";
/// Family of weight 600.
pub const SEMI: &str = "semi";
/// Family of weight 700.
pub const BOLD: &str = "bold";
/// Family of outlined icons.
pub const ICONS: &str = "icons";
/// Family of filled icons.
pub const ICONS_FILL: &str = "icons-fill";

/// Names of the families that show what people wrote.
pub const TEXT_FAMILIES: [&str; 3] = [MEDIUM, SEMI, BOLD];

/// The bundled fonts. One variable font serves four weights; the file is shared, only its coordinates differ.
#[must_use]
pub fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let mut add = |family: FontFamily, name: &str, data: FontData, fallback: &[&str]| {
        fonts.font_data.insert(name.to_owned(), Arc::new(data));
        let mut chain = vec![name.to_owned()];
        chain.extend(fallback.iter().map(|f| (*f).to_owned()));
        fonts.families.insert(family, chain);
    };
    let weights = [
        (FontFamily::Proportional, "inter-400", 400.0),
        (FontFamily::Name(MEDIUM.into()), "inter-500", 500.0),
        (FontFamily::Name(SEMI.into()), "inter-600", 600.0),
        (FontFamily::Name(BOLD.into()), "inter-700", 700.0),
    ];
    for (family, name, weight) in weights {
        let mut tweak = FontTweak::default();
        tweak.coords.push("wght", weight);
        add(family, name, FontData::from_static(INTER).tweak(tweak), &[]);
    }
    add(FontFamily::Monospace, "mono", FontData::from_static(MONO), &["inter-400"]);
    // Phosphor draws on a square of one em without descent; a shift centres it on the line.
    let icon = || FontTweak { y_offset_factor: 0.0, ..FontTweak::default() };
    add(FontFamily::Name(ICONS.into()), "phosphor", FontData::from_static(PHOSPHOR).tweak(icon()), &[]);
    add(FontFamily::Name(ICONS_FILL.into()), "phosphor-fill", FontData::from_static(PHOSPHOR_FILL).tweak(icon()), &[]);
    fonts
}
