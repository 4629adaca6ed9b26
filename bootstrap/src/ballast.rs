//! Room kept back on the disk. A database on a full disk can neither write nor, once a write failed, read: so a file of some MiB lies beside it,
//! is given up when the disk is full, and leaves the database room to start again and to delete. Until it can be had back, nothing new is taken.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Name of the file.
const NAME: &str = "reserve";
/// Bytes written at once.
const PIECE: usize = 1 << 20;

/// The room of one data folder.
#[derive(Clone, Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    mib: usize,
}

impl Ballast {
    pub fn new(dir: &Path, mib: usize) -> Self {
        Self { path: dir.join(NAME), mib }
    }

    /// Takes the room, unless it is taken already. Blocks while it writes.
    ///
    /// # Errors
    /// There is not so much room. Then none is taken.
    pub fn take(&self) -> io::Result<()> {
        let bytes = self.mib.saturating_mul(PIECE);
        if fs::metadata(&self.path).is_ok_and(|file| usize::try_from(file.len()).is_ok_and(|len| len == bytes)) {
            return Ok(());
        }
        let taken = self.write();
        if taken.is_err() {
            self.give_up();
        }
        taken
    }

    /// Gives the room to whoever needs it.
    pub fn give_up(&self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the room kept back on the disk could not be given up");
        }
    }

    /// Not zeroes: a file system may store those as nothing.
    fn write(&self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut file = File::create(&self.path)?;
        for _ in 0..self.mib {
            getrandom::fill(&mut piece).map_err(|_| io::Error::other("the system gave no random numbers"))?;
            file.write_all(&piece)?;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_once_and_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(dir.path(), 2);
        ballast.give_up();
        ballast.take().unwrap();
        let file = dir.path().join(NAME);
        assert_eq!(fs::metadata(&file).unwrap().len(), 2 << 20);
        let before = fs::read(&file).unwrap();
        ballast.take().unwrap();
        assert!(fs::read(&file).unwrap() == before, "it is not written again");
        ballast.give_up();
        assert!(!file.exists());
    }
}
