//! An account in an empty profile: made, restored from its words, or taken from a backup.
//!
//! The core makes the account, and its first commit is the moment from which there is one. Whatever happens before leaves a profile
//! in which everything can be tried again.

use super::opening::blocking;
use super::{Life, Made, Making, Open, State, tell};
use crate::handle::{NewAccount, NodeError, Phase};
use crate::protection;
use crate::store::open::Profile;
use std::path::PathBuf;
use tokio::sync::oneshot;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::identity::login::Login;
use veche_protocol::identity::{text, words};

impl Life {
    /// Makes key file and database, and has the core make the account in it. [`Life::made`] goes on from there.
    pub(super) async fn create(
        &mut self,
        command: Command,
        entropy: [u8; 16],
        passphrase: Option<String>,
        done: oneshot::Sender<Result<NewAccount, NodeError>>,
    ) {
        match self.prepare(&command, entropy, passphrase).await {
            Ok(mut open) => {
                let (answered, answer) = oneshot::channel();
                open.making = Some(Making { answer, done });
                self.state = State::Open(open);
                self.pass_on((command, answered));
            }
            Err(error) => tell(done, Err(error)),
        }
    }

    async fn prepare(&mut self, command: &Command, entropy: [u8; 16], passphrase: Option<String>) -> Result<Box<Open>, NodeError> {
        if matches!(self.state, State::Locked(..) | State::Open(_)) {
            return Err(CommandError::AccountExists.into());
        }
        // Checked here first, so that a slip of the pen leaves nothing behind on disk.
        if let Command::CreateAccount { login, name, .. } | Command::RestoreAccount { login, name, .. } = command {
            Login::parse(login).map_err(|e| CommandError::Invalid { field: "login", why: e.to_string() })?;
            text::clean_name(name).map_err(|e| CommandError::Invalid { field: "name", why: e.to_string() })?;
        }
        let State::FirstRun(profile) = std::mem::replace(&mut self.state, State::Empty) else { return Err(self.not_open()) };
        let keyring = self.options.keyring;
        let dir = profile.dir().to_owned();
        let secret = passphrase.filter(|p| !p.is_empty()).or_else(|| self.options.passphrase.clone());
        let made = blocking(move || protection::make_keyfile(&dir, secret.as_deref(), keyring, &entropy)).await;
        match made {
            Ok((keyfile, root)) => {
                let opened = self.open_new(profile, keyfile, root).await;
                if opened.is_err() {
                    // There was no database before, so what there may be now is empty.
                    self.begin_anew().await;
                }
                opened
            }
            Err(error) => {
                self.state = State::FirstRun(profile);
                Err(error)
            }
        }
    }

    /// The core has made the account, or not: then the profile is as empty as before.
    pub(super) async fn made(&mut self, made: Made) {
        let State::Open(open) = &mut self.state else { return };
        let Some(Making { done, .. }) = open.making.take() else { return };
        let error = match made {
            Ok(Reply::Account(account)) => {
                let words = words::from_entropy(&open.entropy).join(" ");
                self.phase.send_replace(Phase::Ready);
                return tell(done, Ok(NewAccount { account, words }));
            }
            Ok(other) => NodeError::NotReady(format!("unexpected answer {other:?}")),
            Err(error) => error,
        };
        self.stop().await;
        match error {
            NodeError::Command(_) => self.begin_anew().await,
            // Whether there is an account now is found out at the next start.
            _ => {
                self.phase.send_replace(Phase::Failed("Veche hit an internal fault while making the account. Start it again.".into()));
            }
        }
        tell(done, Err(error));
    }

    /// Takes the profile again after an account that did not come to be.
    async fn begin_anew(&mut self) {
        let dir = self.options.profile.clone();
        let emptied = blocking(move || {
            let profile = Profile::lock(&dir)?;
            profile.discard_empty()?;
            Ok(profile)
        });
        match emptied.await {
            Ok(profile) => self.state = State::FirstRun(profile),
            Err(e) => {
                self.phase.send_replace(Phase::Failed(e.to_string()));
            }
        }
    }

    /// Makes key file and database from a backup. The core then starts as a new device of its account.
    pub(super) async fn import(&mut self, path: PathBuf, passphrase: String) -> Result<NewAccount, NodeError> {
        if matches!(self.state, State::Locked(..) | State::Open(_)) {
            return Err(CommandError::AccountExists.into());
        }
        let State::FirstRun(profile) = std::mem::replace(&mut self.state, State::Empty) else { return Err(self.not_open()) };
        let (keyring, secret) = (self.options.keyring, self.options.passphrase.clone());
        let (profile, restored) = blocking(move || {
            let restored = protection::import(&profile, &path, &passphrase, secret.as_deref(), keyring);
            Ok((profile, restored))
        })
        .await?;
        let (keyfile, root, entropy) = match restored {
            Ok(restored) => restored,
            Err(error) => {
                self.state = State::FirstRun(profile);
                return Err(error);
            }
        };
        let phase = self.open_account(profile, keyfile, root).await?;
        self.phase.send_replace(phase);
        let account = self.snapshot.borrow().account.as_ref().map(|a| a.account_id);
        let account = account.ok_or_else(|| NodeError::Storage("The backup holds no account. Choose another file.".into()))?;
        Ok(NewAccount { account, words: words::from_entropy(&entropy).join(" ") })
    }
}

pub(super) fn fresh_entropy() -> Result<[u8; 16], NodeError> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)
        .map_err(|e| NodeError::Storage(format!("The system gave no random numbers ({e}). Restart the computer.")))?;
    Ok(entropy)
}
