//! How a client shows a mailbox node that it may make, read or fill a queue; both sides of each proof.
//!
//! What is proven by a key names both transport keys of the connection, which the secure channel has shown to be true. So a proof that
//! a node was given opens nothing at another node, and nothing to somebody else who saw it.

use crate::crypto::pow::Challenge;
use crate::crypto::sign::{self, BadSignature, SigningKey};
use crate::crypto::{hash, labels};
use crate::ids::{PeerKey, QueueName};

/// Bits that a door may ask for and a node may ask for a new queue, at most: see [`crate::crypto::pow::MAX_BITS`].
pub use crate::crypto::pow::MAX_BITS;

/// The two ends of the connection on which something is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Transport key of the one who asks.
    pub client: PeerKey,
    /// Transport key of the mailbox node.
    pub node: PeerKey,
}

/// Secret of one queue, by which its owner reads and ends it. A new one for each queue, so that no node sees which belong together.
pub struct OwnerSecret(SigningKey);

impl OwnerSecret {
    /// From 32 random bytes, which the owner keeps.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// What the node is told when the queue is made.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signature of [`crate::wire::mailbox::Open`].
    #[must_use]
    pub fn sign_open(&self, ends: &Ends, read: &QueueName) -> [u8; 64] {
        sign::sign(&self.0, labels::MAILBOX_OPEN, &open_payload(ends, read)).1
    }
}

impl std::fmt::Debug for OwnerSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnerSecret(..)")
    }
}

/// Verifies what [`OwnerSecret::sign_open`] made.
///
/// # Errors
/// A signature by another key, for other ends or for another queue.
pub fn verify_open(owner: &[u8; 32], ends: &Ends, read: &QueueName, sig: &[u8]) -> Result<(), BadSignature> {
    sign::verify(owner, labels::MAILBOX_OPEN, &open_payload(ends, read), sig).map(drop)
}

fn open_payload(ends: &Ends, read: &QueueName) -> Vec<u8> {
    [ends.client.as_bytes(), ends.node.as_bytes(), read.as_bytes()].concat()
}

/// The MAC of [`crate::wire::mailbox::Put`]. A MAC and no signature: the node could have made it itself, so it can show nobody who wrote.
#[must_use]
pub fn put_mac(write_key: &[u8; 32], ends: &Ends, write: &QueueName, frame: &[u8]) -> [u8; 32] {
    hash::mac(write_key, labels::MAILBOX_PUT, &[ends.client.as_bytes(), ends.node.as_bytes(), write.as_bytes(), frame])
}

/// Whether a MAC is the one that [`put_mac`] makes.
#[must_use]
pub fn verify_put(write_key: &[u8; 32], ends: &Ends, write: &QueueName, frame: &[u8], mac: &[u8]) -> bool {
    hash::same(&put_mac(write_key, ends, write, frame), mac)
}

/// The work for a new queue of this owner at this node.
#[must_use]
pub fn make_work(node: &PeerKey, owner: &[u8; 32]) -> Challenge {
    Challenge::over(labels::MAILBOX_MAKE, &[node.as_bytes(), owner])
}

/// The work for a frame at a door.
#[must_use]
pub fn knock_work(write: &QueueName, frame: &[u8]) -> Challenge {
    Challenge::over(labels::MAILBOX_KNOCK, &[write.as_bytes(), frame])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Ends = Ends { client: PeerKey([1; 32]), node: PeerKey([2; 32]) };
    const OTHER_NODE: Ends = Ends { client: PeerKey([1; 32]), node: PeerKey([3; 32]) };
    const OTHER_CLIENT: Ends = Ends { client: PeerKey([4; 32]), node: PeerKey([2; 32]) };
    const QUEUE: QueueName = QueueName([7; 24]);
    const OTHER_QUEUE: QueueName = QueueName([8; 24]);

    #[test]
    fn a_queue_opens_to_its_owner_on_this_connection_only() {
        let owner = OwnerSecret::from_seed([5; 32]);
        let sig = owner.sign_open(&HERE, &QUEUE);
        assert_eq!(verify_open(&owner.public(), &HERE, &QUEUE, &sig), Ok(()));
        assert!(verify_open(&owner.public(), &OTHER_NODE, &QUEUE, &sig).is_err());
        assert!(verify_open(&owner.public(), &OTHER_CLIENT, &QUEUE, &sig).is_err());
        assert!(verify_open(&owner.public(), &HERE, &OTHER_QUEUE, &sig).is_err());
        assert!(verify_open(&OwnerSecret::from_seed([6; 32]).public(), &HERE, &QUEUE, &sig).is_err());
    }

    #[test]
    fn a_frame_is_proven_for_one_key_connection_queue_and_content() {
        let mac = put_mac(&[5; 32], &HERE, &QUEUE, b"frame");
        assert!(verify_put(&[5; 32], &HERE, &QUEUE, b"frame", &mac));
        assert!(!verify_put(&[6; 32], &HERE, &QUEUE, b"frame", &mac));
        assert!(!verify_put(&[5; 32], &OTHER_NODE, &QUEUE, b"frame", &mac));
        assert!(!verify_put(&[5; 32], &OTHER_CLIENT, &QUEUE, b"frame", &mac));
        assert!(!verify_put(&[5; 32], &HERE, &OTHER_QUEUE, b"frame", &mac));
        assert!(!verify_put(&[5; 32], &HERE, &QUEUE, b"framf", &mac));
        assert!(!verify_put(&[5; 32], &HERE, &QUEUE, b"frame", &mac[..31]));
    }

    #[test]
    fn work_for_one_thing_is_none_for_another() {
        let node = PeerKey([2; 32]);
        let nonce = make_work(&node, &[5; 32]).solve(10, 0, 1 << 16).unwrap();
        // Each of these holds by chance once in a thousand; the inputs are fixed.
        assert!(!make_work(&PeerKey([3; 32]), &[5; 32]).check(10, nonce));
        assert!(!make_work(&node, &[6; 32]).check(10, nonce));
        let nonce = knock_work(&QUEUE, b"frame").solve(10, 0, 1 << 16).unwrap();
        assert!(!knock_work(&OTHER_QUEUE, b"frame").check(10, nonce));
        assert!(!knock_work(&QUEUE, b"framf").check(10, nonce));
    }
}
