//! From an empty directory to a running node and back: first run, unlocking, restoring, deleting. One task answers all requests.
//!
//! The wish to end is heard whatever else is going on: what is being done then is given up. Everything that takes part in it has a
//! time limit, so that a node ends within [`STOPS_WITHIN`](crate::handle::STOPS_WITHIN) also over a disk that stands still.

mod making;
mod opening;

use crate::config::Options;
use crate::driver::{End, Order, Running};
use crate::handle::{EVENTS, NewAccount, NodeError, NodeHandle, Phase, REQUESTS, Request, STOPS_WITHIN};
use crate::history;
use crate::media::Desk;
use crate::protection;
use crate::search;
use crate::store::keyfile::{KeyFile, KeyFileError, Unlock};
use crate::store::keys::RootKey;
use crate::store::open::{OpenError, Profile};
use crate::store::vault::VaultError;
use crate::store::writer::Store;
use crate::upkeep::{self, Upkeep};
use making::fresh_entropy;
use opening::blocking;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::identity::words;
use veche_protocol::view::Snapshot;

/// Longest wait for the first state of an account that was opened. It takes milliseconds; a database of a million messages a second.
const SETTLE: Duration = Duration::from_secs(10);
/// Longest wait for devices and files of sound to be closed.
const SOUND_ENDS: Duration = Duration::from_millis(500);
/// Wishes to end that may wait; one is enough.
const STOPS: usize = 4;

/// Starts a node. Its task ends when the last handle is dropped or it is told to shut down.
pub(crate) fn start(options: Options) -> NodeHandle {
    let (requests, inbox) = mpsc::channel(REQUESTS);
    let (stop, stops) = mpsc::channel(STOPS);
    let (phase, phases) = watch::channel(Phase::Starting);
    let (snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (events, _) = broadcast::channel(EVENTS);
    let searches = Arc::new(Semaphore::new(search::AT_ONCE));
    let desk = Desk::new(&options, snapshots.clone(), events.clone());
    let life = Life { options, phase, snapshot, events: events.clone(), desk: desk.clone(), searches, state: State::Empty, parked: None };
    tokio::spawn(life.run(inbox, stops));
    NodeHandle { requests, stop, phase: phases, snapshot: snapshots, events, desk }
}

struct Life {
    options: Options,
    phase: watch::Sender<Phase>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Event>,
    desk: Desk,
    searches: Arc<Semaphore>,
    state: State,
    /// A command that the driver had no room for. While there is one, requests wait.
    parked: Option<Order>,
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
    keyfile: Arc<Mutex<KeyFile>>,
    root: Arc<RootKey>,
    entropy: [u8; 16],
    store: Store,
    running: Running,
    /// Goes on until the profile is closed.
    _upkeep: Upkeep,
    /// The account is being made.
    making: Option<Making>,
}

/// An account that the core is making, and who wants to know.
struct Making {
    answer: oneshot::Receiver<Result<Reply, NodeError>>,
    done: oneshot::Sender<Result<NewAccount, NodeError>>,
}

/// What the core said to a new account: its answer, or that it is gone.
type Made = Result<Reply, NodeError>;

impl Life {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>, mut stops: mpsc::Receiver<oneshot::Sender<()>>) {
        let stopped = tokio::select! {
            biased;
            stopped = stops.recv() => Some(stopped),
            phase = self.open_profile() => {
                self.phase.send_replace(phase.unwrap_or_else(|e| Phase::Failed(e.to_string())));
                None
            }
        };
        let stopped = match stopped {
            Some(stopped) => stopped,
            None => self.serve(&mut inbox, &mut stops).await,
        };
        self.stop().await;
        let desk = self.desk.clone();
        // A device that does not let itself be closed holds up nobody.
        let _ = tokio::time::timeout(SOUND_ENDS, tokio::task::spawn_blocking(move || desk.close())).await;
        if let Some(done) = stopped {
            self.phase.send_replace(Phase::Ended { deleted: false });
            // Whoever wished it need not wait for it.
            let _ = done.send(());
        }
    }

    /// Answers requests until the end. Returns whoever wished it.
    async fn serve(
        &mut self,
        inbox: &mut mpsc::Receiver<Request>,
        stops: &mut mpsc::Receiver<oneshot::Sender<()>>,
    ) -> Option<oneshot::Sender<()>> {
        loop {
            let parked = self.parked.is_some();
            tokio::select! {
                biased;
                stopped = stops.recv() => return stopped,
                news = news(&mut self.state, parked) => match news {
                    News::Ended(end) => {
                        self.wipe(end).await;
                        return None;
                    }
                    News::Made(made) => tokio::select! {
                        biased;
                        stopped = stops.recv() => return stopped,
                        () = self.made(made) => {}
                    },
                    News::Room => {
                        if let Some(order) = self.parked.take() {
                            self.pass_on(order);
                        }
                    }
                },
                request = inbox.recv(), if !parked => match request {
                    Some(request) => tokio::select! {
                        biased;
                        stopped = stops.recv() => return stopped,
                        () = self.answer(request) => {}
                    },
                    None => return None,
                },
            }
        }
    }

    async fn answer(&mut self, request: Request) {
        match request {
            Request::Command(command, done) => self.pass_on((command, done)),
            Request::Create { login, name, passphrase, done } => match fresh_entropy() {
                Ok(entropy) => self.create(Command::CreateAccount { login, name, entropy }, entropy, passphrase, done).await,
                Err(e) => tell(done, Err(e)),
            },
            Request::Restore { words: said, login, name, passphrase, done } => match words::to_entropy(&said) {
                Ok(entropy) => self.create(Command::RestoreAccount { entropy, login, name }, entropy, passphrase, done).await,
                Err(e) => tell(done, Err(NodeError::Words(e.to_string()))),
            },
            Request::Unlock { passphrase, done } => {
                let _ = done.send(self.unlock(passphrase).await);
            }
            Request::SetPassphrase { passphrase, done } => {
                let keyring = self.options.keyring;
                self.with_keyfile(done, move |keyfile, root| {
                    protection::change(keyfile, root, passphrase.filter(|p| !p.is_empty()).as_deref(), keyring)?;
                    Ok(protection::of(keyfile))
                });
            }
            Request::CheckPassphrase { passphrase, done } => {
                self.with_keyfile(done, move |keyfile, _| protection::check(keyfile, &passphrase));
            }
            Request::Protection(done) => self.with_keyfile(done, |keyfile, _| Ok(protection::of(keyfile))),
            Request::Storage(done) => {
                let profile = self.options.profile.clone();
                self.read(done, move |store, _| upkeep::report(store, &profile));
            }
            Request::BackUp(done) => match self.open().map(|open| open.entropy) {
                Ok(entropy) => {
                    let profile = self.options.profile.clone();
                    self.read(done, move |store, _| {
                        upkeep::back_up(store, &profile, &entropy, &AtomicBool::new(false))?;
                        upkeep::report(store, &profile)
                    });
                }
                Err(error) => tell(done, Err(error)),
            },
            Request::Words(done) => {
                let _ = done.send(self.open().map(|o| words::from_entropy(&o.entropy).join(" ")));
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
        }
    }

    /// Gives the core a command, or keeps it until there is room.
    fn pass_on(&mut self, order: Order) {
        use mpsc::error::TrySendError::{Closed, Full};
        let State::Open(open) = &self.state else { return tell(order.1, Err(self.not_open())) };
        match open.running.orders.try_send(order) {
            Ok(()) => {}
            Err(Full(order)) => self.parked = Some(order),
            Err(Closed((_, done))) => tell(done, Err(NodeError::Ended)),
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
            (State::FirstRun(_), _) => CommandError::NoAccount.into(),
            (_, Phase::Failed(why)) => NodeError::NotReady(why.clone()),
            _ => NodeError::Ended,
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
                let opened = self.open_account(profile, keyfile, root).await;
                let phase = opened.as_ref().map_or_else(|e| Phase::Failed(e.to_string()), Clone::clone);
                self.phase.send_replace(phase);
                opened.map(|_| ())
            }
            Err(error) => {
                self.state = State::Locked(profile, keyfile);
                Err(storage(error))
            }
        }
    }

    /// Works with the key file on a thread of its own: it waits for slow hashes and for the disk.
    fn with_keyfile<T: Send + 'static>(
        &self,
        done: oneshot::Sender<Result<T, NodeError>>,
        work: impl FnOnce(&mut KeyFile, &RootKey) -> Result<T, NodeError> + Send + 'static,
    ) {
        match self.open() {
            Ok(open) => {
                let (keyfile, root) = (Arc::clone(&open.keyfile), Arc::clone(&open.root));
                tokio::task::spawn_blocking(move || {
                    let mut keyfile = keyfile.lock().unwrap_or_else(PoisonError::into_inner);
                    tell(done, work(&mut keyfile, &root));
                });
            }
            Err(error) => tell(done, Err(error)),
        }
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
            if tokio::time::timeout(STOPS_WITHIN, open.running.end).await.is_err() {
                tracing::error!("the core did not end in time");
            }
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

/// What an open profile has for its task.
enum News {
    /// The driver ended by itself.
    Ended(Option<End>),
    /// The core answered to a new account.
    Made(Made),
    /// The driver takes a command.
    Room,
}

async fn news(state: &mut State, parked: bool) -> News {
    let State::Open(open) = state else { return std::future::pending().await };
    let Open { running, making, .. } = &mut **open;
    let made = async {
        match making {
            Some(making) => (&mut making.answer).await.unwrap_or(Err(NodeError::Ended)),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        made = made => News::Made(made),
        end = &mut running.end => News::Ended(end.ok()),
        _ = running.orders.reserve(), if parked => News::Room,
    }
}

/// Answers. A caller that went away needs no answer.
fn tell<T>(done: oneshot::Sender<Result<T, NodeError>>, answer: Result<T, NodeError>) {
    let _ = done.send(answer);
}

pub(crate) fn now_ms() -> u64 {
    veche_protocol::time::millis(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
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
