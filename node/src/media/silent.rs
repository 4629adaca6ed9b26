//! A node that was built without sound: every door is there, and nothing behind it.

use super::{News, SoundDevices, SoundTest};
use crate::config::Options;
use crate::handle::NodeError;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use veche_protocol::call::media::{MediaCmd, MediaFailure};
use veche_protocol::core::event::Event;
use veche_protocol::view::Snapshot;

/// Nothing to be had here.
#[derive(Clone)]
pub(crate) struct Desk {}

impl Desk {
    pub(crate) fn new(_: &Options, _: watch::Receiver<Arc<Snapshot>>, _: broadcast::Sender<Event>) -> Self {
        Self {}
    }

    pub(crate) fn devices(&self) -> std::future::Ready<Result<SoundDevices, NodeError>> {
        std::future::ready(Ok(SoundDevices { real: false, devices: Vec::new() }))
    }

    pub(crate) fn test(&self, _: SoundTest) -> Result<(), NodeError> {
        Err(NodeError::Sound("This program was built without sound. Use one that has it.".into()))
    }

    pub(crate) fn press(&self, _: bool) {}

    pub(crate) fn engine(&self) -> Result<Engine, MediaFailure> {
        Err(MediaFailure::NoEngine)
    }

    pub(crate) fn close(&self) {}
}

/// There is none, so none of its methods is ever called.
pub(crate) struct Engine {
    none: Infallible,
}

impl Engine {
    pub(crate) fn try_command(&self, _: MediaCmd) -> Result<(), MediaCmd> {
        match self.none {}
    }

    pub(crate) fn news(&mut self, _: bool) -> std::future::Ready<News> {
        match self.none {}
    }

    pub(crate) fn stop(self) -> std::future::Ready<()> {
        match self.none {}
    }
}
