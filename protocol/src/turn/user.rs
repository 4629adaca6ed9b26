//! Names and passwords for a relay. A name carries all that the relay has to know of its bearer, so nothing is kept for it:
//! `seconds:hex`, the unix time of its end, and 8 random bytes before 8 that say whose it is, masked. That is the form of "A REST API for Access to TURN Services"
//! (draft-uberti-behave-turn-rest-00, §2.2).
//!
//! Names cross the network in the clear. Two names of one peer have nothing in common for whoever does not know the secret, so nobody on
//! the way can follow a person from one network to another by them.

use crate::crypto::{hash, labels, turn};
use crate::ids::PeerKey;
use crate::time::UnixMs;
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

/// Random bytes of a name. They are drawn per name and only have to differ.
const NONCE: usize = 8;
/// Bytes by which a relay tells users apart.
const USER: usize = 8;

/// What a relay and whoever lets people in share.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// From the operator's key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Who a name belongs to, for counting: the beginning of a transport key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User(pub [u8; USER]);

impl User {
    /// The user that a peer is.
    #[must_use]
    pub fn of(peer: &PeerKey) -> Self {
        Self(hash::prefix(&peer.0))
    }
}

/// Somebody who was let in.
#[derive(Clone)]
pub struct Pass {
    /// Name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Whose it is.
    pub user: User,
    /// When it ends.
    pub until: UnixMs,
}

/// Lets a peer in until some second.
#[must_use]
pub fn issue(secret: &Secret, peer: &PeerKey, nonce: [u8; NONCE], until: UnixMs) -> Pass {
    let user = User::of(peer);
    let mut hidden = [0; NONCE + USER];
    let (front, back) = hidden.split_at_mut(NONCE);
    front.copy_from_slice(&nonce);
    back.copy_from_slice(&mask(secret, &nonce, user.0));
    let seconds = until.0 / 1000;
    let username = format!("{seconds}:{}", HEXLOWER.encode(&hidden));
    let password = turn::password(&secret.0, &username);
    Pass { username, password, user, until: UnixMs(seconds.saturating_mul(1000)) }
}

/// Reads a name that this secret could have issued. Whether its bearer knows the password is for the caller to see, and whether its time
/// is over.
#[must_use]
pub fn read(secret: &Secret, username: &str) -> Option<Pass> {
    let (seconds, hidden) = username.split_once(':')?;
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = seconds.parse().ok().filter(|_| digits)?;
    let hidden = HEXLOWER.decode(hidden.as_bytes()).ok()?;
    let (nonce, hidden) = hidden.split_first_chunk::<NONCE>()?;
    let user = User(mask(secret, nonce, hidden.try_into().ok()?));
    let password = turn::password(&secret.0, username);
    Some(Pass { username: username.to_owned(), password, user, until: UnixMs(seconds.checked_mul(1000)?) })
}

/// Hides a user, or shows one.
fn mask(secret: &Secret, nonce: &[u8; NONCE], user: [u8; USER]) -> [u8; USER] {
    let pad: [u8; USER] = hash::prefix(&hash::mac(&secret.0, labels::TURN_USER, &[nonce]));
    let mut out = user;
    for (to, from) in out.iter_mut().zip(pad) {
        *to ^= from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: UnixMs = UnixMs(1_800_000_000_000);

    #[test]
    fn a_name_tells_its_relay_whose_it_is_and_nobody_else() {
        let secret = Secret::new([7; 32]);
        let (anna, boris) = (PeerKey([1; 32]), PeerKey([2; 32]));
        let first = issue(&secret, &anna, [1; 8], UNTIL);
        let second = issue(&secret, &anna, [2; 8], UNTIL);
        let read = read(&secret, &first.username).unwrap();
        assert_eq!((read.user, read.until, &read.password), (User::of(&anna), UNTIL, &first.password));
        assert_ne!(User::of(&anna), User::of(&boris));
        let tail = |pass: &Pass| pass.username.get(pass.username.len() - 16..).map(str::to_owned);
        assert_ne!(tail(&first), tail(&second), "two names of one peer look unrelated");
        assert_eq!(first.username.len(), 10 + 1 + 32);
    }

    #[test]
    fn other_names_and_other_secrets_do_not_open() {
        let secret = Secret::new([7; 32]);
        let pass = issue(&secret, &PeerKey([1; 32]), [1; 8], UNTIL);
        let other = read(&Secret::new([8; 32]), &pass.username).unwrap();
        assert_ne!(other.password, pass.password);
        for bad in ["", ":", "1800000000", "1800000000:", "+1800000000:00112233445566778899aabbccddeeff", "x:00", "99999999999999999999:00"]
        {
            assert!(read(&secret, bad).is_none(), "{bad}");
        }
        let longer = format!("{}00", pass.username);
        assert!(read(&secret, &longer).is_none());
    }
}
