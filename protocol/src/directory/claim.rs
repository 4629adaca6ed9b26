//! Claims of logins. A login belongs to nobody: everybody may claim it, and people are told apart by their tags.

use crate::crypto::pow::Challenge;
use crate::crypto::{hash, labels, sign};
use crate::identity::login::{self, Login};
use crate::identity::text;
use crate::ids::{AccountId, DirectoryKey};
use crate::limits;
use crate::link::Hint;
use crate::time::{UnixMs, millis};
use crate::wire::codec;
use crate::wire::directory::{Claim, LoginClaim};

/// Length of a mailbox queue's name, bytes.
pub const QUEUE: usize = 24;

/// Where everybody who claims a login is found.
#[must_use]
pub fn login_key(login: &Login) -> DirectoryKey {
    DirectoryKey(hash::h(labels::DIRECTORY_LOGIN, &[login.as_str().as_bytes()]))
}

/// Where the one account with this login and tag is found, however many others claim the login.
#[must_use]
pub fn tagged_key(login: &Login, tag: &str) -> DirectoryKey {
    DirectoryKey(hash::h(labels::DIRECTORY_TAGGED, &[login.as_str().as_bytes(), tag.as_bytes()]))
}

/// A verified claim. That its tag is right is not verified: that takes a slow hash, see [`login::tag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimInfo {
    /// Who claims.
    pub account: AccountId,
    /// What.
    pub login: Login,
    /// The tag that they say belongs to both.
    pub tag: String,
    /// Display name, cleaned.
    pub name: String,
    /// Line of own words, cleaned.
    pub status_text: String,
    /// When, by their clock; a larger one replaces a smaller one.
    pub seq: u64,
    /// When it ends.
    pub until: UnixMs,
    /// The account is deleted.
    pub gone: bool,
    /// Where strangers may meet their node.
    pub reach: Vec<Hint>,
    /// Mailbox queues that take contact requests: the node, and the queue's name.
    pub doors: Vec<(Hint, [u8; QUEUE])>,
}

/// Why a claim is refused. The text is the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Not the message it should be.
    #[error("it cannot be read")]
    Malformed,
    /// More bytes than [`limits::CLAIM`].
    #[error("it is too large")]
    TooLarge,
    /// A newer format.
    #[error("it was made by a newer version of this program")]
    Newer,
    /// Login, tag, name or status that cannot be shown.
    #[error("its {0} cannot be shown")]
    Unfit(&'static str),
    /// Not signed by the account.
    #[error("the account did not sign it")]
    Signature,
    /// Less work than asked for.
    #[error("it shows too little work")]
    Work,
    /// Past its end, or made to hold longer than allowed.
    #[error("it does not hold at this time")]
    Time,
}

/// The challenge whose work a claim must show.
#[must_use]
pub fn work(account: &AccountId, payload: &[u8]) -> Challenge {
    Challenge::new(account, payload)
}

/// Verifies a claim, cheapest test first. `bits` is [`limits::CLAIM_WORK`] in the real network.
///
/// # Errors
/// See [`ClaimError`].
pub fn verify(claim: &Claim, bits: u32, now: UnixMs) -> Result<ClaimInfo, ClaimError> {
    let signed = claim.claim.as_ref().ok_or(ClaimError::Malformed)?;
    if codec::size(claim) > limits::CLAIM {
        return Err(ClaimError::TooLarge);
    }
    let body: LoginClaim = codec::decode(&signed.payload, limits::CLAIM).map_err(|_| ClaimError::Malformed)?;
    if body.v != 1 {
        return Err(ClaimError::Newer);
    }
    let account = AccountId::from_slice(&body.account).map_err(|_| ClaimError::Malformed)?;
    let login = Login::exact(&body.login).map_err(|_| ClaimError::Unfit("login"))?;
    if login::read_tag(&body.tag).as_deref() != Some(body.tag.as_str()) {
        return Err(ClaimError::Unfit("tag"));
    }
    // A clock may be off by what is forgiven everywhere; beyond that a claim would outlive its lifetime.
    let latest = now.after(limits::CLAIM_LIFETIME).after(limits::CLOCK_AHEAD);
    if body.until_ms <= now.0 || body.until_ms > latest.0 || body.seq > now.after(limits::CLOCK_AHEAD).0 && !body.gone {
        return Err(ClaimError::Time);
    }
    if !work(&account, &signed.payload).check(bits, claim.pow) {
        return Err(ClaimError::Work);
    }
    sign::open_signed(&account.0, labels::LOGIN_CLAIM, signed).map_err(|_| ClaimError::Signature)?;
    let name = if body.gone { String::new() } else { text::clean_name(&body.name).map_err(|_| ClaimError::Unfit("name"))? };
    let status_text = text::clean_status(&body.status_text).map_err(|_| ClaimError::Unfit("status"))?;
    let doors = body.doors.iter().filter_map(|door| {
        let node = door.node.as_ref().and_then(Hint::from_msg)?;
        Some((node, <[u8; QUEUE]>::try_from(door.queue.as_slice()).ok()?))
    });
    Ok(ClaimInfo {
        account,
        login,
        tag: body.tag,
        name,
        status_text,
        seq: body.seq,
        until: UnixMs(body.until_ms),
        gone: body.gone,
        // Strangers meet behind relays: whoever claims a direct address wants to see who asks for them.
        reach: body.reach.iter().filter_map(Hint::from_msg).filter(|hint| hint.addr.relay.is_some()).collect(),
        doors: doors.collect(),
    })
}

/// What an account says of itself in a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who claims.
    pub account: AccountId,
    /// What.
    pub login: Login,
    /// Its tag.
    pub tag: String,
    /// Display name.
    pub name: String,
    /// Line of own words.
    pub status_text: String,
    /// Where strangers may meet this account's node: only places behind relays are taken, because everybody may read this.
    pub reach: Vec<Hint>,
    /// Mailbox queues for requests.
    pub doors: Vec<(Hint, [u8; QUEUE])>,
}

impl Draft {
    /// The claim to sign, made now.
    #[must_use]
    pub fn body(&self, now: UnixMs) -> LoginClaim {
        let reach = self.reach.iter().filter(|hint| hint.addr.relay.is_some()).take(limits::CLAIM_HINTS);
        let doors = self.doors.iter().take(limits::CLAIM_DOORS);
        LoginClaim {
            v: 1,
            account: self.account.to_vec(),
            login: self.login.to_string(),
            tag: self.tag.clone(),
            name: self.name.clone(),
            status_text: self.status_text.clone(),
            seq: now.0,
            until_ms: now.0.saturating_add(millis(limits::CLAIM_LIFETIME)),
            gone: false,
            reach: reach.map(Hint::to_msg).collect(),
            doors: doors.map(|(node, queue)| crate::wire::directory::Door { node: Some(node.to_msg()), queue: queue.to_vec() }).collect(),
        }
    }

    /// The claim that says that the account is deleted. It outranks every other of the account.
    #[must_use]
    pub fn end(&self, now: UnixMs) -> LoginClaim {
        let body = self.body(now);
        let seq = crate::identity::account::TOMBSTONE_SEQ;
        LoginClaim { gone: true, seq, name: String::new(), status_text: String::new(), reach: vec![], doors: vec![], ..body }
    }
}
