//! The keyring of the desktop, kept at arm's length: it may be absent, locked, or wait for a person in a dialog, and its calls block.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::store::keys::SecretKey;

/// Time for finding out whether there is a keyring. Without a session bus the answer takes 20 ms.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// Time for a person to type the keyring's password into its dialog.
const ACCESS_LIMIT: Duration = Duration::from_secs(120);
/// Under which name the desktop lists our entries.
const SERVICE: &str = "Veche";

/// Keeps keys of 32 bytes by name. The desktop's keyring, or something in its place.
pub trait SecretStore: Send + Sync {
    /// Keeps a key.
    ///
    /// # Errors
    /// The keyring is absent, locked, or fails.
    fn put(&self, entry: &str, key: &SecretKey) -> Result<(), KeyringError>;

    /// Gives a key back.
    ///
    /// # Errors
    /// As for `put`, or there is no such entry.
    fn get(&self, entry: &str) -> Result<SecretKey, KeyringError>;

    /// Forgets a key.
    ///
    /// # Errors
    /// As for `get`.
    fn delete(&self, entry: &str) -> Result<(), KeyringError>;
}

/// Why the keyring did not answer as wished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no keyring here.
    #[error("This computer has no keyring running. Use a passphrase.")]
    Absent,
    /// It is there and stays shut.
    #[error("The keyring is locked. Unlock it and try again, or use the passphrase or the recovery words.")]
    Locked,
    /// It is open and has no such entry. With a key file present this is another keyring or another user, never a first start.
    #[error(
        "The keyring has no key for this profile. Use the passphrase or the recovery words, or log in as the user who made the profile."
    )]
    NoEntry,
    /// It did not answer in time.
    #[error("The keyring did not answer. Look for its password window, or use the passphrase or the recovery words.")]
    NoAnswer,
    /// Anything else.
    #[error("The keyring failed ({0}). Use the passphrase or the recovery words.")]
    Failed(String),
}

/// The keyring of the system: Secret Service, Keychain, or Credential Manager.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsKeyring;

impl OsKeyring {
    /// Whether there is a keyring at all. It may still be locked.
    ///
    /// # Errors
    /// There is none, or it does not answer within three seconds.
    pub fn probe(self) -> Result<(), KeyringError> {
        within(PROBE_LIMIT, || match keyring::Entry::store_status() {
            Ok(()) => Ok(()),
            Err(_) => Err(KeyringError::Absent),
        })
    }
}

impl SecretStore for OsKeyring {
    fn put(&self, entry: &str, key: &SecretKey) -> Result<(), KeyringError> {
        self.probe()?;
        let entry = entry.to_owned();
        let key = Zeroizing::new(*key.bytes());
        within(ACCESS_LIMIT, move || Ok(keyring::Entry::new(SERVICE, &entry)?.set_secret(&*key)?))
    }

    fn get(&self, entry: &str) -> Result<SecretKey, KeyringError> {
        self.probe()?;
        let entry = entry.to_owned();
        within(ACCESS_LIMIT, move || {
            let secret = Zeroizing::new(keyring::Entry::new(SERVICE, &entry)?.get_secret()?);
            let bytes = secret.as_slice().try_into().map_err(|_| KeyringError::Failed("its key is malformed".into()))?;
            Ok(SecretKey::from_bytes(bytes))
        })
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        self.probe()?;
        let entry = entry.to_owned();
        within(ACCESS_LIMIT, move || Ok(keyring::Entry::new(SERVICE, &entry)?.delete_credential()?))
    }
}

/// Runs a call that may block for ever on a thread of its own. A call that missed its limit keeps its thread, so there is at most one:
/// while it hangs, others are told at once that the keyring does not answer.
fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> Result<T, KeyringError> + Send + 'static) -> Result<T, KeyringError> {
    static UNDER_WAY: AtomicBool = AtomicBool::new(false);
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            UNDER_WAY.store(false, Ordering::Release);
        }
    }
    if UNDER_WAY.swap(true, Ordering::AcqRel) {
        return Err(KeyringError::NoAnswer);
    }
    let done = Done;
    let (sender, answer) = sync_channel(1);
    let spawned = thread::Builder::new().name("keyring".into()).spawn(move || {
        let result = call();
        drop(done);
        // Nobody may be waiting any more.
        let _ = sender.send(result);
    });
    if let Err(error) = spawned {
        return Err(KeyringError::Failed(error.to_string()));
    }
    // Disconnected: the call panicked.
    answer.recv_timeout(limit).unwrap_or(Err(KeyringError::NoAnswer))
}

impl From<keyring::Error> for KeyringError {
    fn from(error: keyring::Error) -> Self {
        match error {
            keyring::Error::NoDefaultStore => Self::Absent,
            keyring::Error::NoStorageAccess(_) => Self::Locked,
            keyring::Error::NoEntry => Self::NoEntry,
            // These carry the stored bytes, which must not end up in a message.
            keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => Self::Failed("its entry is malformed".into()),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the limit on hanging calls is shared by the process.
    #[test]
    fn a_hanging_call_is_given_up_and_does_not_pile_up() {
        let (release, held) = sync_channel::<()>(1);
        let hang = within(Duration::from_millis(50), move || {
            let _ = held.recv();
            Ok(())
        });
        assert_eq!(hang, Err(KeyringError::NoAnswer));
        assert_eq!(within(Duration::from_secs(5), || Ok(1)), Err(KeyringError::NoAnswer), "the first still hangs");
        release.send(()).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while within(Duration::from_secs(5), || Ok(1)) != Ok(1) {
            assert!(std::time::Instant::now() < deadline);
            thread::yield_now();
        }
    }

    #[test]
    fn each_refusal_of_the_keyring_has_its_own_name() {
        let no = || "no".into();
        assert_eq!(KeyringError::from(keyring::Error::NoEntry), KeyringError::NoEntry);
        assert_eq!(KeyringError::from(keyring::Error::NoStorageAccess(no())), KeyringError::Locked);
        assert_eq!(KeyringError::from(keyring::Error::NoDefaultStore), KeyringError::Absent);
        let leaky = KeyringError::from(keyring::Error::BadEncoding(vec![0x5a; 32]));
        assert!(!format!("{leaky:?}").contains("90"), "stored bytes must not be shown");
    }
}
