//! The core: one state machine, two closed enums in and out. The contract is at the top of the crate.

pub mod command;
pub mod effect;
pub mod event;
pub mod input;
pub mod job;

mod addresses;
mod answers;
mod calls;
mod changes;
mod chat;
mod clock;
mod commands;
mod content;
mod devices;
mod diagnose;
mod dice;
mod directory;
mod dm;
mod doubt;
mod ends;
mod gate;
mod hello;
mod inbox;
mod lan;
mod links;
mod logins;
mod mailbox;
mod me;
mod operators;
mod own;
mod people;
mod publish;
mod reading;
mod requests;
mod rows;
mod sessions;
mod snapshot;
mod sync;
mod tags;
#[cfg(test)]
mod testing;
mod timers;
mod trouble;
mod turn;

use self::turn::Turn;
use crate::crypto::ratchet::RatchetKind;
use crate::identity::login::TagCost;
use crate::ids::{AccountId, CmdId, CommitId, DeviceId, JobId, LinkId, PeerKey, ReadId, SpaceId};
use crate::limits;
use crate::link::{Addr, Nat, Proto};
use crate::store::Table;
use crate::time::{Mono, Now};
use crate::view::Settings;
use chat::Chat;
use dice::Dice;
use effect::Effect;
use event::Event;
use gate::Gate;
use input::{Boot, Input};
use job::JobResult;
use links::Link;
use me::Me;
use people::Person;
use sessions::Session;
use std::collections::{BTreeMap, BTreeSet};
use timers::{Timer, Timers};

/// What is chosen when the core is made.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Which ratchet seals between devices.
    pub ratchet: RatchetKind,
    /// Price of the hash behind login tags; the same for everybody who wants to see the same tags.
    pub tag_cost: TagCost,
    /// Proof-of-work bits asked of strangers who request contact.
    pub pow_bits: u32,
    /// Nothing outside the local network is ever contacted.
    pub lan_only: bool,
    /// Proof-of-work bits of a claim in the directory; the same for everybody who uses one.
    pub claim_bits: u32,
}

impl Default for Config {
    fn default() -> Self {
        // 22 bits are about a second of one core (4.3 million BLAKE3 hashes a second).
        Self { ratchet: RatchetKind::Olm, tag_cost: TagCost::REAL, pow_bits: 22, lan_only: false, claim_bits: limits::CLAIM_WORK }
    }
}

/// The decisions of one node.
pub struct Core {
    cfg: Config,
    now: Now,
    dice: Dice,
    gate: Gate,
    timers: Timers,
    booted: bool,
    me: Option<Me>,
    settings: Settings,
    people: BTreeMap<AccountId, Person>,
    sessions: BTreeMap<DeviceId, Session>,
    chats: BTreeMap<SpaceId, Chat>,
    links: BTreeMap<LinkId, Link>,
    syncs: BTreeMap<LinkId, sync::SyncLink>,
    /// Entries to push to connected devices at the end of this turn.
    live: BTreeMap<(DeviceId, SpaceId), Vec<crate::wire::entry::Entry>>,
    nearby: BTreeMap<AccountId, lan::Neighbour>,
    /// Nodes announced on the local network.
    neighbours: BTreeMap<PeerKey, Vec<Addr>>,
    /// Dials of each person since they were last connected.
    dials: BTreeMap<AccountId, u32>,
    /// When a connection to each person was last doubted.
    doubted: BTreeMap<AccountId, Mono>,
    listening: Vec<Addr>,
    /// Addresses that others outside see this node at.
    outside: Vec<Addr>,
    nat: Nat,
    operators: operators::Operators,
    directory: directory::Directory,
    mail: mailbox::Mailboxes,
    calls: calls::Calls,
    turn: Turn,
    /// Transport keys of contacts, as the network was last told.
    friends: BTreeSet<PeerKey>,
    logins: logins::Logins,
    declined: requests::Declined,
    jobs: BTreeMap<JobId, JobFor>,
    next_job: u64,
    reads: BTreeMap<ReadId, ReadFor>,
    next_read: u64,
    refusals: BTreeMap<&'static str, u64>,
    /// How far this machine's clock is off by the word of most people, ms.
    clock_off: Option<i64>,
    /// How far its wall clock was ahead of its monotonic one when that was last looked at, ms.
    clock_base: i64,
    /// Another node uses this device's key.
    clone_seen: bool,
    /// The store refuses writes: nothing is taken in.
    halted: bool,
    touched: Touched,
    dirty: bool,
}

/// Rows to write at the end of this turn.
#[derive(Debug, Default)]
struct Touched {
    me: bool,
    device: bool,
    settings: bool,
    people: BTreeSet<AccountId>,
    sessions: BTreeSet<DeviceId>,
    chats: BTreeSet<SpaceId>,
    acks: BTreeSet<(SpaceId, DeviceId)>,
}

/// Who waits for a computation.
#[derive(Clone, Debug)]
enum JobFor {
    Tag(AccountId, String),
    Request(LinkId),
    Safety(CmdId, AccountId, Option<String>),
    Claim(Box<(crate::directory::claim::Draft, crate::wire::identity::Signed)>),
    Queue(LinkId, Box<mailbox::Making>),
}

/// Who waits for a read.
#[derive(Debug)]
enum ReadFor {
    Chat(content::ChatRead),
    Sync(sync::SyncRead),
    Mail(DeviceId, mailbox::MailRead),
}

impl ReadFor {
    /// The command that is answered once the read is.
    fn command(&self) -> Option<CmdId> {
        match self {
            Self::Chat(content::ChatRead::Target(cmd, ..)) => Some(*cmd),
            Self::Chat(content::ChatRead::Unread(_, walk)) => walk.command(),
            Self::Chat(_) | Self::Mail(..) | Self::Sync(_) => None,
        }
    }
}

impl Core {
    /// A core with nothing in it. `seed` is 32 bytes from the operating system's generator; the first input must be
    /// [`Input::Boot`].
    #[must_use]
    pub fn new(cfg: Config, seed: [u8; 32]) -> Self {
        Self {
            cfg,
            now: Now::default(),
            dice: Dice::new(seed),
            gate: Gate::default(),
            timers: Timers::default(),
            booted: false,
            me: None,
            settings: Settings::default(),
            people: BTreeMap::new(),
            sessions: BTreeMap::new(),
            chats: BTreeMap::new(),
            links: BTreeMap::new(),
            syncs: BTreeMap::new(),
            live: BTreeMap::new(),
            nearby: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            dials: BTreeMap::new(),
            doubted: BTreeMap::new(),
            listening: Vec::new(),
            outside: Vec::new(),
            nat: Nat::default(),
            operators: operators::Operators::default(),
            directory: directory::Directory::default(),
            mail: mailbox::Mailboxes::default(),
            calls: calls::Calls::default(),
            turn: Turn::default(),
            friends: BTreeSet::new(),
            logins: logins::Logins::default(),
            declined: requests::Declined::default(),
            jobs: BTreeMap::new(),
            next_job: 0,
            reads: BTreeMap::new(),
            next_read: 0,
            refusals: BTreeMap::new(),
            clock_off: None,
            clock_base: 0,
            clone_seen: false,
            halted: false,
            touched: Touched::default(),
            dirty: true,
        }
    }

    /// Takes in one thing that happened. Effects are polled afterwards, and the next timeout read again.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        self.notice_clock();
        match input {
            Input::Boot(boot) => self.boot(&boot),
            Input::Tick => {}
            Input::Command(cmd, command) => self.on_command(cmd, command),
            Input::Committed(id) => self.on_committed(id),
            Input::CommitFailed(id, why) => self.on_commit_failed(id, why),
            Input::Found(id, found) => match self.reads.remove(&id) {
                Some(ReadFor::Chat(what)) => self.on_chat_read(what, found),
                Some(ReadFor::Sync(what)) => self.on_sync_read(what, found),
                Some(ReadFor::Mail(device, what)) => self.on_mail_read(device, what, found),
                None => {}
            },
            Input::JobDone(id, result) => self.on_job_done(id, result),
            Input::LinkUp(id, info) => self.on_link_up(id, info),
            Input::LinkMoved(id, info) => self.on_link_moved(id, info),
            Input::LinkDown(id) => self.on_link_down(id),
            Input::Frame(id, proto, frame) => self.on_frame(id, proto, &frame),
            Input::Sent(id, receipt) => self.on_sync_sent(id, receipt),
            Input::DialFailed { peer } => self.on_dial_failed(peer),
            Input::Nearby { peer, addrs } => self.on_nearby(peer, addrs),
            Input::NearbyGone(peer) => self.on_nearby_gone(peer),
            Input::Listening(addrs) => self.on_listening(addrs),
            Input::Outside { addrs, nat } => self.on_outside(addrs, nat),
            Input::DirectoryFound(id, value) => self.on_directory_found(id, &value),
            Input::DirectoryDone(id, end) => self.on_directory_done(id, end),
            Input::NetworkChanged => {
                self.dial_operators_anew();
                self.dial_doubted_operators();
                self.dial_everybody();
            }
            Input::Media(event) => self.on_media(event),
            Input::Stop => {
                self.stop_calls();
                self.tell_everybody(&crate::wire::link::LinkMsg::Bye(crate::wire::link::Bye {}));
            }
        }
        while let Some(timer) = self.timers.pop(now.mono) {
            self.on_timer(timer);
        }
        if self.dirty {
            // Somebody came or went, or became a contact or ceased to be one.
            self.check_clock();
        }
        self.flush_calls();
        self.flush_live();
        self.flush_rows();
        self.watch_store();
        self.gate.seal();
    }

    /// The next thing to do, in order; `None` when everything is said.
    pub fn poll(&mut self) -> Option<Effect> {
        self.gate.poll()
    }

    /// When [`Input::Tick`] is due, read again after every [`Core::handle`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// Commits that are not durable yet and reads that are not answered: the shell slows its intake down when there are many.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.gate.backlog().saturating_add(self.reads.len())
    }

    /// Counted refusals of bad input, by reason.
    #[must_use]
    pub fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    fn boot(&mut self, boot: &Boot) {
        if std::mem::replace(&mut self.booted, true) {
            return;
        }
        let of = |table: Table| boot.rows.iter().filter(move |(t, _)| *t == table).map(|(_, bytes)| bytes.as_slice());
        let mut unreadable = 0_u64;
        let mut check = |read: Option<()>| unreadable = unreadable.saturating_add(u64::from(read.is_none()));
        for bytes in of(Table::Setting) {
            check(rows::decode::<rows::SettingsRow>(bytes).map(|row| {
                self.operators.load(row.operators.iter().filter_map(crate::link::Hint::from_msg));
                self.settings = row.into();
            }));
        }
        let me_row = of(Table::Account).find_map(rows::decode);
        let device_row = of(Table::Prekey).find_map(rows::decode::<rows::DeviceRow>);
        let (Some(entropy), Some(row)) = (boot.entropy, me_row) else { return };
        let me = match device_row {
            Some(device) => {
                self.declined = requests::Declined::from_rows(&device.declined);
                self.clone_seen = device.cloned;
                self.load_me(entropy, row, device)
            }
            None => self.reborn(entropy, row),
        };
        let Some(me) = me else {
            return self.refuse("account_unreadable");
        };
        let (own, device_id) = (me.account, me.device_id());
        self.me = Some(me);
        for bytes in of(Table::Person) {
            check(rows::decode(bytes).and_then(Person::from_row).map(|p| {
                self.people.insert(p.account, p);
            }));
        }
        for bytes in of(Table::Session) {
            check(rows::decode(bytes).and_then(|row| self.load_session(row)));
        }
        for bytes in of(Table::Chat) {
            check(rows::decode(bytes).and_then(|row| self.load_chat(own, device_id, row)));
        }
        self.open_lost_chats();
        for bytes in of(Table::Ack) {
            check(rows::decode(bytes).and_then(|row: rows::AckRow| self.load_ack(&row)));
        }
        for bytes in of(Table::Mailbox) {
            check(rows::decode(bytes).and_then(|row: mailbox::MailboxRow| self.load_mailbox(&row)));
        }
        for bytes in of(Table::Outbox) {
            check(rows::decode(bytes).and_then(|row: rows::CallRow| self.load_call(&row)));
        }
        if unreadable > 0 {
            self.refusals.insert("row_unreadable", unreadable);
        }
        self.load_logs(&boot.rows);
        self.mend_own_logs();
        if self.me.is_some() {
            self.begin();
            self.settle_calls();
            // Also without a port of our own others can be reached.
            self.dial_everybody();
            self.next_tag();
        }
    }

    fn on_frame(&mut self, id: LinkId, proto: Proto, frame: &[u8]) {
        if proto == Proto::Turn && self.operators.peer_of(id).is_some() {
            return self.on_turn(id, frame);
        }
        if self.mail.is_line(id) {
            return self.on_mailbox(id, proto, frame);
        }
        if self.halted || self.links.get(&id).is_none_or(|l| l.closing) {
            return;
        }
        if matches!(proto, Proto::Dm | Proto::Sync) && self.keep_early(id, proto, frame) {
            return;
        }
        match proto {
            Proto::Hello => self.on_hello(id, frame),
            Proto::Dm => self.on_dm(id, frame),
            Proto::Sync => self.on_sync(id, frame),
            Proto::Inbox => self.on_inbox(id, frame),
            Proto::LanHello => self.on_lan_hello(id, frame),
            Proto::Mailbox | Proto::Turn => self.bad_frame(id, "mailbox_unasked"),
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Hello(id) => self.on_hello_timeout(id),
            Timer::RetryStore => self.gate.retry(),
            Timer::Dial(account) => self.dial(account),
            Timer::DialNearby(peer) => self.dial_neighbour(peer),
            Timer::Tag => self.next_tag(),
            Timer::Request(account) => self.retry_request(account),
            Timer::TypingEnds(chat) => self.typing_ended(chat),
            Timer::Sync(id) => self.start_sync(id),
            Timer::Held(chat) => self.release_held(chat),
            Timer::Prekeys => self.rotate_prekeys(),
            Timer::Operators => self.dial_operators(),
            Timer::Publish => self.publish(),
            Timer::Farewell => self.farewell_over(),
            Timer::Expire => self.on_expire(),
            Timer::Mail(device) => self.feed(device),
            Timer::MailLine(id) => self.on_mail_line(id),
            Timer::MailQueues => self.tend_queues(),
            Timer::Calls => self.on_calls_due(),
            Timer::CallLogs => self.settle_calls(),
            Timer::Turn(peer) => self.on_turn_timer(peer),
            Timer::Doubt(id) => self.doubt(id),
        }
    }

    fn on_listening(&mut self, addrs: Vec<Addr>) {
        if self.listening != addrs {
            let first = self.listening.is_empty();
            self.listening = addrs;
            self.addresses_changed();
            if first {
                self.dial_everybody();
            }
        }
    }

    fn on_outside(&mut self, addrs: Vec<Addr>, nat: Nat) {
        if (&self.outside, self.nat) != (&addrs, nat) {
            self.outside = addrs;
            self.nat = nat;
            self.addresses_changed();
        }
    }

    fn on_committed(&mut self, id: CommitId) {
        if !self.gate.committed(id) {
            self.refuse("commit_out_of_order");
        }
    }

    fn on_commit_failed(&mut self, id: CommitId, why: String) {
        if !self.gate.failed(id, why) {
            self.refuse("commit_out_of_order");
        }
    }

    fn on_job_done(&mut self, id: JobId, result: JobResult) {
        match (self.jobs.remove(&id), result) {
            (Some(JobFor::Tag(account, login)), JobResult::Tag(tag)) => self.tag_computed(account, login, Some(tag)),
            (Some(JobFor::Tag(account, login)), _) => self.tag_computed(account, login, None),
            (Some(JobFor::Request(link)), JobResult::Pow(nonce)) => self.on_work_done(link, id, nonce),
            (Some(JobFor::Request(link)), _) => self.on_work_done(link, id, None),
            (Some(JobFor::Safety(cmd, account, said)), JobResult::Safety(number)) => self.on_safety(cmd, account, said, number),
            (Some(JobFor::Queue(link, making)), result) => self.queue_worked(link, *making, &result),
            (Some(JobFor::Claim(claim)), result) => self.claim_worked(*claim, &result),
            (Some(JobFor::Safety(cmd, ..)), _) => self.gate.reply(cmd, Err(command::CommandError::Busy)),
            _ => {}
        }
    }

    fn flush_rows(&mut self) {
        self.flush_me();
        self.flush_people();
        self.flush_sessions();
        self.flush_chats();
        self.flush_mailboxes();
        if std::mem::take(&mut self.touched.settings) {
            self.gate.write(rows::put(Table::Setting, b"settings", &rows::SettingsRow::new(&self.settings, &self.operators.hints())));
        }
    }

    fn network_changed(&mut self) {
        self.dirty = true;
        self.gate.notify(Event::NetworkChanged);
    }

    /// Counts input that was refused.
    fn refuse(&mut self, reason: &'static str) {
        let n = self.refusals.entry(reason).or_insert(0);
        *n = n.saturating_add(1);
        self.dirty = true;
    }
}
