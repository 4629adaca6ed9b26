//! One conversation: requests in, answers and events out.

use super::context::{Context, Shared};
use super::envelope::{self, Failure, Incoming, Refusal, Request};
use super::lines::{Line, Lines};
use super::methods;
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use veche_protocol::core::event::Event;

/// Requests of one conversation that are worked on at a time. Beyond it nothing more is read, and the other side waits.
const AT_ONCE: usize = 64;
/// Lines that wait to be written. Behind them answers wait, and events are counted instead of kept.
const OUTGOING: usize = 256;
/// How long requests that were read may take once the conversation is ending.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Which events a conversation is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Nothing: it has not asked.
    Nothing,
    /// Everything.
    Everything,
    /// Events of these kinds.
    Kinds(BTreeSet<String>),
}

impl Interest {
    fn covers(&self, kind: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Kinds(kinds) => kinds.contains(kind),
        }
    }
}

/// A request that is being worked on; its answer, if it wants one.
type Working = Pin<Box<dyn Future<Output = Option<Value>> + Send>>;

pub(super) async fn converse(shared: Arc<Shared>, reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin + Send + 'static) {
    let (lines_out, outgoing) = mpsc::channel(OUTGOING);
    let (interest, interested) = watch::channel(Interest::Nothing);
    let events = shared.node.events();
    let writing = tokio::spawn(write(outgoing, writer));
    let telling = tokio::spawn(tell(events, interested, lines_out.clone()));
    let context = Arc::new(Context::new(Arc::clone(&shared), interest));
    let mut working = FuturesUnordered::new();
    read(&shared, &context, reader, &lines_out, &mut working).await;
    let last = async {
        while let Some(answer) = working.next().await {
            send(&lines_out, answer).await;
        }
    };
    if timeout(LAST_ANSWERS, last).await.is_err() {
        tracing::warn!("a conversation ended before all of its requests were done");
    }
    telling.abort();
    // The teller holds a sender too; the writer ends when both are gone.
    let _ = telling.await;
    drop((working, lines_out));
    if timeout(LAST_ANSWERS, writing).await.is_err() {
        tracing::warn!("the other side of a conversation did not take its last answers");
    }
}

/// Reads and starts requests until there are no more to come.
async fn read(
    shared: &Shared,
    context: &Arc<Context>,
    reader: impl AsyncRead + Unpin,
    lines_out: &mpsc::Sender<String>,
    working: &mut FuturesUnordered<Working>,
) {
    let mut lines = Lines::new(reader);
    let stopped = shared.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => return,
            () = lines_out.closed() => return,
            Some(answer) = working.next() => send(lines_out, answer).await,
            line = lines.next(), if working.len() < AT_ONCE => match line {
                Ok(Some(line)) => {
                    let mut work = start(context, line);
                    // Polled once before the next line is read: this is what makes requests take effect in their order.
                    match futures::poll!(&mut work) {
                        Poll::Ready(answer) => send(lines_out, answer).await,
                        Poll::Pending => working.push(work),
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a conversation cannot be read any more");
                    return;
                }
            },
        }
    }
}

async fn send(lines_out: &mpsc::Sender<String>, answer: Option<Value>) {
    if let Some(answer) = answer {
        // If the writer is gone so is the reader of the answers; `read` sees that by itself.
        let _ = lines_out.send(envelope::line(&answer)).await;
    }
}

fn start(context: &Arc<Context>, line: Line) -> Working {
    let incoming = match line {
        Line::Whole(bytes) => envelope::read(&bytes),
        Line::TooLong => Err(Failure::too_long()),
    };
    let context = Arc::clone(context);
    match incoming {
        Err(failure) => Box::pin(async { Some(envelope::answer(Value::Null, Err(failure))) }),
        Ok(Incoming::Single(request)) => Box::pin(async move { work(&context, request).await }),
        Ok(Incoming::Batch(requests)) => Box::pin(async move {
            let answers = join_all(requests.into_iter().map(|request| work(&context, request))).await;
            let answers: Vec<Value> = answers.into_iter().flatten().collect();
            (!answers.is_empty()).then_some(Value::Array(answers))
        }),
    }
}

async fn work(context: &Context, request: Result<Request, Refusal>) -> Option<Value> {
    match request {
        Err(Refusal { id, failure }) => Some(envelope::answer(id, Err(failure))),
        Ok(Request { id, method, params }) => {
            let result = methods::dispatch(context, &method, params).await;
            if let Err(failure) = &result {
                tracing::debug!(kind = failure.kind, "a request was refused");
            }
            id.map(|id| envelope::answer(id, result))
        }
    }
}

/// Writes lines, as many at a time as there are.
async fn write(mut outgoing: mpsc::Receiver<String>, mut writer: impl AsyncWrite + Unpin) {
    let mut waiting = Vec::new();
    while outgoing.recv_many(&mut waiting, OUTGOING).await > 0 {
        let bytes = waiting.concat();
        waiting.clear();
        let written = async {
            writer.write_all(bytes.as_bytes()).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(kind = ?error.kind(), "the other side of a conversation takes no more lines");
            return;
        }
    }
}

/// Tells events as long as there are any.
async fn tell(mut events: broadcast::Receiver<Event>, interest: watch::Receiver<Interest>, lines_out: mpsc::Sender<String>) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => Event::Overflow { missed },
            Err(RecvError::Closed) => return,
        };
        if *interest.borrow() == Interest::Nothing {
            continue;
        }
        let Ok(params) = envelope::to_value(&event) else { continue };
        // Whoever wants to hear of anything has to hear that something is missing.
        let wanted = matches!(event, Event::Overflow { .. }) || params["kind"].as_str().is_some_and(|kind| interest.borrow().covers(kind));
        if wanted && lines_out.send(envelope::line(&envelope::event(params))).await.is_err() {
            return;
        }
    }
}
