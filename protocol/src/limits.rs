//! Every bound of the protocol, with its unit and its reason. Peers may rely on them: raising one is a protocol change.

use std::time::Duration;

/// Devices of an account. Each message to a person is sealed once per device.
pub const DEVICES_PER_ACCOUNT: usize = 8;
/// Dependencies of an entry. More heads than this are covered by the next entry.
pub const DEPS: usize = 8;
/// Auth heads of an entry.
pub const AUTH_HEADS: usize = 4;
/// Body of an entry, bytes: with header and seal it fits a 16 KiB mailbox frame.
pub const ENTRY_BODY: usize = 12 * 1024;
/// Encoded entry, bytes: body, header with all dependencies, signature.
pub const ENTRY: usize = ENTRY_BODY + 2 * 1024;
/// Value of one stored record, bytes. The largest are ratchet states with many skipped keys, a tenth of it; stores rely on the bound.
pub const STORED_VALUE: usize = 1024 * 1024;
const _: () = assert!(8 * ENTRY < STORED_VALUE, "an entry with everything said about it is one record");
/// Text of a message, bytes of UTF-8.
pub const TEXT: usize = 8 * 1024;
/// An emoji, bytes of UTF-8: the longest family sequences fit.
pub const EMOJI: usize = 32;
/// Reactions with different emoji on one message that are kept.
pub const REACTIONS: usize = 20;
/// Display name, characters: fits one line of a list.
pub const NAME_CHARS: usize = 32;
/// "About me", bytes of UTF-8.
pub const INFO: usize = 1024;
/// Status line, characters.
pub const STATUS_CHARS: usize = 64;
/// Text of a contact request, characters.
pub const REQUEST_TEXT_CHARS: usize = 280;
/// Entries in one batch: keeps the work per input below a millisecond or two.
pub const BATCH_ENTRIES: usize = 256;
/// Bytes of entries in one sync frame before it is sent.
pub const SYNC_FRAME: usize = 256 * 1024;
/// Sync frames that may wait for the network of one connection. The shell ends a connection whose queue is full, so together they
/// have to stay below what it queues.
pub const SYNC_WINDOW: u32 = 3;
/// Tags in a hello: one for each contact of a large address book.
pub const HELLO_TAGS: usize = 512;
/// Hello tags are filled up to a multiple of this, so that their number says little about the address book.
pub const HELLO_TAG_STEP: usize = 8;
/// Channels in a digest list.
pub const SYNC_CHANNELS: usize = 2048;
/// Rows of a frontier: 500 members with up to two devices each.
pub const FRONTIER_ROWS: usize = 1024;
/// Versions of a duplicated log that are kept: a proof needs two.
pub const FORK_BRANCHES: usize = 2;
/// Points of a probe: positions fall by doubling steps, so 40 reach back a million million entries.
pub const PROBE_POINTS: usize = 48;
/// Address hints in a request or link.
pub const HINTS: usize = 8;
/// Operators' nodes that a node uses or a link names: two to lean on, and some for when those are gone.
pub const OPERATORS: usize = 8;
/// Claims kept for one login, and for one login with its tag: as many as fit a packet of the directory, 16 KiB.
pub const CLAIMS: usize = 12;
/// Encoded claim, bytes: twelve fit a packet beside the addresses of twenty nodes.
pub const CLAIM: usize = 900;
/// How long a claim holds; its owner renews it every quarter of that.
pub const CLAIM_LIFETIME: Duration = Duration::from_secs(48 * 3600);
/// Proof-of-work bits of a claim: about a second of one core to make, a microsecond to check.
pub const CLAIM_WORK: u32 = 22;
/// Places behind relays in a claim.
pub const CLAIM_HINTS: usize = 3;
/// Mailboxes for contact requests in a claim.
pub const CLAIM_DOORS: usize = 2;
/// Prekey bundles in the directory for one account: each has 1.4 KiB and a packet 16 KiB.
pub const KEY_BUNDLES: usize = 6;
/// Largest record of the directory, bytes: below the 16 KiB of a Kademlia packet, with room for twenty addresses.
pub const RECORD: usize = 12 * 1024;
/// The smaller size of a frame in a mailbox, bytes: a message of ordinary length with its first-contact keys.
pub const MAIL_SMALL: usize = 4 * 1024;
/// The larger size of a frame in a mailbox, bytes: the largest padded ratchet message.
pub const MAIL_LARGE: usize = 18 * 1024;
/// Frames of one queue that a mailbox sends before the first is taken.
pub const MAIL_WINDOW: usize = 16;
/// Queues of one device that one contact may write into: on two nodes, and on two more while they change.
pub const QUEUES_PER_CONTACT: usize = 4;
/// Addresses of one operator's relay for calls: STUN and TURN over two versions of IP.
pub const TURN_URLS: usize = 4;
/// One such address, bytes: the longest IPv6 address with scheme, port and transport has half of it.
pub const TURN_URL: usize = 128;
/// Name or password for a relay, bytes: what this program makes has 43 and 28.
pub const TURN_NAME: usize = 128;
/// Longest life of a name and password for a relay that is believed.
pub const TURN_LIFE: Duration = Duration::from_secs(48 * 3600);
/// Acknowledged logs in one note through a mailbox: two for each device of two people, and room for devices that were replaced.
pub const NOTE_ACKS: usize = 64;
/// Positions in one message about what was read: a few KiB, and more devices than two people use in years.
pub const READ_LOGS: usize = 64;
/// A session description in a call, bytes: a voice call has 2 KiB, a browser with video and screen up to 12.
pub const CALL_DESCRIPTION: usize = 16 * 1024;
/// One ICE candidate as text, bytes: the longest with an mDNS name and all extensions stays well below.
pub const CALL_CANDIDATE: usize = 512;
/// Candidates in one message: a machine with many interfaces has about as many.
pub const CALL_CANDIDATES: usize = 32;
/// Signed part of a message about a call, bytes: the largest description, or as many candidates as fit one message, and who says it.
pub const CALL_PAYLOAD: usize = 18 * 1024;
/// An invitation that is older than this by its sender's clock rings nowhere (Matrix, MSC2746).
pub const CALL_LIFETIME: Duration = Duration::from_secs(90);
/// A stamp may run this far ahead of the reader's clock; later ones wait until the clock gets there.
pub const CLOCK_AHEAD: Duration = Duration::from_secs(600);
/// A message that arrives this long after its time is marked as late.
pub const LATE_AFTER: Duration = Duration::from_secs(120);
/// Entries that wait for something before them, for each space. Beyond it the newest are dropped and fetched again by sync.
pub const PENDING_ENTRIES: usize = 1024;
/// Contact requests kept, from people who spent work on them.
pub const REQUESTS: usize = 32;
/// Contact requests kept, from holders of a code.
pub const REQUESTS_WITH_CODE: usize = 256;
/// A request nobody answered is forgotten after this.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Nesting of messages inside messages.
pub const DEPTH: usize = 6;
