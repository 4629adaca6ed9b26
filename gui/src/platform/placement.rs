//! Where the window stands, remembered in `window.json` of the profile.

use egui::{Pos2, Rect, Vec2, ViewportBuilder};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Size of a window that was never placed.
const FIRST_SIZE: [f32; 2] = [1180.0, 760.0];
/// Smallest useful size.
const MIN_SIZE: [f32; 2] = [760.0, 480.0];
/// Largest believable coordinate, points; a broken file must not open the window out of reach.
const MAX: f32 = 32_000.0;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    x: Option<f32>,
    y: Option<f32>,
    width: f32,
    height: f32,
    maximized: bool,
}

/// The place of the window.
#[derive(Debug)]
pub struct Placement {
    path: PathBuf,
    now: Option<Stored>,
}

impl Placement {
    /// Reads the place from a profile. A missing or broken file is as good as none.
    #[must_use]
    pub fn new(profile: &Path) -> Self {
        let path = profile.join("window.json");
        let now = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok()).filter(believable);
        Self { path, now }
    }

    /// A window at the remembered place.
    #[must_use]
    pub fn apply(&self, builder: ViewportBuilder) -> ViewportBuilder {
        let mut builder = builder.with_min_inner_size(MIN_SIZE);
        match self.now {
            None => builder.with_inner_size(FIRST_SIZE),
            Some(s) => {
                builder = builder.with_inner_size([s.width, s.height]).with_maximized(s.maximized);
                if let (Some(x), Some(y)) = (s.x, s.y) {
                    builder = builder.with_position([x, y]);
                }
                builder
            }
        }
    }

    /// Notes where the window is now.
    pub fn note(&mut self, ctx: &egui::Context) {
        let (inner, outer, maximized, minimized) = ctx.input(|i| {
            let v = i.viewport();
            (v.inner_rect, v.outer_rect, v.maximized.unwrap_or(false), v.minimized.unwrap_or(false))
        });
        let size = inner.map_or_else(|| ctx.content_rect().size(), |r: Rect| r.size());
        if minimized || size.x < MIN_SIZE[0] / 2.0 {
            return;
        }
        let at: Option<Pos2> = outer.map(|r| r.min);
        // A maximised window keeps the size it returns to.
        let Vec2 { x: width, y: height } = match self.now {
            Some(s) if maximized => Vec2::new(s.width, s.height),
            _ => size,
        };
        self.now = Some(Stored { x: at.map(|p| p.x), y: at.map(|p| p.y), width, height, maximized });
    }

    /// Writes it down. Losing it costs nothing, so a failure is only logged.
    pub fn save(&self) {
        let Some(now) = self.now else { return };
        let written = serde_json::to_vec(&now).map_err(std::io::Error::other).and_then(|bytes| std::fs::write(&self.path, bytes));
        if let Err(error) = written {
            tracing::debug!(%error, "the place of the window was not written");
        }
    }
}

fn believable(s: &Stored) -> bool {
    let ok = |v: f32| v.is_finite() && v.abs() < MAX;
    ok(s.width) && ok(s.height) && s.width >= 200.0 && s.height >= 200.0 && s.x.is_none_or(ok) && s.y.is_none_or(ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_ignored() {
        let dir = std::env::temp_dir().join(format!("veche-placement-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        for bad in ["", "{}", "{\"width\":1e30,\"height\":700,\"maximized\":false}", "{\"width\":-5,\"height\":700,\"maximized\":false}"] {
            std::fs::write(dir.join("window.json"), bad).expect("a file");
            assert!(Placement::new(&dir).now.is_none(), "{bad}");
        }
        let place = Stored { x: Some(10.0), y: Some(20.0), width: 900.0, height: 600.0, maximized: true };
        Placement { path: dir.join("window.json"), now: Some(place) }.save();
        assert_eq!(Placement::new(&dir).now, Some(place));
        std::fs::remove_dir_all(dir).expect("removed");
    }
}
