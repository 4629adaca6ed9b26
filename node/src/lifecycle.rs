//! From an empty directory to a running node and back: first run, unlocking, restoring, deleting. One task answers all requests.

use crate::config::Options;
use crate::driver::{self, Acks, Around, End, Running};
use crate::handle::{EVENTS, NewAccount, NodeError, NodeHandle, Phase, Protection, REQUESTS, Request};
use crate::history;
use crate::protection;
use crate::search;
use crate::store::keyfile::keyring::OsKeyring;
use crate::store::keyfile::{KeyFile, KeyFileError, SlotKind, Unlock};
use crate::store::keys::RootKey;
use crate::store::open::{OpenError, Profile};
use crate::store::vault::VaultError;
use crate::store::writer::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::core::input::Boot;
use veche_protocol::identity::login::Login;
use veche_protocol::identity::{text, words};
use veche_protocol::store::Table;
use veche_protocol::view::Snapshot;

/// Longest wait for the first state of an account that was opened. It takes milliseconds; a database of a million messages a second.
const SETTLE: Duration = Duration::from_secs(10);

/// Starts a node. Its task ends when the last handle is dropped or it is told to shut down.
pub(crate) fn start(options: Options) -> NodeHandle {
    let (requests, inbox) = mpsc::channel(REQUESTS);
    let (phase, phases) = watch::channel(Phase::Starting);
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (events, _) = broadcast::channel(EVENTS);
    let life =
        Life { options, phase, snapshot, events: events.clone(), searches: Arc::new(Semaphore::new(search::AT_ONCE)), state: State::Empty };
    tokio::spawn(life.run(inbox));
    NodeHandle { requests, phase: phases, snapshot: snapshots, events }
}

struct Life {
    options: Options,
    phase: watch::Sender<Phase>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Event>,
    searches: Arc<Semaphore>,
    state: State,
}

/// How far the profile is open.
enum State {
    /// The directory could not be opened, or not yet.
    Empty,
    /// Ours, without an account.
    FirstRun(Profile),
    /// Ours, sealed.
    Locked(Profile, KeyFile),
    /// Running.
    Open(Box<Open>),
}

struct Open {
    keyfile: KeyFile,
    root: RootKey,
    entropy: [u8; 16],
    store: Store,
    running: Running,
}

impl Life {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        let phase = self.open_profile().await.unwrap_or_else(|e| Phase::Failed(e.to_string()));
        self.phase.send_replace(phase);
        loop {
            tokio::select! {
                request = inbox.recv() => match request {
                    Some(Request::Shutdown(done)) => {
                        self.stop().await;
                        self.phase.send_replace(Phase::Ended { deleted: false });
                        let _ = done.send(());
                        return;
                    }
                    Some(request) => self.answer(request).await,
                    None => return self.stop().await,
                },
                end = ended(&mut self.state) => {
                    self.wipe(end).await;
                    return;
                }
            }
        }
    }

    /// Takes the profile, and opens it if nothing is needed for that.
    async fn open_profile(&mut self) -> Result<Phase, NodeError> {
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
        let Some(keyfile) = keyfile.filter(KeyFile::has_account) else {
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
            Some(root) => {
                self.open_database(profile, keyfile, root).await?;
                self.settled().await;
                Ok(Phase::Ready)
            }
            None => {
                self.state = State::Locked(profile, keyfile);
                Ok(Phase::Locked)
            }
        }
    }

    /// Opens the database and starts the core over it.
    async fn open_database(&mut self, profile: Profile, keyfile: KeyFile, root: RootKey) -> Result<(), NodeError> {
        let acks = Acks::new();
        let report = acks.report();
        let (store, boot, keyfile, root, entropy) = blocking(move || {
            let entropy = keyfile.account(&root).map_err(storage)?.ok_or_else(|| storage(KeyFileError::Missing))?;
            let database = keyfile.database();
            let vault = if profile.has_database() { profile.open(&root, database)? } else { profile.create(&root, database, now_ms())? };
            let store = Store::start(vault, profile, report).map_err(storage)?;
            let mut boot = Boot { entropy: Some(*entropy), rows: Vec::new() };
            for table in Table::STATE {
                let loaded = store.load_state(table).map_err(storage)?;
                if loaded.unreadable > 0 {
                    tracing::error!(?table, rows = loaded.unreadable, "rows that do not open were left out");
                }
                boot.rows.extend(loaded.rows.into_iter().map(|row| (table, row)));
            }
            Ok((store, boot, keyfile, root, *entropy))
        })
        .await?;
        let around = Around {
            core: veche_protocol::core::Config { lan_only: self.options.lan_only, ..self.options.core },
            listen: self.options.listen.clone(),
            discovery: self.options.discovery,
            snapshot: self.snapshot.clone(),
            events: self.events.clone(),
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| NodeError::Storage(format!("The system gave no random numbers ({e}). Restart the computer.")))?;
        let running = driver::start(around, store.clone(), acks, boot, seed);
        self.state = State::Open(Box::new(Open { keyfile, root, entropy, store, running }));
        Ok(())
    }

    async fn answer(&mut self, request: Request) {
        match request {
            Request::Command(command, done) => self.command(command, done).await,
            Request::Create { login, name, passphrase, done } => {
                let result = match fresh_entropy() {
                    Ok(entropy) => self.create(entropy, login, name, passphrase, false).await,
                    Err(e) => Err(e),
                };
                let _ = done.send(result);
            }
            Request::Restore { words: said, login, name, passphrase, done } => {
                let result = match words::to_entropy(&said) {
                    Ok(entropy) => self.create(entropy, login, name, passphrase, true).await,
                    Err(e) => Err(NodeError::Words(e.to_string())),
                };
                let _ = done.send(result);
            }
            Request::Unlock { passphrase, done } => {
                let _ = done.send(self.unlock(passphrase).await);
            }
            Request::SetPassphrase { passphrase, done } => {
                let _ = done.send(self.set_passphrase(passphrase).await);
            }
            Request::Words(done) => {
                let _ = done.send(self.open().map(|o| words::from_entropy(&o.entropy).join(" ")));
            }
            Request::Protection(done) => {
                let _ = done.send(self.open().map(|o| protection::of(&o.keyfile)));
            }
            Request::History { chat, page, limit, done } => {
                self.read(done, move |store, snapshot| history::page(store, snapshot, chat, page, limit));
            }
            Request::Message { chat, message, done } => {
                self.read(done, move |store, snapshot| history::message(store, snapshot, chat, message));
            }
            Request::Search(query, hits) => {
                let store = self.open().map(|open| open.store.clone());
                let snapshot = self.snapshot.borrow().clone();
                tokio::spawn(search::when_free(Arc::clone(&self.searches), store, snapshot, query, hits));
            }
            Request::Export { path, passphrase, done } => match self.open() {
                Ok(open) => {
                    let (store, entropy) = (open.store.clone(), open.entropy);
                    tokio::task::spawn_blocking(move || {
                        let _ = done.send(protection::export(&store, &path, &passphrase, &entropy));
                    });
                }
                Err(error) => {
                    let _ = done.send(Err(error));
                }
            },
            Request::Import { path, passphrase, done } => {
                let _ = done.send(self.import(path, passphrase).await);
            }
            Request::Shutdown(_) => {}
        }
    }

    async fn command(&mut self, command: Command, done: oneshot::Sender<Result<Reply, NodeError>>) {
        match &self.state {
            State::Open(open) => {
                if let Err(mpsc::error::SendError((_, done))) = open.running.orders.send((command, done)).await {
                    let _ = done.send(Err(NodeError::Ended));
                }
            }
            _ => {
                let _ = done.send(Err(self.not_open()));
            }
        }
    }

    fn open(&self) -> Result<&Open, NodeError> {
        match &self.state {
            State::Open(open) => Ok(open),
            _ => Err(self.not_open()),
        }
    }

    fn not_open(&self) -> NodeError {
        match (&self.state, &*self.phase.borrow()) {
            (State::Locked(..), _) => NodeError::Locked,
            (State::FirstRun(_), _) => NodeError::Command(veche_protocol::core::command::CommandError::NoAccount),
            (_, Phase::Failed(why)) => NodeError::NotReady(why.clone()),
            _ => NodeError::Ended,
        }
    }

    /// Makes key file, database and account.
    async fn create(
        &mut self,
        entropy: [u8; 16],
        login: String,
        name: String,
        passphrase: Option<String>,
        restored: bool,
    ) -> Result<NewAccount, NodeError> {
        use veche_protocol::core::command::CommandError;
        if matches!(self.state, State::Locked(..) | State::Open(_)) {
            return Err(CommandError::AccountExists.into());
        }
        // Checked here first, so that a slip of the pen leaves nothing behind on disk.
        Login::parse(&login).map_err(|e| CommandError::Invalid { field: "login", why: e.to_string() })?;
        text::clean_name(&name).map_err(|e| CommandError::Invalid { field: "name", why: e.to_string() })?;
        let State::FirstRun(profile) = std::mem::replace(&mut self.state, State::Empty) else { return Err(self.not_open()) };
        let keyring = self.options.keyring;
        let dir = profile.dir().to_owned();
        let secret = passphrase.filter(|p| !p.is_empty()).or_else(|| self.options.passphrase.clone());
        let made = blocking(move || protection::make_keyfile(&dir, secret.as_deref(), keyring, &entropy)).await;
        let (keyfile, root) = match made {
            Ok(made) => made,
            Err(error) => {
                self.state = State::FirstRun(profile);
                return Err(error);
            }
        };
        self.open_database(profile, keyfile, root).await?;
        let command = match restored {
            true => Command::RestoreAccount { entropy, login, name },
            false => Command::CreateAccount { login, name, entropy },
        };
        let (done, answer) = oneshot::channel();
        self.command(command, done).await;
        match answer.await.map_err(|_| NodeError::Ended)?? {
            Reply::Account(account) => {
                self.phase.send_replace(Phase::Ready);
                Ok(NewAccount { account, words: words::from_entropy(&entropy).join(" ") })
            }
            other => Err(NodeError::NotReady(format!("unexpected answer {other:?}"))),
        }
    }

    /// Makes key file and database from a backup. The core then starts as a new device of its account.
    async fn import(&mut self, path: PathBuf, passphrase: String) -> Result<NewAccount, NodeError> {
        if matches!(self.state, State::Locked(..) | State::Open(_)) {
            return Err(veche_protocol::core::command::CommandError::AccountExists.into());
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
        self.open_database(profile, keyfile, root).await?;
        self.settled().await;
        self.phase.send_replace(Phase::Ready);
        let account = self.snapshot.borrow().account.as_ref().map(|a| a.account_id);
        let account = account.ok_or_else(|| NodeError::Storage("The backup holds no account. Choose another file.".into()))?;
        Ok(NewAccount { account, words: words::from_entropy(&entropy).join(" ") })
    }

    /// Waits until the core has said what it remembers, so that nobody who is told "ready" finds an empty state.
    async fn settled(&self) {
        let mut seen = self.snapshot.subscribe();
        let account = seen.wait_for(|s| s.account.is_some());
        if tokio::time::timeout(SETTLE, account).await.is_err() {
            tracing::error!("the account did not appear in time");
        }
    }

    async fn unlock(&mut self, passphrase: String) -> Result<(), NodeError> {
        let (profile, keyfile) = match std::mem::replace(&mut self.state, State::Empty) {
            State::Locked(profile, keyfile) => (profile, keyfile),
            other => {
                self.state = other;
                return if matches!(self.state, State::Open(_)) { Ok(()) } else { Err(self.not_open()) };
            }
        };
        let (keyfile, root) = blocking(move || {
            let root = keyfile.unlock(Unlock::Passphrase(&passphrase));
            Ok((keyfile, root))
        })
        .await?;
        match root {
            Ok(root) => {
                let opened = self.open_database(profile, keyfile, root).await;
                if opened.is_ok() {
                    self.settled().await;
                }
                self.phase.send_replace(match &opened {
                    Ok(()) => Phase::Ready,
                    Err(e) => Phase::Failed(e.to_string()),
                });
                opened
            }
            Err(error) => {
                self.state = State::Locked(profile, keyfile);
                Err(storage(error))
            }
        }
    }

    async fn set_passphrase(&mut self, passphrase: Option<String>) -> Result<Protection, NodeError> {
        let keyring = self.options.keyring;
        let State::Open(mut open) = std::mem::replace(&mut self.state, State::Empty) else { return Err(self.not_open()) };
        let (open, result) = blocking(move || {
            let result = protection::change(&mut open.keyfile, &open.root, passphrase.filter(|p| !p.is_empty()).as_deref(), keyring);
            Ok((open, result))
        })
        .await?;
        let now = protection::of(&open.keyfile);
        self.state = State::Open(open);
        result.map(|()| now)
    }

    /// Reads the store on a thread of its own.
    fn read<T: Send + 'static>(
        &self,
        done: oneshot::Sender<Result<T, NodeError>>,
        read: impl FnOnce(&Store, &Snapshot) -> Result<T, NodeError> + Send + 'static,
    ) {
        match self.open() {
            Ok(open) => {
                let store = open.store.clone();
                let snapshot = self.snapshot.borrow().clone();
                tokio::task::spawn_blocking(move || {
                    let _ = done.send(read(&store, &snapshot));
                });
            }
            Err(error) => {
                let _ = done.send(Err(error));
            }
        }
    }

    async fn stop(&mut self) {
        if let State::Open(open) = std::mem::replace(&mut self.state, State::Empty) {
            open.running.stop.notify_one();
            let _ = open.running.end.await;
        }
    }

    /// The core is done. After a deletion nothing of the account stays.
    async fn wipe(&mut self, end: Option<End>) {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Empty) else { return };
        let dir = self.options.profile.clone();
        let deleted = end == Some(End::Wiped);
        drop(open);
        let result = blocking(move || if deleted { protection::erase(&dir) } else { Ok(()) }).await;
        self.snapshot.send_replace(Arc::new(Snapshot::default()));
        self.phase.send_replace(match (result, end) {
            (Err(e), _) => Phase::Failed(e.to_string()),
            (Ok(()), Some(_)) => Phase::Ended { deleted },
            (Ok(()), None) => {
                Phase::Failed("Veche hit an internal fault and stopped. Start it again; nothing that was accepted is lost.".into())
            }
        });
    }
}

/// Waits until the driver ends by itself.
async fn ended(state: &mut State) -> Option<End> {
    match state {
        State::Open(open) => (&mut open.running.end).await.ok(),
        _ => std::future::pending().await,
    }
}

fn fresh_entropy() -> Result<[u8; 16], NodeError> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy)
        .map_err(|e| NodeError::Storage(format!("The system gave no random numbers ({e}). Restart the computer.")))?;
    Ok(entropy)
}

pub(crate) fn now_ms() -> u64 {
    veche_protocol::time::millis(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
}

/// Runs something that waits for the disk on a thread made for waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, NodeError> + Send + 'static) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(NodeError::Storage(format!("A worker ended unexpectedly: {e}."))))
}

pub(crate) fn storage(error: impl Into<Trouble>) -> NodeError {
    error.into().0
}

/// Any fault of the disk, as people are told it.
pub(crate) struct Trouble(NodeError);

impl From<KeyFileError> for Trouble {
    fn from(error: KeyFileError) -> Self {
        Self(match error {
            KeyFileError::WrongPassphrase => NodeError::WrongPassphrase,
            other => NodeError::Storage(other.to_string()),
        })
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(NodeError::Storage(format!("The disk refused ({error}). Check that there is space and that the profile belongs to you.")))
    }
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Self(NodeError::Storage(error.to_string()))
    }
}

impl From<OpenError> for NodeError {
    fn from(error: OpenError) -> Self {
        Self::Storage(error.to_string())
    }
}
