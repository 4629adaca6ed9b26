//! `veche-bootstrap`: the operator's program. Settings from a file and from options, addresses on standard output, logs on standard error.

use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use veche_bootstrap::config::Config;
use veche_node::net::QUIET_LIBRARIES;
use veche_node::print_hint;

/// The operator's node of Veche: a relay, a part of the directory, mailboxes for people who are away, and a relay for calls. It can read
/// nothing of what people write, and hear nothing of what they say. Prints each address at which it can be dialled, on a line of its own. Ends on SIGTERM and on SIGINT.
#[derive(Debug, Parser)]
#[command(name = "veche-bootstrap", version, max_term_width = 100)]
struct Args {
    /// Settings file; veche-bootstrap.example.toml shows every key. Options come before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of this node's key and database; made if absent
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Address to listen on, such as /ip4/0.0.0.0/udp/4001/quic-v1; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<String>,

    /// Address at which others reach this node; may be repeated. Without one it relays for nobody
    #[arg(long, value_name = "MULTIADDR")]
    external: Vec<String>,

    /// Another operator's node, an address that ends in /p2p/ID; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<String>,

    /// Where to relay calls over UDP, such as 0.0.0.0:3478; may be repeated; "" for nowhere
    #[arg(long, value_name = "ADDRESS")]
    turn: Vec<String>,

    /// Where to serve /metrics and /health, such as 127.0.0.1:9464; "" for nowhere
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,

    /// What to log on standard error: error, warn, info, debug, or directives
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(io::stderr(), "veche-bootstrap: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), String> {
    let config = settings(args)?;
    let quiet = [QUIET_LIBRARIES, veche_bootstrap::QUIET_LIBRARIES].concat().join(",");
    let unusable = |why: String| format!("The setting log cannot be used: {why}. Write warn, info, debug or veche_bootstrap=debug.");
    let filter = EnvFilter::builder().parse(format!("{quiet},{}", config.log)).map_err(|why| unusable(why.to_string()))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init().map_err(|why| unusable(why.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|why| format!("The system gave no threads ({why}). End other programs and start again."))?;
    runtime.block_on(serve(config))
}

fn settings(args: Args) -> Result<Config, String> {
    let mut config = args.config.map_or(Ok(Config::default()), |path| Config::read(&path)).map_err(|why| why.to_string())?;
    config.data = args.data.unwrap_or(config.data);
    config.metrics = args.metrics.unwrap_or(config.metrics);
    config.log = args.log.unwrap_or(config.log);
    if args.turn.iter().any(String::is_empty) {
        config.turn.enabled = false;
    } else if !args.turn.is_empty() {
        config.turn.enabled = true;
        config.turn.listen = args.turn;
    }
    for (given, setting) in [(args.listen, &mut config.listen), (args.external, &mut config.external), (args.peer, &mut config.peers)] {
        if !given.is_empty() {
            *setting = given;
        }
    }
    Ok(config)
}

async fn serve(config: Config) -> Result<(), String> {
    let relays = !config.external.is_empty();
    let mut node = veche_bootstrap::start(config).await.map_err(|why| why.to_string())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    if !relays {
        tracing::warn!("no external address is set, so this node relays for nobody: see \"external\" in the settings");
    }
    let mut end = std::pin::pin!(asked_to_end());
    loop {
        tokio::select! {
            address = node.address() => match address {
                Some(hint) => {
                    // Nobody may be reading; the node runs all the same.
                    let _ = writeln!(io::stdout(), "{}", print_hint(&hint)).and_then(|()| io::stdout().flush());
                }
                None => return Err("The network of this node ended. The log says why; start it again.".into()),
            },
            ended = &mut end => {
                ended?;
                break;
            }
        }
    }
    tracing::info!("ending");
    node.stop().await;
    Ok(())
}

/// Waits for SIGTERM or SIGINT, or what stands for them.
async fn asked_to_end() -> Result<(), String> {
    let unheard = |why: io::Error| format!("The system does not say when this program is to end ({why}).");
    #[cfg(unix)]
    {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(unheard)?;
        tokio::select! {
            _ = term.recv() => Ok(()),
            done = tokio::signal::ctrl_c() => done.map_err(unheard),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(unheard)
}
