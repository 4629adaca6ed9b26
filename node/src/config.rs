//! What a node is started with.

use crate::media::Audio;
use std::path::PathBuf;
use veche_protocol::core::Config;
use veche_protocol::link::{Addr, Hint};

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the profile; made if absent.
    pub profile: PathBuf,
    /// Never touch anything outside the local network.
    pub lan_only: bool,
    /// Addresses to listen on; empty is one free port on every interface, for QUIC and TCP.
    pub listen: Vec<Addr>,
    /// Operators' nodes to use besides those that the profile knows.
    pub operators: Vec<Hint>,
    /// Look for, and be announced to, nodes on the local network.
    pub discovery: bool,
    /// Passphrase to open a sealed profile with, or to seal a new one.
    pub passphrase: Option<String>,
    /// Whether the desktop's keyring may be used.
    pub keyring: bool,
    /// What sound of calls comes from and goes to.
    pub audio: Audio,
    /// Whether calls are heard that ring and end: for people, not for programs.
    pub tones: bool,
    /// Costs and kinds of the core.
    pub core: Config,
}

impl Options {
    /// The usual settings for a profile.
    #[must_use]
    pub fn new(profile: impl Into<PathBuf>) -> Self {
        Self {
            profile: profile.into(),
            lan_only: false,
            listen: Vec::new(),
            operators: Vec::new(),
            discovery: true,
            passphrase: None,
            keyring: true,
            audio: Audio::default(),
            tones: false,
            core: Config::default(),
        }
    }

    /// Whether this node is to be reached from this machine only. Its calls are, too, then.
    #[cfg(feature = "media")]
    pub(crate) fn on_loopback(&self) -> bool {
        !self.listen.is_empty() && self.listen.iter().all(|addr| addr.socket.ip().is_loopback())
    }
}
