//! The domain-separation labels of every hash, signature and derived key, in one list, so that none is used twice.
//!
//! They are part of the protocol: changing one changes every value made with it.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// All of them, for the test that no two are equal.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

labels! {
    /// Signed header of an entry; its id is the entry's id.
    ENTRY = "entry";
    /// Genesis of a space; its id is the space's id.
    SPACE = "space";
    /// Device set of an account, signed by the account key.
    DEVICE_SET = "device-set";
    /// Prekey bundle, signed by the device key.
    PREKEYS = "prekeys";
    /// End of an account, signed by the account key.
    TOMBSTONE = "tombstone";
    /// Introduction on the local network, signed by the device key.
    LAN_HELLO = "lan-hello";
    /// Transcript of a hello, signed by the device key.
    HELLO = "hello";
    /// Hash of an entry's salt and body.
    BODY = "body";
    /// Hash of what both sides of a hello have said.
    HELLO_TRANSCRIPT = "hello-transcript";
    /// Tag by which holders of a pair key recognise each other.
    HELLO_TAG = "hello-tag";
    /// Key that seals the proof of one side of a hello.
    HELLO_PROOF = "hello-proof";
    /// Key of one protocol and direction of an authenticated connection.
    LINK_STREAM = "link-stream";
    /// Challenge of a proof of work.
    POW = "pow";
    /// Extraction of an account's secrets from its entropy.
    ACCOUNT = "account";
    /// Seed of the account key.
    ACCOUNT_KEY = "account-key";
    /// Pair key for hellos between devices of one account.
    ACCOUNT_PAIR = "account-pair";
    /// Key of encrypted backups.
    ACCOUNT_BACKUP = "account-backup";
    /// Key of the slot of a backup that the recovery words open.
    ACCOUNT_SLOT = "account-slot";
    /// Salt of the slow login tag.
    LOGIN_TAG = "login-tag";
    /// Check at the end of a contact link.
    CONTACT_LINK = "contact-link";
    /// Extraction of a device's secrets from random bytes.
    DEVICE = "device";
    /// Seed of the device key.
    DEVICE_KEY = "device-key";
    /// X25519 key for wraps.
    DEVICE_WRAP = "device-wrap";
    /// X-Wing key of a prekey bundle.
    DEVICE_KEM = "device-kem";
    /// Post-quantum wrap key of one direction between two devices.
    PAIR_WRAP = "pair-wrap";
    /// Name of a wrap key on the wire.
    PAIR_WRAP_ID = "pair-wrap-id";
    /// Associated data of a wrapped ratchet message.
    PAIR_FRAME = "pair-frame";
    /// Claim of a login, signed by the account key.
    LOGIN_CLAIM = "login-claim";
    /// Place in the directory of everybody who claims a login.
    DIRECTORY_LOGIN = "directory-login";
    /// Place in the directory of a login with its tag.
    DIRECTORY_TAGGED = "directory-tagged";
    /// Place in the directory of an account's keys.
    DIRECTORY_KEYS = "directory-keys";
    /// Place in the directory of a device's address for a contact.
    DIRECTORY_ADDRESS = "directory-address";
    /// A device's address for a contact, signed by a one-time key.
    ADDRESS = "address";
    /// Seed of that one-time key.
    ADDRESS_SIGN = "address-sign";
    /// Key from which the seals of addresses follow.
    ADDRESS_SEAL = "address-seal";
    /// Key of one sealed address.
    ADDRESS_BOX = "address-box";
    /// Choice among too many claims.
    SAMPLING = "sampling";
    /// Proof of work for a new mailbox queue.
    MAILBOX_MAKE = "mailbox-make";
    /// Proof of work for a frame at a door.
    MAILBOX_KNOCK = "mailbox-knock";
    /// Reading of a mailbox queue, signed by the queue's key.
    MAILBOX_OPEN = "mailbox-open";
    /// Proof of the key of a mailbox queue for writers.
    MAILBOX_PUT = "mailbox-put";
    /// Names of the queues that a node makes.
    MAILBOX_NAME = "mailbox-name";
    /// Key of one frame in a mailbox queue.
    MAILBOX_FRAME = "mailbox-frame";
    /// Key that seals a contact request for a door.
    MAILBOX_DOOR = "mailbox-door";
    /// Word about a call, signed by the device key.
    CALL = "call";
    /// Emoji by which two people in a call compare what their devices signed.
    CALL_WORDS = "call-words";
    /// Hides whose name for a relay it is from whoever watches the wire.
    TURN_USER = "turn-user";
    /// Random part of a name for a relay.
    TURN_NONCE = "turn-nonce";
    /// Stamp by which a relay knows its own challenges.
    TURN_STAMP = "turn-stamp";
    /// Digest of a log up to an entry: a running chain over all entries, not only the head.
    LOG = "log";
    /// Digest of a log with two versions.
    LOG_FORKED = "log-forked";
    /// Digest of a version that ends where it was duplicated again.
    LOG_CUT = "log-cut";
    /// Digest of a channel.
    FRONTIER = "frontier";
    /// Streams of the simulator's stand-in for the ratchet.
    DOUBLE = "double";
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    #[test]
    fn no_label_is_used_twice() {
        assert_eq!(ALL.iter().collect::<BTreeSet<_>>().len(), ALL.len());
    }
}
