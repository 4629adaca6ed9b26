//! `/metrics` in the text format of Prometheus (version 0.0.4) and `/health`, over HTTP/1.1 on the loopback interface. One request for each
//! connection, a bounded one, answered and closed.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use veche_node::net::NetHandle;
use veche_protocol::mailbox::server::Stats;
use veche_protocol::turn::{desk, door};

/// Requests answered at a time.
const AT_ONCE: usize = 16;
/// Bytes of a request that are read; the first line decides.
const REQUEST: usize = 4096;
/// Time for one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the loop of the node last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub mailbox: Stats,
    /// The relay for calls.
    pub turn: door::Stats,
    /// Names given out for it.
    pub names: desk::Stats,
    /// Whether a socket of it is read no longer.
    pub turn_broken: bool,
    /// Bytes of the database.
    pub disk: u64,
    /// Records that could not be kept across a restart, because the disk was too slow.
    pub records_unsaved: u64,
}

/// Serves until the node ends.
pub(crate) async fn serve(listener: TcpListener, net: NetHandle, report: watch::Receiver<Report>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a scrape could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (net, report) = (net.clone(), report.clone());
        tokio::spawn(async move {
            // A scraper that goes away is no event.
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &net, &report)).await;
            drop(permit);
        });
    }
}

/// Where it listens.
pub(crate) async fn bind(addr: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(addr).await
}

async fn answer(mut stream: TcpStream, net: &NetHandle, report: &watch::Receiver<Report>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while request.len() < REQUEST && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let report = report.borrow().clone();
    let (status, kind, body) = match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["GET", "/metrics", _] => ("200 OK", "text/plain; version=0.0.4", text(net, &report)),
        ["GET", "/health", _] if report.mailbox.trouble => ("503 Service Unavailable", "text/plain", "the disk fails\n".to_owned()),
        ["GET", "/health", _] if report.mailbox.crowded => ("503 Service Unavailable", "text/plain", "the disk is full\n".to_owned()),
        ["GET", "/health", _] if report.turn_broken => ("503 Service Unavailable", "text/plain", "calls are not relayed\n".to_owned()),
        ["GET", "/health", _] => ("200 OK", "text/plain", "ok\n".to_owned()),
        ["GET", ..] => ("404 Not Found", "text/plain", "there is /metrics and /health\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "GET only\n".to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// Everything that is counted.
fn text(net: &NetHandle, report: &Report) -> String {
    let (links, server, mailbox) = (net.stats(), net.server_stats(), &report.mailbox);
    let mut page = Page(String::new());
    page.gauge("links", "Peers connected now.", links.links);
    page.gauge("connections", "Connections open now.", links.connections);
    page.count("frame_bytes_in_total", "Bytes of frames read.", links.bytes_in);
    page.count("frame_bytes_out_total", "Bytes of frames written.", links.bytes_out);
    page.count("refused_total", "Connections and streams refused by a limit.", links.refused);
    page.gauge("relay_places", "Peers for whom a place is held.", server.places);
    page.count("relay_places_refused_total", "Places refused by a limit.", server.places_refused);
    page.gauge("relay_circuits", "Circuits open now.", server.circuits);
    page.count("relay_circuits_total", "Circuits opened.", server.circuits_opened);
    page.count("relay_circuits_refused_total", "Circuits refused.", server.circuits_refused);
    page.count("directory_asked_total", "Records asked for.", server.records_asked);
    page.count("directory_kept_total", "Records kept.", server.records_kept);
    page.count("directory_refused_total", "Records refused.", server.records_refused);
    page.count("directory_unsaved_total", "Records not kept across a restart.", report.records_unsaved);
    page.count("probes_total", "Addresses dialled at their owners' request.", server.probes);
    page.gauge("mailbox_queues", "Queues kept.", mailbox.queues);
    page.gauge("mailbox_bytes", "Bytes of frames kept.", mailbox.bytes);
    page.count("mailbox_put_total", "Frames made durable.", mailbox.put);
    page.count("mailbox_sent_total", "Frames handed out.", mailbox.sent);
    page.count("mailbox_taken_total", "Frames taken by their readers.", mailbox.taken);
    page.count("mailbox_expired_total", "Frames dropped for their age.", mailbox.expired);
    page.count("mailbox_lost_total", "Frames that the disk could not give back.", mailbox.lost);
    page.count("mailbox_closed_total", "Connections ended for breaking the protocol.", mailbox.closed);
    page.gauge("mailbox_trouble", "1 while the disk fails.", u64::from(mailbox.trouble));
    page.gauge("mailbox_crowded", "1 while the disk has no room to spare.", u64::from(mailbox.crowded));
    page.head("mailbox_no_total", "Requests refused.", "counter");
    for (why, times) in &mailbox.refused {
        page.line(&format!("mailbox_no_total{{why=\"{}\"}}", why.word()), *times);
    }
    let (turn, names) = (&report.turn, &report.names);
    page.count("turn_names_total", "Names given out for the relay for calls.", names.granted);
    page.count("turn_names_refused_total", "Names refused by a rate.", names.refused);
    page.gauge("turn_places", "Places of the relay for calls that people have now.", turn.places);
    page.count("turn_places_total", "Places given.", turn.given);
    page.count("turn_bytes_total", "Bytes relayed for calls, both ways.", turn.bytes);
    page.count("turn_dropped_total", "Data for calls dropped for its rate or its destination.", turn.dropped);
    page.count("turn_flooded_total", "Requests dropped for their number.", turn.flooded);
    page.gauge("turn_broken", "1 once a socket of the relay for calls failed.", u64::from(report.turn_broken));
    page.head("turn_no_total", "Requests refused, by code (RFC 8656). Everybody's first one is a 401.", "counter");
    for (code, times) in &turn.refused {
        page.line(&format!("turn_no_total{{code=\"{code}\"}}"), *times);
    }
    page.gauge("disk_bytes", "Bytes of the database on disk.", report.disk);
    if let Some(bytes) = resident() {
        page.gauge("memory_bytes", "Memory in use.", bytes);
    }
    page.0
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP veche_{name} {help}\n# TYPE veche_{name} {kind}");
    }

    fn line(&mut self, name: &str, value: u64) {
        let _ = writeln!(self.0, "veche_{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.line(name, value);
    }

    fn count(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.line(name, value);
    }
}

/// Resident memory, where the system says it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
