//! How the stored data is protected, kept and given away: key file, backup, erasing. Everything here waits for the disk.

use crate::handle::{NodeError, Protection};
use crate::lifecycle::{now_ms, storage};
use crate::store::backup::{self, BackupError, BackupKeys, BackupUnlock};
use crate::store::keyfile::keyring::OsKeyring;
use crate::store::keyfile::{Cost, Entropy, KeyFile, KeyFileError, Protect, SlotKind, Unlock};
use crate::store::keys::RootKey;
use crate::store::open::Profile;
use crate::store::writer::Store;
use std::path::Path;

/// Makes the key file of a new account and keeps its entropy in it.
pub(crate) fn make_keyfile(
    dir: &Path,
    passphrase: Option<&str>,
    keyring: bool,
    entropy: &[u8; 16],
) -> Result<(KeyFile, RootKey), NodeError> {
    match KeyFile::load(dir) {
        // An account that was being made when the program ended, or whose database is gone: nothing is stored under it, but it may
        // be the last place that knows its words.
        Ok(keyfile) if keyfile.has_account() => set_keyfile_aside(dir)?,
        // A first start that was interrupted before anything was stored under it.
        Ok(_) => discard_keyfile(dir)?,
        Err(_) => {}
    }
    let (mut keyfile, root) = match passphrase {
        Some(p) => KeyFile::create(dir, Protect::Passphrase(p, Cost::default())).map_err(storage)?,
        None if keyring && OsKeyring.probe().is_ok() => match KeyFile::create(dir, Protect::Keyring(&OsKeyring)) {
            Ok(made) => made,
            Err(KeyFileError::Keyring(_)) => KeyFile::create(dir, Protect::Plain).map_err(storage)?,
            Err(error) => return Err(storage(error)),
        },
        None => KeyFile::create(dir, Protect::Plain).map_err(storage)?,
    };
    keyfile.protect(&root, Protect::Words(entropy)).map_err(storage)?;
    keyfile.set_account(&root, entropy).map_err(storage)?;
    Ok((keyfile, root))
}

/// Sets or removes the passphrase. There is always one way to open the key file, and never the plain one beside a passphrase.
pub(crate) fn change(keyfile: &mut KeyFile, root: &RootKey, passphrase: Option<&str>, keyring: bool) -> Result<(), NodeError> {
    match passphrase {
        Some(p) => {
            keyfile.protect(root, Protect::Passphrase(p, Cost::default())).map_err(storage)?;
            for kind in [SlotKind::Plain, SlotKind::Keyring] {
                if keyfile.ways().contains(&kind) {
                    keyfile.remove(kind, Some(&OsKeyring)).map_err(storage)?;
                }
            }
        }
        None => {
            let kept = keyring && OsKeyring.probe().is_ok() && keyfile.protect(root, Protect::Keyring(&OsKeyring)).is_ok();
            if !kept {
                keyfile.protect(root, Protect::Plain).map_err(storage)?;
            }
            if keyfile.ways().contains(&SlotKind::Passphrase) {
                keyfile.remove(SlotKind::Passphrase, None).map_err(storage)?;
            }
        }
    }
    Ok(())
}

/// Whether a passphrase opens the key file. Where none is set there is nothing to check.
pub(crate) fn check(keyfile: &KeyFile, passphrase: &str) -> Result<(), NodeError> {
    if !keyfile.ways().contains(&SlotKind::Passphrase) {
        return Ok(());
    }
    keyfile.unlock(Unlock::Passphrase(passphrase)).map(|_| ()).map_err(storage)
}

/// How the key file is protected; the weakest way counts.
pub(crate) fn of(keyfile: &KeyFile) -> Protection {
    let ways = keyfile.ways();
    if ways.contains(&SlotKind::Plain) {
        Protection::Plain
    } else if ways.contains(&SlotKind::Passphrase) {
        Protection::Passphrase
    } else {
        Protection::Keyring
    }
}

/// Removes everything of a deleted account. The key file goes first: without it the rest is noise.
pub(crate) fn erase(dir: &Path) -> Result<(), NodeError> {
    discard_keyfile(dir)?;
    for entry in std::fs::read_dir(dir).map_err(storage)? {
        let path = entry.map_err(storage)?.path();
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(storage)?;
    }
    Ok(())
}

/// Renames the key file, so that another can be made. The copy holds the same.
fn set_keyfile_aside(dir: &Path) -> Result<(), NodeError> {
    use crate::store::keyfile::NAME;
    let free = (1_u32..).map(|n| dir.join(format!("{NAME}.replaced-{n}"))).find(|path| !path.exists());
    if let Some(aside) = free {
        match std::fs::rename(dir.join(NAME), aside) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(storage(e)),
            _ => {}
        }
    }
    discard_keyfile(dir)
}

fn discard_keyfile(dir: &Path) -> Result<(), NodeError> {
    use crate::store::keyfile::NAME;
    for name in [NAME.to_owned(), format!("{NAME}.bak")] {
        match std::fs::remove_file(dir.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(storage(e)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a backup that opens with the passphrase or with the recovery words.
pub(crate) fn export(store: &Store, path: &Path, passphrase: &str, entropy: &[u8; 16]) -> Result<(), NodeError> {
    let passphrase = Some(passphrase).filter(|p| !p.is_empty()).map(|p| (p, Cost::default()));
    let keys = BackupKeys { words: Some(entropy), passphrase };
    let done = backup::export(store.vault(), path, keys, Some(entropy), now_ms(), &|_, _, _| true).map_err(backup_error)?;
    if done.unreadable > 0 {
        tracing::error!(rows = done.unreadable, "rows that do not open are not in the backup");
    }
    Ok(())
}

/// Makes key file and database of an empty profile from a backup.
pub(crate) fn import(
    profile: &Profile,
    path: &Path,
    passphrase: &str,
    secret: Option<&str>,
    keyring: bool,
) -> Result<(KeyFile, RootKey, Entropy), NodeError> {
    // Twelve words in the place of a passphrase are the recovery words.
    let words = veche_protocol::identity::words::to_entropy(passphrase).ok();
    let unlock = match &words {
        Some(entropy) => BackupUnlock::Words(entropy),
        None => BackupUnlock::Passphrase(passphrase),
    };
    let facts = backup::verify(path, unlock).map_err(backup_error)?;
    let entropy = facts.account.ok_or_else(|| NodeError::Storage("The backup holds no account. Choose another file.".into()))?;
    let (keyfile, root) = make_keyfile(profile.dir(), secret, keyring, &entropy)?;
    match backup::import(profile, &root, keyfile.database(), path, unlock, now_ms()) {
        Ok(_) => Ok((keyfile, root, entropy)),
        Err(error) => {
            discard_keyfile(profile.dir())?;
            Err(backup_error(error))
        }
    }
}

pub(crate) fn backup_error(error: BackupError) -> NodeError {
    match error {
        BackupError::WrongPassphrase => NodeError::WrongPassphrase,
        other => NodeError::Storage(other.to_string()),
    }
}
