//! The options that every program with a node in it takes, and what follows from them.

use crate::config::Options;
use crate::media::{self, Audio};
use crate::net::QUIET_LIBRARIES;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};
use veche_protocol::link::{Addr, Hint};
use zeroize::Zeroizing;

/// Longest passphrase file, bytes. More than that is some other file.
const MAX_PASSPHRASE: u64 = 4096;

/// To be flattened into the options of a program.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArgs {
    /// Directory of the profile; made if absent [default: veche in the user's data directory]
    #[arg(long, value_name = "DIR")]
    pub profile: Option<PathBuf>,

    /// Never touch anything outside the local network, and be visible in it
    #[arg(long)]
    pub lan: bool,

    /// Address to listen on, such as /ip4/0.0.0.0/udp/4001/quic-v1 or /ip4/127.0.0.1/tcp/0; may be repeated
    /// [default: every interface, for QUIC and TCP, on the port of the last start or a free one]
    #[arg(long, value_name = "MULTIADDR", value_parser = listen_address)]
    pub listen: Vec<Addr>,

    /// An operator's node to use as a meeting point, such as /ip4/203.0.113.5/udp/4001/quic-v1/p2p/12D3Koo…; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = operators)]
    pub bootstrap: Vec<Operators>,

    /// Neither look for nodes on the local network nor be announced to them
    #[arg(long)]
    pub no_discovery: bool,

    /// File whose first line is the passphrase that opens the profile, or that seals a new one
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// What calls sound through: default for the devices of this computer, null for silence, tone:HZ for a sine wave, wav:IN.wav,OUT.wav
    /// for files (either may be left out), none to have no calls [default: default]
    #[arg(long, value_name = "SOUND", value_parser = audio)]
    pub audio: Option<Audio>,

    /// What to log on standard error: error, warn, info, debug, or directives such as `veche_node=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub log: String,
}

impl NodeArgs {
    /// What the node is started with.
    ///
    /// # Errors
    /// A sentence: there is nowhere to keep the profile, or the passphrase file cannot be used.
    pub fn options(&self) -> Result<Options, String> {
        let profile =
            self.profile.clone().or_else(default_profile).ok_or("There is no home directory. Say with --profile where the profile is.")?;
        let passphrase = self.passphrase_file.as_deref().map(read_passphrase).transpose()?;
        Ok(Options {
            lan_only: self.lan,
            listen: self.listen.clone(),
            operators: self.bootstrap.iter().flat_map(|operators| operators.0.clone()).collect(),
            discovery: !self.no_discovery,
            passphrase,
            audio: self.audio.clone().unwrap_or_default(),
            ..Options::new(profile)
        })
    }

    /// Begins to log on standard error. Libraries that print keys and addresses are kept quiet, and so are those in `also`, given as
    /// directives; what the person asks for comes last, so that it can still make a library speak. Those of calls print whole packets
    /// of sound, and nothing makes them speak.
    ///
    /// # Errors
    /// A sentence: the filter cannot be read.
    pub fn log_to_stderr(&self, also: &[&str]) -> Result<(), String> {
        let to_stderr = fmt::layer().with_writer(io::stderr).with_filter(filter(&self.log, also)?);
        tracing_subscriber::registry().with(to_stderr).try_init().map_err(|why| format!("Nothing can be logged: {why}."))
    }
}

/// What of the log is kept.
fn filter(asked: &str, also: &[&str]) -> Result<impl Filter<Registry> + use<>, String> {
    let unusable = |why: String| format!("The log filter {asked} cannot be used: {why}. Write warn, info, debug or veche_node=debug.");
    let quiet = QUIET_LIBRARIES.iter().chain(also).copied().collect::<Vec<_>>().join(",");
    let asked = EnvFilter::builder().parse(format!("{quiet},{asked}")).map_err(|why| unusable(why.to_string()))?;
    let most = Filter::<Registry>::max_level_hint(&asked).unwrap_or(LevelFilter::TRACE);
    Ok(asked.and(filter_fn(|meta| !media::is_secretive(meta.target())).with_max_level_hint(most)))
}

/// Operators named by one argument: one of them, or all that a link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operators(pub Vec<Hint>);

fn operators(text: &str) -> Result<Operators, String> {
    crate::parse_operators(text).map(Operators).map_err(|why| why.to_string())
}

fn audio(text: &str) -> Result<Audio, String> {
    text.parse()
}

fn listen_address(text: &str) -> Result<Addr, String> {
    match crate::parse_addr(text) {
        Ok((addr, None)) => Ok(addr),
        Ok((_, Some(_))) => Err("An address to listen on ends before /p2p/: this node has its own id.".into()),
        Err(why) => Err(why.to_string()),
    }
}

/// The first line of a file.
fn read_passphrase(path: &Path) -> Result<String, String> {
    let unusable = |why: String| format!("The passphrase file {} cannot be used: {why}.", path.display());
    let size = fs::metadata(path).map_err(|why| unusable(why.to_string()))?.len();
    if size > MAX_PASSPHRASE {
        return Err(unusable(format!("it has {size} bytes, and a passphrase has {MAX_PASSPHRASE} at most")));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|why| unusable(why.to_string()))?);
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(unusable("its first line is empty".into())),
    }
}

/// Where programs keep their data: the XDG base directory specification, and what macOS and Windows have in its place.
fn default_profile() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").filter(|path| path.is_absolute()).or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("veche"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        node: NodeArgs,
    }

    fn parse(arguments: &[&str]) -> Result<NodeArgs, String> {
        let all = std::iter::once("program").chain(arguments.iter().copied());
        Program::try_parse_from(all).map(|program| program.node).map_err(|error| error.to_string())
    }

    #[test]
    fn the_options_become_what_the_node_is_started_with() {
        let options = parse(&["--profile", "/p", "--lan", "--no-discovery", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]).unwrap();
        let options = options.options().unwrap();
        assert!(options.lan_only && !options.discovery);
        assert_eq!((options.profile, options.listen.len()), ("/p".into(), 1));
        let usual = parse(&["--profile", "/p"]).unwrap().options().unwrap();
        let operator = "/ip4/203.0.113.5/udp/4001/quic-v1/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";
        assert_eq!(parse(&["--profile", "/p", "--bootstrap", operator]).unwrap().options().unwrap().operators.len(), 1);
        assert!(parse(&["--bootstrap", "nobody"]).unwrap_err().contains("--bootstrap"));
        assert!(!usual.lan_only && usual.discovery && usual.listen.is_empty() && usual.passphrase.is_none());
    }

    #[test]
    fn an_address_that_cannot_be_listened_on_is_refused_and_named() {
        for address in ["localhost:4001", "/ip4/127.0.0.1/udp/1/quic-v1/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d"] {
            let error = parse(&["--listen", address]).unwrap_err();
            assert!(error.contains("--listen"), "{error}");
        }
    }

    #[test]
    fn sound_is_chosen_or_refused_by_name() {
        assert_eq!(parse(&["--profile", "/p", "--audio", "none"]).unwrap().options().unwrap().audio, Audio::None);
        assert_eq!(parse(&["--profile", "/p"]).unwrap().options().unwrap().audio, Audio::default());
        for sound in ["loud", "tone:inaudible", "wav:one.wav", ""] {
            let error = parse(&["--audio", sound]).unwrap_err();
            assert!(error.contains("--audio"), "{error}");
        }
    }

    #[cfg(feature = "media")]
    #[test]
    fn nothing_makes_the_libraries_of_calls_speak() {
        #[derive(Clone, Default)]
        struct Page(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl io::Write for Page {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().map_err(|_| io::ErrorKind::Other)?.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for asked in ["trace", "webrtc=trace,rtc=trace,rtc_srtp=trace,rtc_ice::agent=trace,trace", "[{packet}]=trace"] {
            let page = Page::default();
            let writer = page.clone();
            let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone()).with_filter(filter(asked, &[]).unwrap());
            let log = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(log, || {
                tracing::error!(target: "webrtc::peer_connection::driver", packet = "secret", "cannot be written");
                tracing::error!(target: "rtc::peer_connection", packet = "secret", "cannot be written");
                tracing::error!(target: "rtc_srtp", packet = "secret", "cannot be written");
                tracing::error!(target: "rtc_ice::agent", packet = "secret", "cannot be written");
                tracing::error!(target: "rtcwake", packet = "heard", "another program");
            });
            let said = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
            assert!(!said.contains("secret") && said.contains("heard"), "{asked}: {said}");
        }
    }

    #[test]
    fn the_passphrase_is_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, " correct horse \r\nsecond").unwrap();
        assert_eq!(read_passphrase(&path).unwrap(), " correct horse ");
        fs::write(&path, "\n").unwrap();
        assert!(read_passphrase(&path).unwrap_err().contains("empty"));
        fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(read_passphrase(&path).unwrap_err().contains("5000 bytes"));
        assert!(read_passphrase(&folder.path().join("nothing")).unwrap_err().contains("nothing"));
    }
}
