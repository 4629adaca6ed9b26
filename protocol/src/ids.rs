//! Newtypes for everything that has an identity. Bytes stay bytes: text forms are for the edges only.

use std::fmt;

/// A value could not be read as an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {len} bytes")]
pub struct BadId {
    /// Which id was expected.
    pub what: &'static str,
    /// Its length in bytes.
    pub len: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Reads an id from exactly [`Self::LEN`] bytes.
            ///
            /// # Errors
            /// Any other length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, BadId> {
                <[u8; $len]>::try_from(bytes).map(Self).map_err(|_| BadId { what: stringify!($name), len: $len })
            }

            /// The bytes as a slice.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The bytes as an owned vector, for wire messages.
            #[must_use]
            pub fn to_vec(&self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// The text form that leaves the core: lower-case base32 without padding.
            #[must_use]
            pub fn to_text(&self) -> String {
                data_encoding::BASE32_NOPAD.encode(&self.0).to_ascii_lowercase()
            }

            /// Reads the text form.
            ///
            /// # Errors
            /// Text that is not base32 of the right length.
            pub fn from_text(text: &str) -> Result<Self, BadId> {
                let bad = BadId { what: stringify!($name), len: $len };
                let bytes = data_encoding::BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| bad)?;
                Self::from_slice(&bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = self.to_text();
                write!(f, "{}({})", stringify!($name), text.get(..8).unwrap_or(&text))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.to_text())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::from_text(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": "opaque id" })
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

id!(
    /// A person: the Ed25519 public account key (AK). Roles and contacts always name the account, never a device.
    AccountId, 32
);
id!(
    /// One installation: its Ed25519 public device key (DK), which signs entries.
    DeviceId, 32
);
id!(
    /// A conversation: the hash of its genesis object.
    SpaceId, 32
);
id!(
    /// A log within a space. All zeroes is the auth log.
    ChanId, 16
);
id!(
    /// An entry: the hash of its signed header.
    EntryId, 32
);
id!(
    /// A network endpoint: the Ed25519 public transport key behind a libp2p `PeerId`. Disposable; carries no identity.
    PeerKey, 32
);
id!(
    /// Where a record lies in the directory: a hash whose input says what the record is about.
    DirectoryKey, 32
);
id!(
    /// One of the two names of a mailbox queue, drawn by its node: its owner reads under one, others write under the other.
    QueueName, 24
);
id!(
    /// A contact request, known only to the two ends.
    RequestId, 16
);
id!(
    /// A call, drawn by the device that began it.
    CallId, 16
);

impl ChanId {
    /// The auth log of a space: devices, members, roles.
    pub const AUTH: Self = Self([0; 16]);
    /// The only content log of a direct conversation.
    pub const MAIN: Self = Self([1; 16]);
}

/// A connection that the network shell keeps to one transport peer, until it says it is down. Never reused within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A batch of writes handed to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// A heavy computation handed to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// A bounded read handed to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

/// A question to the directory, or a record for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// A command of the person or program in front of this node; the shell picks it, the core answers it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CmdId(pub u64);
