//! `veche-node`: the node without a window, for bots, bridges, machines without a screen, and tests. It speaks JSON-RPC.

use clap::Parser;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::timeout;
use tracing_subscriber::EnvFilter;
use veche_node::config::Options;
use veche_node::handle::{NodeHandle, Phase};
use veche_node::rpc::Rpc;
use veche_protocol::link::Addr;
use zeroize::Zeroizing;

/// How long conversations may take to end once the node is ending: a little more than they give their own requests.
const LAST_ANSWERS: Duration = Duration::from_secs(12);
/// Longest passphrase file, bytes. More than that is some other file.
const MAX_PASSPHRASE: u64 = 4096;

/// The Veche node without a window. Speaks JSON-RPC 2.0, one object a line, on standard input and output; `rpc.discover` lists what it
/// can be asked. Ends when its input ends, on SIGTERM and on SIGINT.
#[derive(Debug, Parser)]
#[command(name = "veche-node", version, max_term_width = 100)]
struct Args {
    /// Directory of the profile; made if absent [default: veche in the user's data directory]
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,

    /// Never touch anything outside the local network, and be visible in it
    #[arg(long)]
    lan: bool,

    /// Address to listen on, such as /ip4/0.0.0.0/udp/4001/quic-v1 or /ip4/127.0.0.1/tcp/0; may be repeated
    /// [default: a free port on every interface, for QUIC and TCP]
    #[arg(long, value_name = "MULTIADDR", value_parser = listen_address)]
    listen: Vec<Addr>,

    /// Neither look for nodes on the local network nor be announced to them
    #[arg(long)]
    no_discovery: bool,

    /// File whose first line is the passphrase that opens the profile, or that seals a new one
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Where to speak JSON-RPC: stdio, or unix:PATH for a socket that only its owner can open
    #[arg(long, value_name = "WHERE", default_value = "stdio", value_parser = place)]
    rpc: Place,

    /// What to log on standard error: error, warn, info, debug, or directives such as `veche_node=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

/// Where JSON-RPC is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Stdio,
    Unix(PathBuf),
}

fn place(text: &str) -> Result<Place, String> {
    match text.split_once(':') {
        None if text == "stdio" => Ok(Place::Stdio),
        Some(("unix", path)) if cfg!(unix) && !path.is_empty() => Ok(Place::Unix(path.into())),
        _ if cfg!(unix) => Err("write stdio, or unix: and the path of a socket".into()),
        _ => Err("write stdio; sockets in files exist on Unix only".into()),
    }
}

fn listen_address(text: &str) -> Result<Addr, String> {
    match veche_node::parse_addr(text) {
        Ok((addr, None)) => Ok(addr),
        Ok((_, Some(_))) => Err("An address to listen on ends before /p2p/: this node has its own id.".into()),
        Err(why) => Err(why.to_string()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(io::stderr(), "veche-node: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<(), String> {
    log_to_stderr(&args.log)?;
    let options = options(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|why| format!("The system gave no threads ({why}). Close other programs and start again."))?;
    let result = runtime.block_on(run(options, args.rpc.clone()));
    // A read of standard input that is under way cannot be taken back; everything else has ended by itself.
    runtime.shutdown_background();
    result
}

fn options(args: &Args) -> Result<Options, String> {
    let profile =
        args.profile.clone().or_else(default_profile).ok_or("There is no home directory. Say with --profile where the profile is.")?;
    let passphrase = args.passphrase_file.as_deref().map(read_passphrase).transpose()?;
    Ok(Options { lan_only: args.lan, listen: args.listen.clone(), discovery: !args.no_discovery, passphrase, ..Options::new(profile) })
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

fn log_to_stderr(filter: &str) -> Result<(), String> {
    let unusable = |why: String| format!("The log filter {filter} cannot be used: {why}. Write warn, info, debug or veche_node=debug.");
    let quiet = veche_node::net::QUIET_LIBRARIES.join(",");
    // What is given comes last, so that it can still make a library speak.
    let filter = EnvFilter::builder().parse(format!("{quiet},{filter}")).map_err(|why| unusable(why.to_string()))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init().map_err(|why| unusable(why.to_string()))
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

async fn run(options: Options, place: Place) -> Result<(), String> {
    let node = NodeHandle::start(options);
    let rpc = Rpc::new(node.clone());
    let mut serving = match place {
        Place::Stdio => {
            let rpc = rpc.clone();
            tokio::spawn(async move { rpc.serve_stdio().await })
        }
        Place::Unix(path) => serve_socket(&rpc, &path)?,
    };
    let served = tokio::select! {
        // Only standard input ends by itself.
        _ = &mut serving => true,
        () = rpc.stopped() => false,
        () = told_to_end() => false,
        () = over(&node) => false,
    };
    rpc.stop();
    if !served && timeout(LAST_ANSWERS, serving).await.is_err() {
        tracing::warn!("conversations that did not end were cut off");
    }
    let failed = match &*node.phase().borrow() {
        Phase::Failed(sentence) => Err(sentence.clone()),
        _ => Ok(()),
    };
    node.shutdown().await;
    failed
}

#[cfg(unix)]
fn serve_socket(rpc: &Rpc, path: &Path) -> Result<tokio::task::JoinHandle<()>, String> {
    let socket = veche_node::rpc::Socket::bind(path).map_err(|why| why.to_string())?;
    let rpc = rpc.clone();
    Ok(tokio::spawn(async move { socket.serve(&rpc).await }))
}

#[cfg(not(unix))]
fn serve_socket(_: &Rpc, _: &Path) -> Result<tokio::task::JoinHandle<()>, String> {
    Err("Sockets in files exist on Unix only.".into())
}

/// Returns when the node cannot be used, or has ended by itself because the account was deleted.
async fn over(node: &NodeHandle) {
    // An error means that the node is gone, which is an end as well.
    let _ = node.phase().wait_for(|phase| matches!(phase, Phase::Failed(_) | Phase::Ended { .. })).await;
}

/// Returns on SIGTERM or SIGINT.
async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    // Without a handler the system ends the program by itself; an error here means just that.
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read() {
        let args =
            Args::try_parse_from(["veche-node", "--lan", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--rpc", "unix:/run/x"]).unwrap();
        assert!(args.lan && !args.no_discovery);
        assert_eq!(args.listen.len(), 1);
        assert_eq!(args.rpc, Place::Unix("/run/x".into()));
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_named() {
        for (arguments, named) in [
            (&["--audio", "null"][..], "--audio"),
            (&["--listen", "localhost:4001"], "--listen"),
            (&["--listen", "/ip4/127.0.0.1/udp/1/quic-v1/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d"], "--listen"),
            (&["--rpc", "ws:127.0.0.1:80"], "--rpc"),
            (&["--rpc", "unix:"], "--rpc"),
            (&["stray"], "stray"),
        ] {
            let all = std::iter::once("veche-node").chain(arguments.iter().copied());
            let error = Args::try_parse_from(all).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
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
