//! What the methods work with: the node, and the conversation that asks.

use super::connection::Interest;
use super::envelope::Failure;
use crate::handle::{NodeError, NodeHandle, Phase};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::timeout;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::view::Snapshot;

/// How long the first snapshot of an open profile is waited for. It takes milliseconds, on a busy machine a second.
const FIRST_SNAPSHOT: Duration = Duration::from_secs(10);

/// What all conversations share.
pub(super) struct Shared {
    pub(super) node: NodeHandle,
    /// Held from reading the settings to having replaced them, so that two changes of different fields do not undo each other.
    settings: Mutex<()>,
    stop: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(node: NodeHandle) -> Self {
        Self { node, settings: Mutex::new(()), stop: watch::Sender::new(false) }
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) async fn stopped(&self) {
        // The sender lives in `self`: waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// One conversation, as its requests see it.
pub(super) struct Context {
    shared: Arc<Shared>,
    interest: watch::Sender<Interest>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, interest: watch::Sender<Interest>) -> Self {
        Self { shared, interest }
    }

    pub(super) fn node(&self) -> &NodeHandle {
        &self.shared.node
    }

    /// Which events this conversation wants from now on.
    pub(super) fn listen_to(&self, interest: Interest) {
        self.interest.send_replace(interest);
    }

    pub(super) fn stop(&self) {
        self.shared.stop();
    }

    pub(super) async fn lock_settings(&self) -> MutexGuard<'_, ()> {
        self.shared.settings.lock().await
    }

    /// What the node is doing, once it is past starting.
    pub(super) async fn phase(&self) -> Result<Phase, Failure> {
        let mut phase = self.node().phase();
        let phase = phase.wait_for(|phase| *phase != Phase::Starting).await.map_err(|_| NodeError::Ended)?.clone();
        Ok(phase)
    }

    /// The state of an account that is open.
    pub(super) async fn state(&self) -> Result<Arc<Snapshot>, Failure> {
        match self.phase().await? {
            Phase::Ready => self.first_snapshot().await,
            Phase::FirstRun => Err(NodeError::Command(CommandError::NoAccount).into()),
            Phase::Locked => Err(NodeError::Locked.into()),
            Phase::Failed(why) => Err(NodeError::Storage(why).into()),
            Phase::Starting | Phase::Ended { .. } => Err(NodeError::Ended.into()),
        }
    }

    /// The snapshot; right after opening a profile the first one is a moment behind.
    async fn first_snapshot(&self) -> Result<Arc<Snapshot>, Failure> {
        let mut snapshots = self.node().snapshots();
        match timeout(FIRST_SNAPSHOT, snapshots.wait_for(|snapshot| snapshot.account.is_some())).await {
            Ok(Ok(snapshot)) => Ok(Arc::clone(&snapshot)),
            Ok(Err(_)) => Err(NodeError::Ended.into()),
            Err(_) => Err(NodeError::NotReady("it does not show its account. Start it again.".into()).into()),
        }
    }

    /// Has the core do something.
    pub(super) async fn command(&self, command: Command) -> Result<Reply, Failure> {
        Ok(self.node().command(command).await?)
    }

    /// Has the core do something that has no answer but "done".
    pub(super) async fn perform(&self, command: Command) -> Result<super::methods::Done, Failure> {
        self.command(command).await.map(|_| super::methods::Done {})
    }
}
