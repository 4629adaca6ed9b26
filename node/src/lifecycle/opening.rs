//! Taking a profile and opening what is in it, as far as nothing is missing for that.

use super::{Life, Open, SETTLE, State, storage};
use crate::driver::{self, Acks, Around};
use crate::handle::{NodeError, Phase};
use crate::store::keyfile::keyring::OsKeyring;
use crate::store::keyfile::{KeyFile, KeyFileError, SlotKind, Unlock};
use crate::store::keys::RootKey;
use crate::store::open::{OpenError, Profile};
use crate::store::vault::{Vault, VaultError};
use crate::store::writer::Store;
use crate::upkeep;
use std::sync::{Arc, Mutex};
use veche_protocol::core::input::Boot;
use veche_protocol::store::Table;

/// What a profile turned out to be.
enum Found {
    /// An account, and the core over it runs.
    Account(Box<Open>),
    /// The account that was being made when the program ended never came to be.
    Nothing(Profile),
}

/// What the database is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The account in it.
    ItsAccount,
    /// An account that is about to be made.
    ANewOne,
}

/// A database that holds nothing, or what is in it.
enum Content {
    Nothing(Profile),
    State(Box<(Store, Boot, [u8; 16])>),
}

impl Life {
    /// Takes the profile, and opens it if nothing is needed for that.
    pub(super) async fn open_profile(&mut self) -> Result<Phase, NodeError> {
        let dir = self.options.profile.clone();
        let (profile, keyfile) = blocking(move || {
            let profile = Profile::lock(&dir)?;
            let keyfile = match KeyFile::load(&dir) {
                Ok(keyfile) => Some(keyfile),
                Err(KeyFileError::Missing) if profile.has_database() => return Err(storage(KeyFileError::Missing)),
                Err(KeyFileError::Missing) => None,
                Err(error) => return Err(storage(error)),
            };
            Ok((profile, keyfile))
        })
        .await?;
        // A key file without a database is an account that was being made, or restored, when the program ended.
        let Some(keyfile) = keyfile.filter(|k| k.has_account() && profile.has_database()) else {
            self.state = State::FirstRun(profile);
            return Ok(Phase::FirstRun);
        };
        let ways = keyfile.ways();
        let passphrase = self.options.passphrase.clone();
        let keyring = self.options.keyring;
        let (keyfile, root) = blocking(move || {
            let root = match passphrase {
                _ if ways.contains(&SlotKind::Plain) => Some(keyfile.unlock(Unlock::Plain).map_err(storage)?),
                Some(p) if ways.contains(&SlotKind::Passphrase) => Some(keyfile.unlock(Unlock::Passphrase(&p)).map_err(storage)?),
                _ if keyring && ways.contains(&SlotKind::Keyring) => keyfile.unlock(Unlock::Keyring(&OsKeyring)).ok(),
                _ => None,
            };
            Ok((keyfile, root))
        })
        .await?;
        match root {
            Some(root) => self.open_account(profile, keyfile, root).await,
            None => {
                self.state = State::Locked(profile, keyfile);
                Ok(Phase::Locked)
            }
        }
    }

    /// Opens the account in a profile, or finds that there is none.
    pub(super) async fn open_account(&mut self, profile: Profile, keyfile: KeyFile, root: RootKey) -> Result<Phase, NodeError> {
        match self.open_database(profile, keyfile, root, For::ItsAccount).await? {
            Found::Account(open) => {
                self.state = State::Open(open);
                self.settled().await;
                Ok(Phase::Ready)
            }
            Found::Nothing(profile) => {
                self.state = State::FirstRun(profile);
                Ok(Phase::FirstRun)
            }
        }
    }

    /// Makes a database in which the core is about to make an account.
    pub(super) async fn open_new(&self, profile: Profile, keyfile: KeyFile, root: RootKey) -> Result<Box<Open>, NodeError> {
        match self.open_database(profile, keyfile, root, For::ANewOne).await? {
            Found::Account(open) => Ok(open),
            Found::Nothing(_) => Err(NodeError::Ended),
        }
    }

    /// Opens the database and starts the core over it.
    async fn open_database(&self, profile: Profile, keyfile: KeyFile, root: RootKey, what_for: For) -> Result<Found, NodeError> {
        let acks = Acks::new();
        let report = acks.report();
        let (content, keyfile, root) = blocking(move || {
            let entropy = keyfile.account(&root).map_err(storage)?.ok_or_else(|| storage(KeyFileError::Missing))?;
            let database = keyfile.database();
            let vault = match what_for {
                For::ANewOne => profile.create(&root, database, super::now_ms())?,
                For::ItsAccount => profile.open(&root, database)?,
            };
            let boot = Boot { entropy: Some(*entropy), rows: state_of(&vault).map_err(storage)? };
            if what_for == For::ItsAccount && !boot.rows.iter().any(|(table, _)| *table == Table::Account) {
                nothing_else(&vault)?;
                drop(vault);
                profile.discard_empty()?;
                return Ok((Content::Nothing(profile), keyfile, root));
            }
            let store = Store::start(vault, profile, report).map_err(storage)?;
            Ok((Content::State(Box::new((store, boot, *entropy))), keyfile, root))
        })
        .await?;
        let (store, boot, entropy) = match content {
            Content::Nothing(profile) => return Ok(Found::Nothing(profile)),
            Content::State(state) => *state,
        };
        let around = Around {
            core: veche_protocol::core::Config { lan_only: self.options.lan_only, ..self.options.core },
            listen: self.options.listen.clone(),
            profile: self.options.profile.clone(),
            discovery: self.options.discovery,
            operators: self.options.operators.clone(),
            desk: self.desk.clone(),
            snapshot: self.snapshot.clone(),
            events: self.events.clone(),
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| NodeError::Storage(format!("The system gave no random numbers ({e}). Restart the computer.")))?;
        let running = driver::start(around, store.clone(), acks, boot, seed);
        let upkeep = upkeep::start(store.clone(), self.options.profile.clone(), entropy);
        let keyfile = Arc::new(Mutex::new(keyfile));
        let open = Open { keyfile, root: Arc::new(root), entropy, store, running, _upkeep: upkeep, making: None };
        Ok(Found::Account(Box::new(open)))
    }

    /// Waits until the core has said what it remembers, so that nobody who is told "ready" finds an empty state.
    pub(super) async fn settled(&self) {
        let mut seen = self.snapshot.subscribe();
        let account = seen.wait_for(|s| s.account.is_some());
        if tokio::time::timeout(SETTLE, account).await.is_err() {
            tracing::error!("the account did not appear in time");
        }
    }
}

/// The rows that the core keeps in memory.
fn state_of(vault: &Vault) -> Result<Vec<(Table, Vec<u8>)>, VaultError> {
    let mut rows = Vec::new();
    for table in Table::STATE {
        let loaded = vault.load_state(table)?;
        if loaded.unreadable > 0 {
            tracing::error!(?table, rows = loaded.unreadable, "rows that do not open were left out");
        }
        rows.extend(loaded.rows.into_iter().map(|row| (table, row)));
    }
    Ok(rows)
}

/// A database without an account is one that was just made. One in which the account's row alone is gone is damaged.
fn nothing_else(vault: &Vault) -> Result<(), NodeError> {
    let mut others = false;
    for table in Table::STATE.into_iter().chain(Table::HISTORY).filter(|table| *table != Table::Setting) {
        others |= vault.has_rows(table).map_err(storage)?;
    }
    if others {
        return Err(OpenError::Damaged("its account is missing".into()).into());
    }
    Ok(())
}

/// Runs something that waits for the disk on a thread made for waiting.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, NodeError> + Send + 'static) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(NodeError::Storage(format!("A worker ended unexpectedly: {e}."))))
}
