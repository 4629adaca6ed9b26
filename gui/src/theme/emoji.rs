//! Colour emoji from the system, asked before any other system font.
//!
//! Many Linux desktops have `DejaVu` Sans as their default sans-serif font, and `DejaVu` has monochrome outlines for common
//! emoji. The stock provider asks the sans-serif font first and appends what it finds, so whether 😀 came in colour would
//! depend on which character was met first. This provider hands over the emoji family up front instead.

use super::fonts::TEXT_FAMILIES;
use egui::epaint::text::{FontInsert, FontPriority, FontProvider, InsertFontFamily};
use egui::{FontData, FontFamily};
use fontique::{Collection, CollectionOptions, GenericFamily, QueryFamily, QueryStatus, SourceCache, SourceCacheOptions};
use std::sync::Arc;

struct Emoji(FontData);

impl FontProvider for Emoji {
    fn fonts_for_family(&self, family: &FontFamily) -> Vec<FontInsert> {
        let shows_text = match family {
            FontFamily::Proportional | FontFamily::Monospace => true,
            FontFamily::Name(name) => TEXT_FAMILIES.contains(&name.as_ref()),
        };
        if !shows_text {
            return Vec::new();
        }
        let place = InsertFontFamily { family: family.clone(), priority: FontPriority::Lowest };
        vec![FontInsert::new("system-emoji", self.0.clone(), vec![place])]
    }
}

/// Finds the system's emoji font on a thread of its own (enumerating fonts takes up to 100 ms) and installs it, followed
/// by the stock provider for all other scripts.
///
/// # Errors
/// The thread could not be started.
pub fn install_system_fonts(ctx: &egui::Context) -> std::io::Result<()> {
    let ctx = ctx.clone();
    std::thread::Builder::new().name("fonts".into()).spawn(move || {
        let mut providers: Vec<Arc<dyn FontProvider>> = Vec::new();
        if let Some(font) = find() {
            providers.push(Arc::new(Emoji(font)));
        }
        providers.push(Arc::new(egui_system_font_provider::SystemFontProvider::new()));
        ctx.set_font_providers(providers);
        ctx.request_repaint();
    })?;
    Ok(())
}

fn find() -> Option<FontData> {
    let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: true });
    let mut cache = SourceCache::new(SourceCacheOptions::default());
    let mut query = collection.query(&mut cache);
    query.set_families([QueryFamily::Generic(GenericFamily::Emoji)]);
    let mut found = None;
    query.matches_with(|font| {
        found = Some(font.clone());
        QueryStatus::Stop
    });
    let font = found?;
    let (blob, _) = font.blob.into_raw_parts();
    Some(FontData::from_blob(blob, font.index))
}
