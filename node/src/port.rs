//! The port that this node listens on, remembered from one start to the next, so that whoever knows where it was finds it there.

use std::fs;
use std::path::Path;

use crate::store::files;

const NAME: &str = "port";

/// The port of the last start, if it is known. A file that makes no sense is as good as none.
pub(crate) fn of_last_start(profile: &Path) -> Option<u16> {
    fs::read_to_string(profile.join(NAME)).ok()?.trim().parse().ok().filter(|port| *port != 0)
}

/// Remembers the port. Without it the next start picks another, so a failure is no more than worth a line.
pub(crate) fn remember(profile: &Path, port: u16) {
    if let Err(error) = files::replace(&profile.join(NAME), format!("{port}\n").as_bytes()) {
        tracing::warn!(%error, "the port was not remembered");
    }
}
