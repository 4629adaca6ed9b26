//! `veche-node`: the node without a window, for bots, bridges, machines without a screen, and tests. It speaks JSON-RPC.

use clap::Parser;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::timeout;
use veche_node::cli::NodeArgs;
use veche_node::config::Options;
use veche_node::handle::{NodeHandle, Phase};
use veche_node::rpc::Rpc;

/// How long conversations may take to end once the node is ending: a little more than they give their own requests.
const LAST_ANSWERS: Duration = Duration::from_secs(12);

/// The Veche node without a window. Speaks JSON-RPC 2.0, one object a line, on standard input and output; `rpc.discover` lists what it
/// can be asked. Ends when its input ends, on SIGTERM and on SIGINT.
#[derive(Debug, Parser)]
#[command(name = "veche-node", version, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    node: NodeArgs,

    /// Where to speak JSON-RPC: stdio, or unix:PATH for a socket that only its owner can open
    #[arg(long, value_name = "WHERE", default_value = "stdio", value_parser = place)]
    rpc: Place,
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
    args.node.log_to_stderr(&[])?;
    let options = args.node.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|why| format!("The system gave no threads ({why}). Close other programs and start again."))?;
    let result = runtime.block_on(run(options, args.rpc.clone()));
    // A read of standard input that is under way cannot be taken back; everything else has ended by itself.
    runtime.shutdown_background();
    result
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
        assert!(args.node.lan && !args.node.no_discovery);
        assert_eq!(args.node.listen.len(), 1);
        assert_eq!(args.rpc, Place::Unix("/run/x".into()));
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_named() {
        for (arguments, named) in [
            (&["--audio", "loud"][..], "--audio"),
            (&["--listen", "localhost:4001"], "--listen"),
            (&["--rpc", "ws:127.0.0.1:80"], "--rpc"),
            (&["--rpc", "unix:"], "--rpc"),
            (&["stray"], "stray"),
        ] {
            let all = std::iter::once("veche-node").chain(arguments.iter().copied());
            let error = Args::try_parse_from(all).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
