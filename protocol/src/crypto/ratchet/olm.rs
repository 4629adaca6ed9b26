//! The ratchet of real devices: Olm, version 1, as vodozemac implements it.
//!
//! States are kept as JSON, the form in which vodozemac itself keeps them: it names every field, so that a newer release can
//! add one, and its states contain a tagged choice that formats without names cannot read back.

use super::{BadRow, Begun, Closed, FirstKeys, Message, Ratchet, Session};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{self, Account, DecryptionError, OlmMessage, PreKeyMessage, SessionConfig, SessionCreationError};
use zeroize::Zeroizing;

/// Keys of this device.
pub(super) struct OlmAccount(Account);

impl OlmAccount {
    /// Draws new keys from the operating system's randomness.
    pub(super) fn generate() -> Self {
        let mut account = Account::new();
        account.generate_fallback_key();
        Self(account)
    }

    pub(super) fn decode(state: &[u8]) -> Result<Self, BadRow> {
        serde_json::from_slice(state).map(|pickle| Self(Account::from_pickle(pickle))).map_err(|_| BadRow)
    }
}

impl Ratchet for OlmAccount {
    fn identity(&self) -> [u8; 32] {
        self.0.curve25519_key().to_bytes()
    }

    fn prekey(&self) -> [u8; 32] {
        // The key is never marked as published, so it is always listed. Nobody can use the zero key, should it not be.
        self.0.fallback_key().into_values().next().map_or([0; 32], |key| key.to_bytes())
    }

    fn rotate(&mut self, _: &[u8; 32]) {
        self.0.generate_fallback_key();
    }

    fn begin(&self, identity: [u8; 32], prekey: [u8; 32], _: &[u8; 32]) -> Option<Begun> {
        let (identity, prekey) = (Curve25519PublicKey::from_bytes(identity), Curve25519PublicKey::from_bytes(prekey));
        let session = self.0.create_outbound_session(SessionConfig::version_1(), identity, prekey).ok()?;
        Some(Begun { base: session.session_keys().base_key.to_bytes(), session: Box::new(OlmSession(session)) })
    }

    fn accept(&mut self, identity: [u8; 32], body: &[u8]) -> Result<(Box<dyn Session>, Vec<u8>), Closed> {
        let message = PreKeyMessage::from_bytes(body).map_err(|_| Closed::Foreign)?;
        let identity = Curve25519PublicKey::from_bytes(identity);
        match self.0.create_inbound_session(SessionConfig::version_1(), identity, &message) {
            Ok(made) => Ok((Box::new(OlmSession(made.session)), made.plaintext)),
            Err(SessionCreationError::Decryption(e)) => Err(closed(&e)),
            Err(_) => Err(Closed::Foreign),
        }
    }

    fn encode(&self) -> Vec<u8> {
        json(&self.0.pickle())
    }
}

/// One end of an Olm session.
pub(super) struct OlmSession(olm::Session);

impl OlmSession {
    pub(super) fn decode(state: &[u8]) -> Result<Self, BadRow> {
        serde_json::from_slice(state).map(|pickle| Self(olm::Session::from_pickle(pickle))).map_err(|_| BadRow)
    }
}

impl Session for OlmSession {
    fn encrypt(&mut self, plain: &[u8]) -> Option<Message> {
        Some(match self.0.encrypt(plain).ok()? {
            OlmMessage::PreKey(m) => Message { first: true, body: m.to_bytes() },
            OlmMessage::Normal(m) => Message { first: false, body: m.to_bytes() },
        })
    }

    fn decrypt(&mut self, message: &Message) -> Result<Vec<u8>, Closed> {
        let message = if message.first {
            PreKeyMessage::from_bytes(&message.body).map(OlmMessage::PreKey)
        } else {
            olm::Message::from_bytes(&message.body).map(OlmMessage::Normal)
        };
        let message = message.map_err(|_| Closed::Foreign)?;
        // vodozemac prepares the next sending key before it knows whether the message opens, and keeps it if it does not.
        let before = self.0.pickle();
        self.0.decrypt(&message).map_err(|e| {
            self.0 = olm::Session::from_pickle(before);
            closed(&e)
        })
    }

    fn encode(&self) -> Vec<u8> {
        json(&self.0.pickle())
    }
}

/// The keys in a message that begins a session.
pub(super) fn first_keys(body: &[u8]) -> Option<FirstKeys> {
    let message = PreKeyMessage::from_bytes(body).ok()?;
    Some(FirstKeys { identity: message.identity_key().to_bytes(), base: message.base_key().to_bytes() })
}

fn closed(error: &DecryptionError) -> Closed {
    match error {
        DecryptionError::MissingMessageKey(_) => Closed::Used,
        _ => Closed::Foreign,
    }
}

fn json(pickle: &impl serde::Serialize) -> Vec<u8> {
    // Writing JSON into memory fails only for maps with keys that are no text, and there are none.
    let text = Zeroizing::new(serde_json::to_vec(pickle).unwrap_or_default());
    text.to_vec()
}
