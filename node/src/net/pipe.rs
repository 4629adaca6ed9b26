//! The tasks that move frames: one outlet and one inlet per link and protocol. They talk to the network task, never to the swarm.

use super::api::{DownReason, NetEvent};
use super::bucket::Bucket;
use super::frame::{self, FrameError, HEAD_LEN, Head};
use super::server::ServerCounters;
use super::streams::{OPEN_TIMEOUT, OpenError};
use futures::channel::oneshot as open_oneshot;
use futures::io::{AsyncWriteExt, BufReader};
use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use veche_protocol::ids::LinkId;
use veche_protocol::link::Proto;

/// Frame bytes that may wait in one outlet. Several of the largest frames; more would only be memory, the core has its own outbox.
pub const OUTLET_BYTES: usize = 1024 * 1024;
const _: () = assert!(
    veche_protocol::limits::SYNC_WINDOW as usize * Proto::Sync.max_frame() < OUTLET_BYTES,
    "catching up over a slow connection would end it"
);

/// Frames that may wait in one outlet.
const OUTLET_FRAMES: usize = 8192;

/// Bytes gathered into one write, if frames are waiting: a few packets' worth, so that small frames share packets.
const BATCH_BYTES: usize = 64 * 1024;

/// Time for one batch to go out. A reader that takes nothing for this long is not reading.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// Time to end a stream in order while a link moves.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams of one protocol that may wait for their turn. A link has at most four connections ([`super::behaviour`]).
pub(super) const MAX_TURNS: usize = 4;

/// Time for the stream of an earlier turn to arrive after one of a later turn did. Then it is lost, and frames with it.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Read buffer of an inlet. Bytes.
const READ_BUFFER: usize = 16 * 1024;

/// Frame bytes that may wait for the core, over all links. A flood waits in the sender's queue, not here.
const EVENT_BYTES: usize = 16 * 1024 * 1024;

/// What a task of this file tells or asks the network task.
pub(super) enum Report {
    /// A stream is needed on whatever connection the link prefers now.
    Open { link: LinkId, proto: Proto, reply: oneshot::Sender<Opening> },
    /// An inbound stream said where it belongs.
    Head { conn: ConnectionId, proto: Proto, head: Head, stream: Stream },
    /// A stream ended in order.
    Done { link: LinkId, conn: ConnectionId },
    /// A stream broke with its connection.
    Broken { link: LinkId, conn: ConnectionId },
    /// The link must end.
    End { link: LinkId, why: DownReason },
}

/// A stream being opened.
pub(super) struct Opening {
    pub(super) conn: ConnectionId,
    pub(super) stream: open_oneshot::Receiver<Result<Stream, OpenError>>,
}

/// Counters that tasks add to.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) frames_out: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) frames_in: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) links: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) refused: Arc<AtomicU64>,
    pub(super) server: Arc<ServerCounters>,
}

/// An event on its way to the core, with its share of [`EVENT_BYTES`].
pub(super) struct Parcel {
    pub(super) event: NetEvent,
    pub(super) _share: Option<OwnedSemaphorePermit>,
}

/// The way to the core.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) parcels: mpsc::Sender<Parcel>,
    budget: Arc<Semaphore>,
}

/// The core takes no events any more.
struct Gone;

impl Sink {
    pub(super) fn new(parcels: mpsc::Sender<Parcel>) -> Self {
        Self { parcels, budget: Arc::new(Semaphore::new(EVENT_BYTES)) }
    }

    async fn frame(&self, link: LinkId, proto: Proto, frame: Vec<u8>) -> Result<(), Gone> {
        let share = u32::try_from(frame.len()).map_err(|_| Gone)?;
        let share = self.budget.clone().acquire_many_owned(share).await.map_err(|_| Gone)?;
        let parcel = Parcel { event: NetEvent::Frame { link, proto, frame }, _share: Some(share) };
        self.parcels.send(parcel).await.map_err(|_| Gone)
    }

    async fn event(&self, event: NetEvent) -> Result<(), Gone> {
        self.parcels.send(Parcel { event, _share: None }).await.map_err(|_| Gone)
    }
}

/// What every task here needs.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) sink: Sink,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) counters: Arc<Counters>,
}

struct Item {
    frame: Vec<u8>,
    receipt: Option<u64>,
}

/// The sending end of one protocol of a link, as the network task holds it.
pub(super) struct Outlet {
    items: mpsc::Sender<Item>,
    queued: Arc<AtomicUsize>,
    moved: Arc<Notify>,
}

/// The outlet cannot take more.
pub(super) struct OutletFull;

impl Outlet {
    /// The outlet and the task that drives it.
    pub(super) fn new(link: LinkId, proto: Proto, session: u64, tools: Tools) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (items, waiting) = mpsc::channel(OUTLET_FRAMES);
        let outlet = Self { items, queued: Arc::default(), moved: Arc::default() };
        let writer =
            Writer { link, proto, session, turn: 0, tools, queued: outlet.queued.clone(), moved: outlet.moved.clone(), stream: None };
        (outlet, writer.run(waiting))
    }

    /// Queues a frame.
    pub(super) fn push(&self, frame: Vec<u8>, receipt: Option<u64>) -> Result<(), OutletFull> {
        let len = frame.len();
        if self.queued.load(Ordering::Relaxed).saturating_add(len) > OUTLET_BYTES {
            return Err(OutletFull);
        }
        // Before the send: the writer subtracts as soon as it has the frame.
        self.queued.fetch_add(len, Ordering::Relaxed);
        self.items.try_send(Item { frame, receipt }).map_err(|_| OutletFull)
    }

    /// The link prefers another connection now.
    pub(super) fn move_on(&self) {
        self.moved.notify_one();
    }
}

struct Writer {
    link: LinkId,
    proto: Proto,
    session: u64,
    turn: u32,
    tools: Tools,
    queued: Arc<AtomicUsize>,
    moved: Arc<Notify>,
    stream: Option<(ConnectionId, Stream)>,
}

/// Why a writer stops.
enum Stop {
    Broken(ConnectionId),
    End(DownReason),
    Gone,
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Writer {
    async fn run(mut self, waiting: mpsc::Receiver<Item>) {
        let link = self.link;
        let report = match self.drive(waiting).await {
            Ok(()) | Err(Stop::Gone) => return,
            Err(Stop::Broken(conn)) => Report::Broken { link, conn },
            Err(Stop::End(why)) => Report::End { link, why },
        };
        // An error means that the network task is gone, and the link with it.
        let _ = self.tools.reports.send(report).await;
    }

    async fn drive(&mut self, mut waiting: mpsc::Receiver<Item>) -> Result<(), Stop> {
        let mut batch = Vec::new();
        let mut receipts = Vec::new();
        loop {
            let item = tokio::select! {
                biased;
                () = self.moved.notified() => {
                    if self.finish_stream().await? {
                        // At once: where this side's streams go shows the other one which connection is meant.
                        self.stream = Some(self.open().await?);
                    }
                    continue;
                }
                item = waiting.recv() => item,
            };
            // Nothing will be queued any more: the stream ends in order, so that all of it arrives.
            let Some(mut item) = item else { return self.finish_stream().await.map(drop) };
            batch.clear();
            let (mut frames, mut bytes) = (0u64, 0usize);
            loop {
                frame::put(&mut batch, &item.frame);
                frames = frames.saturating_add(1);
                bytes = bytes.saturating_add(item.frame.len());
                receipts.extend(item.receipt);
                if batch.len() >= BATCH_BYTES {
                    break;
                }
                match waiting.try_recv() {
                    Ok(next) => item = next,
                    Err(_) => break,
                }
            }
            self.write(&batch).await?;
            self.queued.fetch_sub(bytes, Ordering::Relaxed);
            self.tools.counters.frames_out.fetch_add(frames, Ordering::Relaxed);
            self.tools.counters.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
            for receipt in receipts.drain(..) {
                self.tools.sink.event(NetEvent::Sent { link: self.link, receipt }).await?;
            }
            // One large batch must not hold its memory for the rest of the link's life.
            batch.shrink_to(BATCH_BYTES);
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.stream.is_none() {
            self.stream = Some(self.open().await?);
        }
        let Some((conn, stream)) = &mut self.stream else { return Err(Stop::End(DownReason::NoStream)) };
        let conn = *conn;
        let send = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match tokio::time::timeout(WRITE_STALL, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Broken(conn)),
            Err(_) => Err(Stop::End(DownReason::Slow)),
        }
    }

    /// Opens a stream on the preferred connection. A connection that is reset meanwhile may just have lost to a better one: once more.
    async fn open(&mut self) -> Result<(ConnectionId, Stream), Stop> {
        let (conn, mut stream) = match self.open_once().await {
            Ok(opened) => opened,
            Err(Some(OpenError::Io(error))) if error.kind() != io::ErrorKind::TimedOut => {
                self.open_once().await.map_err(|_| Stop::End(DownReason::NoStream))?
            }
            Err(_) => return Err(Stop::End(DownReason::NoStream)),
        };
        let head: [u8; HEAD_LEN] = Head { session: self.session, turn: self.turn }.to_bytes();
        self.turn = self.turn.checked_add(1).ok_or(Stop::End(DownReason::Garbage))?;
        let send = async {
            stream.write_all(&head).await?;
            stream.flush().await
        };
        send.await.map_err(|_: io::Error| Stop::Broken(conn))?;
        Ok((conn, stream))
    }

    async fn open_once(&mut self) -> Result<(ConnectionId, Stream), Option<OpenError>> {
        let (reply, opening) = oneshot::channel();
        self.tools.reports.send(Report::Open { link: self.link, proto: self.proto, reply }).await.map_err(|_| None)?;
        let Opening { conn, stream } = opening.await.map_err(|_| None)?;
        // The connection has its own timeout for this; the second one guards against a connection task that does not run.
        let reset = || Some(OpenError::Io(io::ErrorKind::ConnectionReset.into()));
        match tokio::time::timeout(OPEN_TIMEOUT + CLOSE_TIMEOUT, stream).await {
            Ok(Ok(Ok(stream))) => Ok((conn, stream)),
            Ok(Ok(Err(error))) => Err(Some(error)),
            Ok(Err(_)) => Err(reset()),
            Err(_) => Err(Some(OpenError::Io(io::ErrorKind::TimedOut.into()))),
        }
    }

    /// Ends the stream in use in order; `false` if there was none.
    async fn finish_stream(&mut self) -> Result<bool, Stop> {
        let Some((conn, mut stream)) = self.stream.take() else { return Ok(false) };
        match tokio::time::timeout(CLOSE_TIMEOUT, stream.close()).await {
            Ok(Ok(())) => self.tools.reports.send(Report::Done { link: self.link, conn }).await.map(|()| true).map_err(|_| Stop::Gone),
            Ok(Err(_)) | Err(_) => Err(Stop::Broken(conn)),
        }
    }
}

/// A stream that belongs to a link.
pub(super) struct Turn {
    pub(super) conn: ConnectionId,
    pub(super) turn: u32,
    pub(super) stream: Stream,
}

/// The receiving end of one protocol of a link, as the network task holds it.
pub(super) struct Inlet(mpsc::Sender<Turn>);

impl Inlet {
    /// The inlet and the task that drives it.
    pub(super) fn new(link: LinkId, proto: Proto, tools: Tools) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (turns, waiting) = mpsc::channel(MAX_TURNS);
        (Self(turns), Reader { link, proto, tools, bucket: Bucket::new(proto, Instant::now()) }.run(waiting))
    }

    /// Adds a stream; `false` if there are too many.
    pub(super) fn push(&self, turn: Turn) -> bool {
        self.0.try_send(turn).is_ok()
    }
}

struct Reader {
    link: LinkId,
    proto: Proto,
    tools: Tools,
    bucket: Bucket,
}

impl Reader {
    async fn run(mut self, mut waiting: mpsc::Receiver<Turn>) {
        let link = self.link;
        let mut next = 0u32;
        let mut early: BTreeMap<u32, Turn> = BTreeMap::new();
        loop {
            let turn = if early.is_empty() { Ok(waiting.recv().await) } else { tokio::time::timeout(TURN_TIMEOUT, waiting.recv()).await };
            let fits = match turn {
                Ok(None) => return,
                // Streams over different connections may arrive in any order, but never twice and never from the past.
                Ok(Some(turn)) => turn.turn >= next && early.len() < MAX_TURNS && early.insert(turn.turn, turn).is_none(),
                Err(_) => false,
            };
            if !fits {
                let _ = self.tools.reports.send(Report::End { link, why: DownReason::Garbage }).await;
                return;
            }
            while let Some(Turn { conn, stream, .. }) = early.remove(&next) {
                next = next.saturating_add(1);
                let report = match self.drain(conn, stream).await {
                    Ok(()) => Report::Done { link, conn },
                    Err(Stop::Gone) => return,
                    Err(Stop::Broken(conn)) => Report::Broken { link, conn },
                    Err(Stop::End(why)) => Report::End { link, why },
                };
                let ended = !matches!(report, Report::Done { .. });
                if self.tools.reports.send(report).await.is_err() || ended {
                    return;
                }
            }
        }
    }

    /// Reads a stream to its end.
    async fn drain(&mut self, conn: ConnectionId, stream: Stream) -> Result<(), Stop> {
        let mut stream = BufReader::with_capacity(READ_BUFFER, stream);
        loop {
            let frame = match frame::read(&mut stream, self.proto.max_frame()).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(FrameError::Oversized) => return Err(Stop::End(DownReason::Oversized)),
                Err(FrameError::Garbage) => return Err(Stop::End(DownReason::Garbage)),
                Err(FrameError::Io) => return Err(Stop::Broken(conn)),
            };
            let len = frame.len();
            self.tools.counters.frames_in.fetch_add(1, Ordering::Relaxed);
            self.tools.counters.bytes_in.fetch_add(len as u64, Ordering::Relaxed);
            self.tools.sink.frame(self.link, self.proto, frame).await?;
            let wait = self.bucket.take(Instant::now(), len);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Time for the other side to say where its new stream belongs.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the head of an inbound stream and hands it to the network task.
pub(super) async fn read_head(conn: ConnectionId, proto: Proto, mut stream: Stream, reports: mpsc::Sender<Report>) {
    // A stream without a head is dropped: the other side sees a reset if it ever writes.
    if let Ok(Ok(head)) = tokio::time::timeout(HEAD_TIMEOUT, Head::read(&mut stream)).await {
        let _ = reports.send(Report::Head { conn, proto, head, stream }).await;
    }
}
