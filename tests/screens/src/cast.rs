//! The people of the screen tests, and what they have said to each other.

use std::net::SocketAddr;
use std::sync::Arc;
use veche_gui::bridge::{SoundDevice, SoundDevices};
use veche_protocol::call::media::{LegStats, MediaRoute};
use veche_protocol::ids::{AccountId, CallId, DeviceId, EntryId, PeerKey, SpaceId};
use veche_protocol::link::{Addr, Hint, Route, Transport};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{
    AccountView, CallDirection, CallOutcome, CallPhase, CallView, ChatView, DeviceProgress, Hlc, MessageBody, MessageState, MessageView,
    NearbyView, NetworkView, PersonView, Presence, Preview, Progress, ReadMarks, Relation, RequestView, Settings, Snapshot, SoundDirection,
    Status, Theme,
};

/// 2026-11-24 12:00 UTC, a Tuesday.
pub const NOW: UnixMs = UnixMs(1_795_521_600_000);
/// The device of this account.
pub const DEVICE: DeviceId = DeviceId([9; 32]);

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// An account whose face and hue differ from those of its neighbours.
#[must_use]
pub fn account(n: u8) -> AccountId {
    let mut id = [0; 32];
    for (i, byte) in id.iter_mut().enumerate() {
        // SplitMix64: neighbours have nothing in common.
        let mut z = (u64::from(n) << 8 | i as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        *byte = (z >> 40) as u8;
    }
    AccountId(id)
}

/// The conversation with somebody.
#[must_use]
pub const fn chat_id(n: u8) -> SpaceId {
    SpaceId([n; 32])
}

/// The own account.
#[must_use]
pub fn mira() -> Arc<AccountView> {
    Arc::new(AccountView {
        account_id: account(0),
        device_id: DEVICE,
        login: "mira".into(),
        tag: Some("k7m2xp".into()),
        name: "Mira Kovalenko".into(),
        info: "Radio, boats, compilers.".into(),
        status: Status::Online,
        status_text: "Soldering something".into(),
        words_saved: true,
        listed: true,
    })
}

/// Somebody.
#[must_use]
pub fn person(n: u8, name: &str, login: &str, presence: Presence) -> PersonView {
    PersonView {
        account_id: account(n),
        login: login.into(),
        tag: Some("2qf8wd".into()),
        name: name.into(),
        own_name: name.into(),
        info: String::new(),
        status_text: String::new(),
        presence,
        last_seen: Some(UnixMs(NOW.0 - 3 * HOUR)),
        route: (presence != Presence::Offline).then_some(Route::Lan),
        relation: Relation::Contact,
        verified: false,
        devices_changed: false,
        chat_id: Some(chat_id(n)),
    }
}

/// The head of a conversation.
#[must_use]
pub fn chat(n: u8, ago: u64, text: &str, state: Option<MessageState>, unread: u32) -> ChatView {
    let at = UnixMs(NOW.0 - ago);
    ChatView {
        chat_id: chat_id(n),
        account_id: account(n),
        last: Some(Preview { text: text.into(), call: None, mine: state.is_some(), at, state }),
        unread,
        read: read(n),
        draft: String::new(),
        muted: false,
        typing: false,
        missing: 0,
        progress: Progress::default(),
        standings: Arc::default(),
    }
}

/// What was read of somebody: all that they said more than twenty minutes ago, here.
fn read(n: u8) -> ReadMarks {
    let mut marks = ReadMarks::default();
    marks.raise(DeviceId([n; 32]), if n == 1 { 9 } else { 5 });
    marks
}

/// A message of a conversation, `ago` milliseconds before now.
#[must_use]
pub fn message(n: u8, seq: u64, mine: bool, ago: u64, text: &str) -> MessageView {
    let mut id = [n; 32];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    let at = UnixMs(NOW.0 - ago);
    MessageView {
        message_id: EntryId(id),
        chat_id: chat_id(n),
        author: account(if mine { 0 } else { n }),
        device: if mine { DEVICE } else { DeviceId([n; 32]) },
        seq,
        hlc: Hlc(Hlc::from_unix(at).0 + seq),
        at,
        mine,
        body: MessageBody::Text { text: text.into() },
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        late: false,
        forked: false,
        state: mine.then_some(MessageState::Queued),
    }
}

/// What Mira and Anton said lately.
#[must_use]
pub fn talk_with_anton() -> Vec<MessageView> {
    let said = [
        (false, DAY + 5 * HOUR, "Is the antenna still on the roof?"),
        (true, DAY + 5 * HOUR - 2 * MINUTE, "It is, and it survived the storm. The mast is a little bent, nothing a vice cannot fix."),
        (true, DAY + 5 * HOUR - 3 * MINUTE, "I will bring the long ladder on Saturday."),
        (false, DAY + 4 * HOUR, "Then I bring soup."),
        (
            false,
            64 * MINUTE,
            "Ran it on three machines behind the same NAT for an hour. No lost messages, p95 under 80 ms. Details are in https://harbour.example/notes/heartbeat and the trace is below.",
        ),
        (false, 63 * MINUTE, "> two timers that mattered\nThe second one can go, I think. **Nothing** depends on it any more."),
        (true, 58 * MINUTE, "It does! Here is the capture, run `veche replay capture.bin` to see it."),
        (true, 57 * MINUTE, "And the *slow* case is gone as well."),
        (false, 21 * MINUTE, "Посмотри, как теперь выглядит список"),
        (true, 12 * MINUTE, "Looks right to me. Joining in ten minutes"),
        (true, 11 * MINUTE, "Do you have the microphone with you?"),
    ];
    let mut out: Vec<_> = said.iter().enumerate().map(|(i, (mine, ago, text))| message(1, i as u64 + 1, *mine, *ago, text)).collect();
    out[6].reply_to = Some(out[5].message_id);
    out[7].edited = true;
    out
}

/// A busy account: contacts in all states, requests, people nearby.
#[must_use]
pub fn busy(theme: Theme) -> Snapshot {
    use Presence::{Dnd, Idle, Offline, Online};
    let mut anton = person(1, "Антон Белов", "anton", Online);
    anton.info = "Builds small boats and smaller compilers. Kyiv to Lisbon.".into();
    anton.status_text = "Back at the workshop".into();
    anton.verified = true;
    let mut people = vec![
        anton,
        person(2, "Yuki Tanaka", "yuki", Idle),
        person(3, "Omar Haddad", "omar", Dnd),
        person(4, "Lena Fischer", "lena", Offline),
        person(5, "Theo Marchetti", "theo", Online),
        person(6, "Саша Орлова", "sasha", Offline),
        person(7, "Priya Raman", "priya", Idle),
    ];
    people.push(PersonView { relation: Relation::Contact, chat_id: None, ..person(8, "Ines Duarte", "ines", Offline) });
    let mut chats = vec![
        chat(1, 11 * MINUTE, "Do you have the microphone with you?", Some(MessageState::Delivered), 0),
        chat(3, 34 * MINUTE, "The invite key rotates now.", None, 1),
        chat(5, 2 * HOUR, "the NAT one is fixed", None, 0),
        chat(2, 5 * HOUR, "Photos from the train are up", None, 3),
        chat(7, 26 * HOUR, "See you on Thursday", Some(MessageState::Read), 0),
        chat(4, 3 * DAY, "Danke dir!", Some(MessageState::Queued), 0),
        chat(6, 12 * DAY, "ok", None, 0),
    ];
    chats[0].progress = Progress { devices: vec![DeviceProgress { device: DEVICE, sent: 11, held: 0, delivered: 11, read: 10 }] };
    chats[2].typing = true;
    chats[4].draft = "About Thursday: could we".into();
    chats[6].muted = true;
    let settings = Settings { theme, visible_nearby: true, ..Settings::default() };
    Snapshot {
        account: Some(mira()),
        chats: chats.into_iter().map(Arc::new).collect(),
        people: people.into_iter().map(Arc::new).collect(),
        requests: requests().into_iter().map(Arc::new).collect(),
        nearby: nearby().into_iter().map(Arc::new).collect(),
        calls: Vec::new(),
        network: Arc::new(network()),
        settings: Arc::new(settings),
    }
}

/// A call with somebody that has gone on for this long, milliseconds.
#[must_use]
pub fn call(n: u8, phase: CallPhase, lasted: u64) -> CallView {
    let talks = matches!(phase, CallPhase::Active | CallPhase::Reconnecting);
    let began = UnixMs(NOW.0 - lasted);
    CallView {
        call_id: CallId([n; 16]),
        account_id: account(n),
        device_id: talks.then_some(DeviceId([n; 32])),
        direction: if phase == CallPhase::Incoming { CallDirection::Incoming } else { CallDirection::Outgoing },
        phase,
        started: began,
        since: began,
        connected: talks.then_some(began),
        route: talks.then_some(MediaRoute::Direct),
        stats: talks.then(stats),
        mic: true,
        deafen: false,
        their_mic: true,
        their_deafen: false,
        speaking: false,
        their_speaking: talks,
        volume: 100,
        // Real ones are emoji, which come from the system's fonts, and these tests have none.
        words: if talks { ["→", "●", "↑", "✓"].map(str::to_owned).to_vec() } else { Vec::new() },
    }
}

/// Two microphones and a loudspeaker.
#[must_use]
pub fn devices() -> SoundDevices {
    let device = |id: &str, name: &str, direction, is_default| SoundDevice { id: id.into(), name: name.into(), direction, is_default };
    let devices = vec![
        device("built-in", "Built-in microphone", SoundDirection::Input, true),
        device("headset", "USB headset", SoundDirection::Input, false),
        device("speakers", "Speakers", SoundDirection::Output, true),
    ];
    SoundDevices { real: true, devices }
}

/// How a good call is.
fn stats() -> LegStats {
    LegStats {
        rtt_ms: Some(38),
        loss_permille: Some(2),
        jitter_ms: Some(4),
        sent_bps: Some(47_600),
        received_bps: Some(48_100),
        codec: Some("Opus".into()),
        mouth_to_ear_ms: Some(74),
        concealed_permille: Some(0),
    }
}

/// What became of a call, as a row of a history.
#[must_use]
pub fn called(n: u8, seq: u64, mine: bool, ago: u64, outcome: CallOutcome, duration_ms: u64) -> MessageView {
    let row = message(n, seq, mine, ago, "");
    let started = row.at;
    MessageView { body: MessageBody::Call { call_id: CallId([n; 16]), outcome, started, duration_ms }, ..row }
}

/// Requests in and out.
#[must_use]
pub fn requests() -> Vec<RequestView> {
    let request = |n: u8, name: &str, login: &str, text: &str, incoming: bool, delivered: bool| RequestView {
        account_id: account(n),
        login: login.into(),
        tag: (!login.is_empty()).then(|| "9dk3mt".into()),
        name: name.into(),
        text: text.into(),
        at: UnixMs(NOW.0 - HOUR),
        incoming,
        delivered,
    };
    vec![
        request(20, "Nora Lind", "nora.lind", "Hi, it is Nora from the climbing club. Anton gave me your link.", true, true),
        request(21, "Paul Weber", "paul", "", false, true),
        request(22, "", "", "", false, false),
    ]
}

/// People on the network.
#[must_use]
pub fn nearby() -> Vec<NearbyView> {
    let one = |n: u8, name: &str, login: &str, relation| NearbyView {
        account_id: account(n),
        login: login.into(),
        tag: Some("5hx2ra".into()),
        name: name.into(),
        relation,
    };
    vec![one(1, "Антон Белов", "anton", Some(Relation::Contact)), one(30, "Klara Novak", "klara", None), one(31, "Sam", "sam.w", None)]
}

/// The base point of Ed25519: bytes that are a key.
const POINT: [u8; 32] = [
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
];

fn network() -> NetworkView {
    let socket = SocketAddr::from(([192, 168, 1, 20], 41_873));
    NetworkView {
        lan_only: true,
        listening: [Transport::Quic, Transport::Tcp]
            .map(|transport| Hint { peer: PeerKey(POINT), addr: Addr::direct(socket, transport) })
            .to_vec(),
        links: 3,
        authenticated: 2,
        visible_nearby: true,
        clock_off_ms: None,
        refusals: Vec::new(),
        ..NetworkView::default()
    }
}
