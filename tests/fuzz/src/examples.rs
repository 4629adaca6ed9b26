//! One valid message for each thing that travels, with every field filled: where the fuzzer starts from, and what the wire
//! format looks like in bytes.
//!
//! The bytes are committed under `seeds/`. A change of the format changes what is built here and not what is committed, so
//! that the replay in `protocol/tests/corpus.rs` fails until somebody decides that peers of older versions may be cut off.

use std::net::SocketAddr;

use veche_protocol::directory::claim::login_key;
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::link::ContactLink;
use veche_protocol::identity::login::Login;
use veche_protocol::ids::{AccountId, PeerKey};
use veche_protocol::link::{Addr, Hint, Transport};
use veche_protocol::wire::bodies::{self, auth_op, kind};
use veche_protocol::wire::call::{CallBody, CallCandidates, CallDescription, CallInvite, CallMsg, CallSound, CallWord, SignedCall, word};
use veche_protocol::wire::codec::{Wire, encode};
use veche_protocol::wire::directory::{
    AccountKeys, AddressBox, Claim, Claims, Door, LoginClaim, Record, RecordKind, SealedAddress, Whereabouts,
};
use veche_protocol::wire::entry::{Dep, Entry, EntryBatch, EntryHeader};
use veche_protocol::wire::hello::{Hello, HelloFrame, Nonce, ProofBody, Stranger, Tags};
use veche_protocol::wire::identity::{Device, DeviceSet, LanHello, PrekeyBundle, Profile, Signed, Tombstone};
use veche_protocol::wire::inbox::{Bundle, Deliver, Inbox, InboxFrame, Query, Refused, Stored};
use veche_protocol::wire::link::{
    Accept, Ack, Bye, ContactRequest, HintMsg, Hints, Inner, Known, LinkFrame, LinkMsg, Note, OlmMessage, Payload, Presence, Read,
    ReadUpTo, SealedFrame, Typing,
};
use veche_protocol::wire::mailbox::{
    End, Held, Made, Mail, Mailbox, MailboxFrame, Make, No, Open, Opened, Put, QueueKey, QueueKeys, Settled, Taken,
};
use veche_protocol::wire::sync::{
    BranchRow, ChannelDigest, Digests, Done, Entries, Frontier, FrontierRow, Probe, ProbePoint, Sync, SyncFrame, Want,
};
use veche_protocol::wire::turn::{Turn, TurnAsk, TurnFrame, TurnGrant, TurnNo};

/// A committed seed.
pub struct Example {
    /// Name of the decoder, which is the folder.
    pub target: &'static str,
    /// Name of the file.
    pub name: &'static str,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A point in time for every stamp: 2026-01-01T00:00:00Z in unix milliseconds.
const WALL_MS: u64 = 1_767_225_600_000;

/// Bytes of check at the end of a contact link.
const LINK_CHECK: usize = 4;

/// All of them.
#[must_use]
pub fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    let mut add = |target, name, bytes| all.push(Example { target, name, bytes });

    for (name, m) in [
        ("nonce", Hello::Nonce(Nonce { v: 1, nonce: key(1), eph: key(2) })),
        ("tags", Hello::Tags(Tags { tags: vec![half(3), half(4)] })),
        ("proof", Hello::Proof(vec![5; 64])),
        ("stranger", Hello::Stranger(Stranger {})),
    ] {
        add("hello", name, encode(&HelloFrame { m: Some(m) }));
    }
    let proof = ProofBody { account: key(1), device: key(2), sig: vec![3; 64], device_set: Some(signed()), wall_ms: WALL_MS, caps: 1 };
    add("proof", "full", encode(&proof));

    for (name, m) in [
        ("query", Inbox::Query(Query { account: key(1), code: vec![2; 8] })),
        ("bundle", Inbox::Bundle(Bundle { device_set: Some(signed()), prekeys: Some(signed()), pow_bits: 18 })),
        ("refused", Inbox::Refused(Refused {})),
        (
            "deliver",
            Inbox::Deliver(Deliver { account: key(1), code: vec![2; 8], pow: 3, frame: Some(sealed()), from: key(4), olm: key(5) }),
        ),
        ("stored", Inbox::Stored(Stored {})),
    ] {
        add("inbox", name, encode(&InboxFrame { m: Some(m) }));
    }

    for (name, m) in [
        ("sealed", LinkMsg::Sealed(sealed())),
        ("ack", LinkMsg::Ack(Ack { space: key(1), chan: half(2), device: key(3), seq: 4, id: key(5) })),
        ("presence", LinkMsg::Presence(Presence { status: 1 })),
        ("typing", LinkMsg::Typing(Typing { space: key(1), on: true })),
        ("read", LinkMsg::Read(Read { space: key(1), logs: vec![ReadUpTo { device: key(2), seq: 3 }] })),
        ("profile", LinkMsg::Profile(profile())),
        ("devices", LinkMsg::Devices(signed())),
        ("prekeys", LinkMsg::Prekeys(signed())),
        ("new_session", LinkMsg::NewSession(signed())),
        ("gone", LinkMsg::Gone(signed())),
        ("bye", LinkMsg::Bye(Bye {})),
        ("stored", LinkMsg::Stored(key(1))),
        ("hints", LinkMsg::Hints(Hints { hints: vec![hint()] })),
        (
            "known",
            LinkMsg::Known(Known {
                account: key(1),
                pair_key: key(2),
                paired_ms: WALL_MS,
                device_set: Some(signed()),
                profile: Some(profile()),
                petname: "Bob from the choir".to_owned(),
                verified: true,
                hints: vec![hint()],
            }),
        ),
        ("queues", LinkMsg::Queues(queues())),
        ("call", LinkMsg::Call(SignedCall { payload: vec![1; 40], sig: vec![2; 64] })),
    ] {
        add("link", name, encode(&LinkFrame { m: Some(m) }));
    }
    add("olm_message", "full", encode(&OlmMessage { kind: 1, body: vec![7; 48], seen: vec![5; 8] }));

    let request = ContactRequest {
        device_set: Some(signed()),
        prekeys: Some(signed()),
        profile: Some(profile()),
        text: "It is Bob, from the choir".to_owned(),
        request_id: half(1),
        reply_key: key(2),
        made_ms: WALL_MS,
        hints: vec![hint()],
        code: vec![4; 8],
        queues: Some(queues()),
    };
    for (name, m) in [
        ("batch", Payload::Batch(EntryBatch { entries: vec![entry(), entry()] })),
        ("request", Payload::Request(request)),
        ("accept", Payload::Accept(Accept { request_id: half(1), pair_key: key(2), profile: Some(profile()), queues: Some(queues()) })),
        (
            "note",
            Payload::Note(Note {
                acks: vec![Ack { space: key(1), chan: half(2), device: key(3), seq: 4, id: key(5) }],
                queues: Some(queues()),
                stored: half(6),
                lacks: true,
                prekeys: Some(signed()),
            }),
        ),
    ] {
        add("inner", name, encode(&Inner { space: key(1), from: key(2), to: key(3), id: half(4), m: Some(m), pad: vec![0; 5] }));
    }

    directory(&mut add);
    mailbox(&mut add);
    call(&mut add);

    let branch = BranchRow { root: half(1), seq: 9, digest: half(2) };
    let row = FrontierRow { device: key(3), floor: 1, seq: 8, digest: half(4), fork_at: 7, branches: vec![branch.clone(), branch] };
    for (name, m) in [
        ("digests", Sync::Digests(Digests { channels: vec![ChannelDigest { space: key(1), chan: half(2), digest: half(3) }] })),
        ("frontier", Sync::Frontier(Frontier { space: key(1), chan: half(2), rows: vec![row], ask: true })),
        ("entries", Sync::Entries(Entries { space: key(1), chan: half(2), entries: vec![entry()] })),
        ("want", Sync::Want(Want { space: key(1), chan: half(2), device: key(3), from: 4 })),
        (
            "probe",
            Sync::Probe(Probe { space: key(1), chan: half(2), device: key(3), points: vec![ProbePoint { seq: 4, digest: half(5) }] }),
        ),
        ("done", Sync::Done(Done { space: key(1), chan: half(2) })),
    ] {
        add("sync", name, encode(&SyncFrame { m: Some(m) }));
    }

    let lan_hello = LanHello {
        v: 1,
        peer: key(1),
        device_set: Some(signed()),
        device: key(2),
        login: "bob".to_owned(),
        name: "Bob".to_owned(),
        gone: true,
    };
    add("lan_hello", "full", encode(&lan_hello));
    let device = Device { dk: key(1), olm: key(2), ek: key(3), added_ms: WALL_MS, label_ct: vec![4; 40], caps: 5 };
    add("signed", "full", encode(&signed()));
    add("device_set", "full", encode(&DeviceSet { v: 1, account: key(1), epoch: 2, devices: vec![device], prev: key(3) }));
    let bundle = PrekeyBundle { v: 1, device: key(1), seq: 2, olm_prekey: key(3), kem: vec![4; 1_216], made_ms: WALL_MS };
    add("prekey_bundle", "full", encode(&bundle));
    add("profile", "full", encode(&profile()));
    add("tombstone", "full", encode(&Tombstone { v: 1, account: key(1), seq: 2, made_ms: WALL_MS }));

    let header = EntryHeader {
        v: 1,
        space: key(1),
        device: key(2),
        chan: half(3),
        seq: 2,
        prev: key(4),
        deps: vec![Dep { dev8: vec![5; 8], seq: 6, id16: half(7) }],
        hlc: WALL_MS << 16,
        auth: vec![half(8)],
        kind: kind::TEXT,
        body_hash: key(9),
        body_len: 10,
    };
    add("entry_header", "full", encode(&header));
    let keep = bodies::Keep { device: key(1), chan: half(2), seq: 3 };
    let devices = auth_op::Op::Devices(bodies::Devices { set: Some(signed()), keep: vec![keep] });
    add("body", "auth_devices", of_kind(kind::AUTH, &bodies::AuthOp { op: Some(devices) }));
    add("body", "auth_gone", of_kind(kind::AUTH, &bodies::AuthOp { op: Some(auth_op::Op::Gone(signed())) }));
    add("body", "text", of_kind(kind::TEXT, &bodies::Text { text: "Привет, мир".to_owned(), reply_to: Some(key(1)) }));
    add("body", "edit", of_kind(kind::EDIT, &bodies::Edit { target: key(1), text: "Hello, world".to_owned() }));
    add("body", "delete", of_kind(kind::DELETE, &bodies::Delete { target: key(1) }));
    add("body", "react", of_kind(kind::REACT, &bodies::React { target: key(1), emoji: "👍🏽".to_owned(), on: true }));
    let log = bodies::CallLog { call: half(1), outcome: 1, started_ms: WALL_MS, duration_ms: 61_000 };
    add("body", "call", of_kind(kind::CALL, &log));
    add("body", "missed_call", of_kind(kind::MISSED_CALL, &bodies::CallLog { outcome: 0, duration_ms: 0, ..log }));
    add("id_text", "account", AccountId([0x5a; AccountId::LEN]).to_text().into_bytes());
    add("contact_link", "full", link().to_string().into_bytes());
    let mut body = link().to_bytes();
    body.truncate(body.len().saturating_sub(LINK_CHECK));
    add("contact_link_body", "full", body);
    add("login", "login", b"alice".to_vec());
    add("login", "handle", b"alice#K7Q2-9F".to_vec());
    add("safety_number", "full", b"01234 56789 ".repeat(6));
    add("recovery_words", "zeroes", format!("{}about", "abandon ".repeat(11)).into_bytes());
    add("clean_text", "name", "Алиса".as_bytes().to_vec());
    add("clean_text", "lines", "One\n\nTwo".as_bytes().to_vec());
    add("clean_text", "emoji", "👩‍🚀".as_bytes().to_vec());
    all
}

fn directory(add: &mut impl FnMut(&'static str, &'static str, Vec<u8>)) {
    let claim = login_claim();
    let record = |m| encode(&Record { m: Some(m) });
    let signed_claim = AccountSecret::from_entropy([1; 16]).sign_claim(&claim);
    let claims = Claims { claims: vec![Claim { claim: Some(signed_claim), pow: 7 }] };
    let login = Login::exact(&claim.login).expect("the login of the example");
    add("record_merge", "claim", [login_key(&login).to_vec(), record(RecordKind::Claims(claims.clone()))].concat());
    for (name, m) in [
        ("claims", RecordKind::Claims(claims)),
        ("keys", RecordKind::Keys(AccountKeys { device_set: Some(signed()), bundles: vec![signed(), signed()] })),
        ("address", RecordKind::Address(SealedAddress { key: key(1), sealed: Some(signed()) })),
    ] {
        add("record", name, record(m));
    }
    add("login_claim", "full", encode(&claim));
    add("address_box", "full", encode(&AddressBox { seq: WALL_MS, until_ms: WALL_MS + 1, salt: half(1), ct: vec![2; 64] }));
    add("whereabouts", "full", encode(&Whereabouts { hints: vec![hint(), hint()], pad: vec![0; 5] }));
}

fn login_claim() -> LoginClaim {
    let door = Door { node: Some(hint()), queue: vec![5; 24] };
    LoginClaim {
        v: 1,
        account: AccountSecret::from_entropy([1; 16]).account_id().to_vec(),
        login: "alice".to_owned(),
        tag: "K7Q2-9F".to_owned(),
        name: "Alice".to_owned(),
        status_text: "away".to_owned(),
        seq: WALL_MS,
        until_ms: WALL_MS + 3_600_000,
        gone: true,
        reach: vec![hint()],
        doors: vec![door],
    }
}

fn call(add: &mut impl FnMut(&'static str, &'static str, Vec<u8>)) {
    let lines = vec!["candidate:1 1 udp 2130706431 192.168.1.5 50000 typ host".to_owned()];
    for (name, m) in [
        ("invite", Some(CallBody::Invite(CallInvite { lifetime_ms: 90_000, media: 1 }))),
        ("word", Some(CallBody::Word(CallWord { word: word::HANG_UP, why: word::why::LOST }))),
        ("description", Some(CallBody::Description(CallDescription { kind: 1, round: 2, sdp: b"v=0\r\n".to_vec(), fingerprint: key(6) }))),
        ("candidates", Some(CallBody::Candidates(CallCandidates { lines, end: true }))),
        ("sound", Some(CallBody::Sound(CallSound { mic: true, deafen: true }))),
        ("seen", None),
    ] {
        let (n, again) = (u32::from(m.is_some()), m.is_none());
        add("call", name, encode(&CallMsg { v: 1, call: half(1), from: key(2), to: key(3), n, seen: 5, again, sent_ms: WALL_MS, m }));
    }
}

fn mailbox(add: &mut impl FnMut(&'static str, &'static str, Vec<u8>)) {
    let queue = || vec![4; 24];
    for (name, m) in [
        ("make", Mailbox::Make(Make { ask: 1, owner: key(2), write_key: key(3), pow: 4, door_bits: 22 })),
        ("put", Mailbox::Put(Put { ask: 1, queue: queue(), mac: key(2), pow: 3, frame: vec![4; 100] })),
        ("open", Mailbox::Open(Open { ask: 1, queue: queue(), sig: vec![2; 64] })),
        ("taken", Mailbox::Taken(Taken { queue: queue(), up_to: 9 })),
        ("end", Mailbox::End(End { ask: 1, queue: queue() })),
        ("made", Mailbox::Made(Made { ask: 1, read: queue(), write: queue(), lifetime_s: 1_814_400 })),
        ("settled", Mailbox::Settled(Settled { ask: 1 })),
        ("no", Mailbox::No(No { ask: 1, why: 6, amount: 30 })),
        ("opened", Mailbox::Opened(Opened { ask: 1, waiting: 3 })),
        ("held", Mailbox::Held(Held { queue: queue(), n: 7, frame: vec![4; 100] })),
    ] {
        add("mailbox", name, encode(&MailboxFrame { m: Some(m) }));
    }
    let talk = [
        Mailbox::Make(Make { ask: 1, owner: vec![1], write_key: key(2), pow: 3, door_bits: 0 }),
        Mailbox::Put(Put { ask: 2, queue: vec![0], mac: vec![], pow: 0, frame: vec![] }),
        Mailbox::Open(Open { ask: 3, queue: vec![0], sig: vec![] }),
        Mailbox::Taken(Taken { queue: vec![0], up_to: 1 }),
        Mailbox::End(End { ask: 4, queue: vec![0] }),
    ];
    let framed = talk.map(|m| {
        let frame = encode(&MailboxFrame { m: Some(m) });
        [u16::try_from(frame.len()).expect("a short frame").to_le_bytes().to_vec(), frame].concat()
    });
    add("mailbox_server", "talk", framed.concat());
    for (name, m) in
        [("ask", Turn::Ask(TurnAsk { ask: 1 })), ("grant", Turn::Grant(turn_grant())), ("no", Turn::No(TurnNo { ask: 1, wait_s: 600 }))]
    {
        add("turn", name, encode(&TurnFrame { m: Some(m) }));
    }
    add("turn_door", "binding", stun(0x0001, &[]));
    add("turn_door", "allocate", stun(0x0003, &[(0x0019, &[17, 0, 0, 0])]));
    add("turn_door", "channel_data", [&[0x40, 0, 0, 4][..], b"data"].concat());
    let named: [(u16, &[u8]); 5] = [
        (0x0012, &[0, 1, 0x32, 0x9A, 0x29, 0x1A, 0xA0, 0x46]),
        (0x0006, b"1767247200:00112233445566778899aabbccddeeff"),
        (0x0014, b"veche"),
        (0x0015, b"aVVVVVVVVVVVVVVVVVVVVQ"),
        (0x0008, &[5; 20]),
    ];
    add("turn_door", "create_permission", stun(0x0008, &named));
    add("mail", "full", encode(&Mail { from: key(1), sealed: Some(sealed()), pad: vec![0; 5] }));
}

/// A datagram of a client of a relay (RFC 8489 §5).
fn stun(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let short = |len: usize| u16::try_from(len).expect("a short message").to_be_bytes();
    let mut rest = Vec::new();
    for (kind, value) in attributes {
        rest.extend([kind.to_be_bytes(), short(value.len())].concat());
        rest.extend(*value);
        rest.resize(rest.len().next_multiple_of(4), 0);
    }
    [&kind.to_be_bytes()[..], &short(rest.len()), &[0x21, 0x12, 0xA4, 0x42], &[7; 12], &rest].concat()
}

fn turn_grant() -> TurnGrant {
    let urls = ["stun:203.0.113.7:3478", "turn:203.0.113.7:3478?transport=udp"].map(str::to_owned).into();
    let (username, credential) = ("1767247200:0f0f".to_owned(), "cGFzc3dvcmQ=".to_owned());
    TurnGrant { ask: 1, urls, username, credential, life_s: 21_600 }
}

fn queues() -> QueueKeys {
    let queue = QueueKey { device: key(1), node: Some(hint()), write: vec![2; 24], write_key: key(3), frame_key: key(4) };
    QueueKeys { seq: WALL_MS, queues: vec![queue] }
}

fn key(fill: u8) -> Vec<u8> {
    vec![fill; 32]
}

fn half(fill: u8) -> Vec<u8> {
    vec![fill; 16]
}

fn signed() -> Signed {
    Signed { payload: b"payload".to_vec(), sig: vec![0xd5; 64] }
}

fn sealed() -> SealedFrame {
    SealedFrame { v: 1, kem_ct: vec![1; 1_120], wrap_id: vec![2; 8], counter: 3, ct: vec![4; 80] }
}

fn hint() -> HintMsg {
    HintMsg { peer: key(3), ip: vec![192, 168, 1, 7], port: 4_001, transport: 1, relay: key(9) }
}

fn profile() -> Profile {
    let text = |text: &str| text.to_owned();
    Profile { seq: 1, login: text("alice"), name: text("Alice"), info: text("Sings alto"), status_text: text("away") }
}

fn link() -> ContactLink {
    let hint = |socket: &str, transport| {
        let socket: SocketAddr = socket.parse().expect("a socket address");
        Hint { peer: PeerKey([6; PeerKey::LEN]), addr: Addr::direct(socket, transport) }
    };
    let operator = Hint { peer: PeerKey([8; PeerKey::LEN]), ..hint("203.0.113.7:4001", Transport::Quic) };
    let relayed = Addr { relay: Some(operator.peer), ..operator.addr };
    let hints = vec![
        hint("192.168.1.7:4001", Transport::Quic),
        hint("[fd00::7]:4001", Transport::Tcp),
        Hint { peer: PeerKey([6; PeerKey::LEN]), addr: relayed },
    ];
    let account = AccountId([0x5a; AccountId::LEN]);
    ContactLink { account, code: Some([3; 8]), login: Some("alice".to_owned()), hints, operators: vec![operator] }
}

fn entry() -> Entry {
    Entry { header: Some(signed()), salt: half(1), body: Some(b"body".to_vec()) }
}

fn of_kind(kind: u32, body: &impl Wire) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(kind).expect("kinds of bodies fit a byte so far")];
    bytes.extend(encode(body));
    bytes
}
