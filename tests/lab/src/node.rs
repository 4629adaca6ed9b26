//! One `veche-node` process.

use crate::binary::veche_node;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long an answer is waited for. Making an account takes slow hashes; everything else takes milliseconds.
pub const ANSWER: Duration = Duration::from_secs(60);
/// How long the end of a process is waited for.
pub const END: Duration = Duration::from_secs(15);
/// Events kept until somebody asks for them.
const EVENTS: usize = 200_000;

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// For people.
    pub name: String,
    /// Profile directory. The log lies beside it, with `.log` behind its name.
    pub profile: PathBuf,
    /// More arguments.
    pub args: Vec<OsString>,
    /// The network namespace to run in.
    pub namespace: Option<String>,
}

impl Recipe {
    /// A node in a folder, without arguments.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Self {
        Self { name: name.to_owned(), profile: folder.join(name), args: Vec::new(), namespace: None }
    }

    /// With more arguments.
    #[must_use]
    pub fn with(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Listening on a port of the loopback device only, for QUIC and TCP, so that it is found there again after a restart.
    #[must_use]
    pub fn on_loopback(self, port: u16) -> Self {
        self.with(["--no-discovery".to_owned()])
            .with(["--listen".to_owned(), format!("/ip4/127.0.0.1/udp/{port}/quic-v1")])
            .with(["--listen".to_owned(), format!("/ip4/127.0.0.1/tcp/{port}")])
    }

    fn log(&self) -> PathBuf {
        self.profile.with_extension("log")
    }

    fn command(&self) -> Result<Command> {
        let program = veche_node()?;
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("--profile").arg(&self.profile).args(&self.args);
        // For looking at a failure.
        if let Some(filter) = std::env::var_os("VECHE_LOG") {
            command.arg("--log").arg(filter);
        }
        // The desktop's keyring is no business of a test.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").env_remove("XDG_RUNTIME_DIR");
        Ok(command)
    }

    /// Runs the program to its end without saying anything to it: status, and what it says on standard error.
    ///
    /// # Errors
    /// It does not start, or does not end.
    pub fn run_to_end(&self) -> Result<(ExitStatus, String)> {
        let mut child = self.command()?.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let status = wait(&mut child, END)?;
        let said = child.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
        Ok((status, said))
    }
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// `data.kind`; `gone` if the process is.
    pub kind: String,
    /// `data.field`.
    pub field: Option<String>,
    /// The sentence.
    pub message: String,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.kind)
    }
}

impl std::error::Error for CallError {}

/// What the reader thread has heard.
#[derive(Default)]
struct Heard {
    answers: BTreeMap<u64, Value>,
    events: VecDeque<Value>,
    /// Lines that are neither answer nor event.
    strays: Vec<String>,
    over: bool,
}

#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    news: Condvar,
}

impl Ear {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `take` finds something.
    fn wait<T>(&self, patience: Duration, mut take: impl FnMut(&mut Heard) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut heard = self.lock();
        loop {
            if let Some(found) = take(&mut heard) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            heard = self.news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn listen(&self, stdout: ChildStdout) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let mut heard = self.lock();
            match serde_json::from_str::<Value>(&line) {
                Ok(value) if value["method"] == "event" => {
                    if heard.events.len() >= EVENTS {
                        heard.events.pop_front();
                    }
                    heard.events.push_back(value["params"].clone());
                }
                Ok(value) if value["id"].is_u64() => {
                    heard.answers.insert(value["id"].as_u64().unwrap_or_default(), value);
                }
                _ => heard.strays.push(line),
            }
            drop(heard);
            self.news.notify_all();
        }
        self.lock().over = true;
        self.news.notify_all();
    }
}

/// A running node. It can be asked from several threads. Killed when dropped.
pub struct Node {
    recipe: Recipe,
    child: Child,
    stdin: Mutex<(u64, Option<ChildStdin>)>,
    ear: Arc<Ear>,
    listening: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node and subscribes to all its events.
    ///
    /// # Errors
    /// It does not start. The text has the end of its log.
    pub fn start(recipe: &Recipe) -> Result<Self> {
        let log = File::options().create(true).append(true).open(recipe.log())?;
        let mut command = recipe.command()?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().context("veche-node does not start")?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("no standard output")?;
        let ear = Arc::new(Ear::default());
        let listener = Arc::clone(&ear);
        let listening = Some(thread::spawn(move || listener.listen(stdout)));
        let node = Self { recipe: recipe.clone(), child, stdin: Mutex::new((0, stdin)), ear, listening };
        node.call("events.subscribe", json!({})).map_err(|why| anyhow!("{} did not start: {why}\n{}", recipe.name, node.log_end()))?;
        Ok(node)
    }

    /// How it was started.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Asks without waiting for the answer.
    ///
    /// # Errors
    /// The process is gone.
    pub fn ask(&self, method: &str, params: &Value) -> Result<u64, CallError> {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        stdin.0 += 1;
        let id = stdin.0;
        let line = format!("{}\n", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let written = stdin.1.as_mut().map(|stdin| stdin.write_all(line.as_bytes()));
        if matches!(written, Some(Ok(()))) { Ok(id) } else { Err(self.gone(method)) }
    }

    /// Waits for the answer to a question.
    ///
    /// # Errors
    /// The node refuses, or the process is gone.
    pub fn answer(&self, id: u64, method: &str) -> Result<Value, CallError> {
        let answer = self.ear.wait(ANSWER, |heard| match heard.answers.remove(&id) {
            Some(answer) => Some(Some(answer)),
            None if heard.over => Some(None),
            None => None,
        });
        let Some(Some(mut answer)) = answer else { return Err(self.gone(method)) };
        if let Some(error) = answer.get("error") {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            return Err(CallError {
                kind: text(&error["data"]["kind"]).unwrap_or_default(),
                field: text(&error["data"]["field"]),
                message: text(&error["message"]).unwrap_or_default(),
            });
        }
        Ok(answer["result"].take())
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The node refuses, or the process is gone.
    #[expect(clippy::needless_pass_by_value, reason = "called with json!({..}) everywhere")]
    pub fn call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        let id = self.ask(method, &params)?;
        self.answer(id, method)
    }

    fn gone(&self, method: &str) -> CallError {
        let message = format!("{} gave no answer to {method}. Its log ends: {}", self.recipe.name, self.log_end());
        CallError { kind: "gone".into(), field: None, message }
    }

    /// Takes the next event of a kind that fits, past or future. Others stay.
    ///
    /// # Errors
    /// There was none in time.
    pub fn wait_event(&self, kind: &str, patience: Duration, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        let found = self.ear.wait(patience, |heard| {
            let at = heard.events.iter().position(|event| event["kind"] == kind && fits(event));
            at.and_then(|at| heard.events.remove(at))
        });
        found.with_context(|| {
            let kinds: Vec<String> = self.ear.lock().events.iter().rev().take(20).map(|event| event["kind"].to_string()).collect();
            format!("{} told no fitting {kind} within {patience:?}; events that wait, newest first: {}", self.recipe.name, kinds.join(" "))
        })
    }

    /// Takes all events that have been told and not been taken.
    #[must_use]
    pub fn take_events(&self) -> Vec<Value> {
        self.ear.lock().events.drain(..).collect()
    }

    /// Lines of its standard output that were neither answer nor event.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.ear.lock().strays.clone()
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it said on standard error, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.recipe.log()).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends it with SIGKILL: nothing is finished, nothing is written any more.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn kill9(mut self) -> Result<Recipe> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.recipe.clone())
    }

    /// Sends a signal such as `TERM`, and waits for the end.
    ///
    /// # Errors
    /// It does not end.
    pub fn signal(mut self, signal: &str) -> Result<ExitStatus> {
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.pid())]).status()?;
        if !sent.success() {
            bail!("the signal {signal} was not sent");
        }
        self.ended()
    }

    /// Closes its standard input, and waits for the end.
    ///
    /// # Errors
    /// It does not end, or not with status 0.
    pub fn shutdown(mut self) -> Result<Recipe> {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
        let status = self.ended()?;
        if !status.success() {
            bail!("{} ended with {status}:\n{}", self.recipe.name, self.log_end());
        }
        Ok(self.recipe.clone())
    }

    /// Waits for an end that has another cause.
    ///
    /// # Errors
    /// It does not end.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let status = wait(&mut self.child, END).with_context(|| format!("{} does not end:\n{}", self.recipe.name, self.log_end()))?;
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
        Ok(status)
    }

    /// What it uses of the machine.
    ///
    /// # Errors
    /// The process is gone, or this is not Linux.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Gone already, or gone now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child, patience: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("still running after {patience:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a process uses of the machine, from `/proc`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Memory in use, bytes.
    pub rss: u64,
    /// Processor time since its start.
    pub cpu: Duration,
}

impl Usage {
    /// Of any process.
    ///
    /// # Errors
    /// The process is gone, or this is not Linux.
    pub fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let rss: u64 = rss.trim().trim_end_matches(" kB").parse()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before the last parenthesis may have spaces; user and system time are the 12th and 13th field after it.
        let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks: u64 = fields.get(11..13).context("a short stat")?.iter().map(|ticks| ticks.parse().unwrap_or(0_u64)).sum();
        // Linux counts in hundredths of a second on every architecture that we build for.
        Ok(Self { rss: rss * 1024, cpu: Duration::from_millis(ticks * 10) })
    }
}
