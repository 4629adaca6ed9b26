//! One window for each profile: a second start hands its link to the first and ends.
//!
//! The first holds a Unix socket in the profile. Anyone who can open it can already read the profile, so a line of text
//! needs no further proof; its length is bounded and it is only ever treated as a link typed by a person.

use super::Outside;
use super::desktop::Sender;
use std::path::Path;

/// Name of the socket in the profile.
const SOCKET: &str = "window.sock";
/// Longest line taken from another start, bytes.
const MAX_LINE: u64 = 8 * 1024;

/// What came of looking for another window.
pub enum Instance {
    /// This is the first.
    First,
    /// There is one already; it has the link now.
    Second,
}

/// The window closes: what others would knock at goes away. What is left after a crash is found to be dead by the next start.
pub fn release(profile: &Path) {
    let _ = std::fs::remove_file(profile.join(SOCKET));
}

#[cfg(unix)]
mod unix {
    use super::{Instance, MAX_LINE, Outside, Path, SOCKET, Sender};
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    /// How long the other side may take.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Hands the link to a running window, or becomes the window others hand theirs to.
    ///
    /// # Errors
    /// The socket could not be made: the profile is not writable.
    pub fn claim(profile: &Path, link: Option<&str>, sender: Sender) -> std::io::Result<Instance> {
        let path = profile.join(SOCKET);
        if let Ok(mut stream) = UnixStream::connect(&path) {
            stream.set_write_timeout(Some(PATIENCE))?;
            writeln!(stream, "{}", link.unwrap_or_default().replace('\n', " "))?;
            return Ok(Instance::Second);
        }
        // Nobody listens: what is left there is from a window that did not end well.
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        std::thread::Builder::new().name("links".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(outside) = read(stream) {
                    sender.send(outside);
                }
            }
        })?;
        Ok(Instance::First)
    }

    fn read(stream: UnixStream) -> Option<Outside> {
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut line = String::new();
        BufReader::new(stream.take(MAX_LINE)).read_line(&mut line).ok()?;
        let line = line.trim();
        Some(if line.starts_with("veche:") { Outside::Link(line.to_owned()) } else { Outside::Raise })
    }
}

#[cfg(unix)]
pub use unix::claim;

/// Where there are no Unix sockets every start is the first; the store's own lock keeps two from one profile.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn claim(_profile: &Path, _link: Option<&str>, _sender: Sender) -> std::io::Result<Instance> {
    let _ = (MAX_LINE, Outside::Raise);
    Ok(Instance::First)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::platform::Platform;
    use crate::platform::desktop::Desktop;

    #[test]
    fn the_second_start_hands_its_link_to_the_first() {
        let dir = std::env::temp_dir().join(format!("veche-instance-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let mut first = Desktop::new(&dir).expect("a desktop");
        let (wake, woken) = std::sync::mpsc::sync_channel(8);
        first.set_waker(std::sync::Arc::new(move || wake.try_send(()).unwrap_or_default()));
        assert!(matches!(claim(&dir, None, first.sender()).expect("claimed"), Instance::First));
        let second = Desktop::new(&dir).expect("a desktop");
        assert!(matches!(claim(&dir, Some("veche:c/abc"), second.sender()).expect("claimed"), Instance::Second));
        woken.recv_timeout(std::time::Duration::from_secs(10)).expect("the first is woken");
        let got = first.poll().expect("a link");
        assert_eq!(got, Outside::Link("veche:c/abc".into()));
        std::fs::remove_dir_all(dir).expect("removed");
    }
}
