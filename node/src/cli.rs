//! The options that every program with a node in it takes, and what follows from them.

use crate::config::Options;
use crate::net::QUIET_LIBRARIES;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;
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
            ..Options::new(profile)
        })
    }

    /// Begins to log on standard error. Libraries that print keys and addresses are kept quiet, and so are those in `also`, given as
    /// directives; what the person asks for comes last, so that it can still make a library speak.
    ///
    /// # Errors
    /// A sentence: the filter cannot be read.
    pub fn log_to_stderr(&self, also: &[&str]) -> Result<(), String> {
        let filter = &self.log;
        let unusable = |why: String| format!("The log filter {filter} cannot be used: {why}. Write warn, info, debug or veche_node=debug.");
        let quiet = QUIET_LIBRARIES.iter().chain(also).copied().collect::<Vec<_>>().join(",");
        let filter = EnvFilter::builder().parse(format!("{quiet},{filter}")).map_err(|why| unusable(why.to_string()))?;
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init().map_err(|why| unusable(why.to_string()))
    }
}

/// Operators named by one argument: one of them, or all that a link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operators(pub Vec<Hint>);

fn operators(text: &str) -> Result<Operators, String> {
    crate::parse_operators(text).map(Operators).map_err(|why| why.to_string())
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
