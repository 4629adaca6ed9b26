//! What the frames of a queue hold. A frame has one of two lengths, and looks random to everybody but its reader.
//!
//! - In a contact's queue: 16 bytes of salt, then an XChaCha20-Poly1305 box of an encoded [`Mail`], under a key derived from the frame
//!   key of the queue and the salt. The ratchet message inside is sealed already; this layer hides which device wrote it.
//! - At a door, which strangers write to: an anonymous box (see [`anonymous`]) to the X25519 key of the owner's device. Inside, two bytes
//!   of length (little-endian), an encoded [`Deliver`], zeroes.

use crate::crypto::aead::{self, Key};
use crate::crypto::ratchet::DeviceKeys;
use crate::crypto::{anonymous, labels};
use crate::limits::{MAIL_LARGE, MAIL_SMALL};
use crate::wire::codec;
use crate::wire::inbox::Deliver;
use crate::wire::mailbox::Mail;

/// Bytes of salt before the box of a contact's frame.
const SALT: usize = 16;
/// Bytes around an encoded [`Mail`].
const AROUND: usize = SALT + aead::TAG;
/// Bytes of length before an encoded [`Deliver`].
const LENGTH: usize = 2;
/// Bytes of the key and the length before the padding of a [`Mail`]: lengths from 128 to 16,383 take two.
const PAD_HEAD: usize = 3;
/// Shortest padding whose length takes two bytes.
const PAD_LEAST: usize = 128;

/// Why nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// It does not fit the larger size of a frame.
    #[error("{len} bytes are more than fit into a frame of a mailbox")]
    TooLarge {
        /// Encoded bytes.
        len: usize,
    },
    /// The key of the receiver would make the box readable to everybody.
    #[error("the receiver's key is weak")]
    WeakKey,
}

/// A frame that is not for this reader, was changed, or holds something else than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame of the mailbox cannot be opened")]
pub struct BadMail;

/// Whether a frame has one of the two lengths.
#[must_use]
pub const fn is_frame_len(len: usize) -> bool {
    len == MAIL_SMALL || len == MAIL_LARGE
}

/// Seals a message for a contact's queue. `frame_key` is that of the queue, `salt` is random; the padding of `mail` is set here.
///
/// # Errors
/// A message that does not fit the larger frame. No padded ratchet message comes near.
pub fn seal_mail(frame_key: &[u8; 32], mut mail: Mail, salt: [u8; SALT]) -> Result<Vec<u8>, NotSealed> {
    mail.pad.clear();
    let len = codec::size(&mail);
    let room = |size: usize| size.saturating_sub(AROUND);
    let fits = |size: &usize| len.saturating_add(PAD_HEAD).saturating_add(PAD_LEAST) <= room(*size);
    let size = [MAIL_SMALL, MAIL_LARGE].into_iter().find(fits).ok_or(NotSealed::TooLarge { len })?;
    mail.pad = vec![0; room(size).saturating_sub(len).saturating_sub(PAD_HEAD)];
    let mut frame = salt.to_vec();
    frame.extend(aead::seal(&mail_key(frame_key, &salt), 0, &[], &codec::encode(&mail)));
    Ok(frame)
}

/// Opens what [`seal_mail`] made with the same frame key.
///
/// # Errors
/// Anything else.
pub fn open_mail(frame_key: &[u8; 32], frame: &[u8]) -> Result<Mail, BadMail> {
    let (salt, sealed) = frame.split_first_chunk::<SALT>().filter(|_| is_frame_len(frame.len())).ok_or(BadMail)?;
    let plain = aead::open(&mail_key(frame_key, salt), 0, &[], sealed).map_err(|_| BadMail)?;
    let mut mail: Mail = codec::decode(&plain, MAIL_LARGE).map_err(|_| BadMail)?;
    mail.pad.clear();
    Ok(mail)
}

fn mail_key(frame_key: &[u8; 32], salt: &[u8; SALT]) -> Key {
    aead::derive(salt, frame_key, labels::MAILBOX_FRAME, &[])
}

/// Seals a contact request for a door. `ek` is the key for wraps in the device set of the owner, `random` is fresh.
///
/// # Errors
/// A request that does not fit the larger frame, or a weak key.
pub fn seal_knock(ek: &[u8; 32], deliver: &Deliver, random: [u8; 32]) -> Result<Vec<u8>, NotSealed> {
    let encoded = codec::encode(deliver);
    let len = encoded.len();
    let room = |size: usize| size.saturating_sub(anonymous::AROUND);
    let fits = |size: &usize| len.saturating_add(LENGTH) <= room(*size);
    let size = [MAIL_SMALL, MAIL_LARGE].into_iter().find(fits).ok_or(NotSealed::TooLarge { len })?;
    let mut plain = u16::try_from(len).map_err(|_| NotSealed::TooLarge { len })?.to_le_bytes().to_vec();
    plain.extend(encoded);
    plain.resize(room(size), 0);
    anonymous::seal(ek, labels::MAILBOX_DOOR, random, &plain).map_err(|_| NotSealed::WeakKey)
}

/// Opens what [`seal_knock`] made for this device.
///
/// # Errors
/// Anything else.
pub fn open_knock(keys: &DeviceKeys, frame: &[u8]) -> Result<Deliver, BadMail> {
    if !is_frame_len(frame.len()) {
        return Err(BadMail);
    }
    let plain = keys.open_anonymous(labels::MAILBOX_DOOR, frame).map_err(|_| BadMail)?;
    let (len, rest) = plain.split_first_chunk::<LENGTH>().ok_or(BadMail)?;
    let encoded = rest.get(..usize::from(u16::from_le_bytes(*len))).ok_or(BadMail)?;
    codec::decode(encoded, MAIL_LARGE).map_err(|_| BadMail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ratchet::RatchetKind;
    use crate::time::UnixMs;
    use crate::wire::link::SealedFrame;

    fn mail(bytes: usize) -> Mail {
        let sealed = SealedFrame { v: 1, kem_ct: vec![], wrap_id: vec![1; 8], counter: 5, ct: vec![2; bytes] };
        Mail { from: vec![3; 32], sealed: Some(sealed), pad: vec![] }
    }

    #[test]
    fn mail_of_every_length_becomes_one_of_two_frames_and_reads_back() {
        let mut seen = std::collections::BTreeSet::new();
        for bytes in (0..3_700).step_by(7).chain(3_800..4_100).chain((4_100..17_000).step_by(97)).chain([17_000]) {
            let frame = seal_mail(&[9; 32], mail(bytes), [4; 16]).unwrap();
            seen.insert(frame.len());
            assert_eq!(open_mail(&[9; 32], &frame).unwrap(), mail(bytes), "{bytes}");
        }
        assert_eq!(seen, [MAIL_SMALL, MAIL_LARGE].into());
        assert!(matches!(seal_mail(&[9; 32], mail(MAIL_LARGE), [4; 16]), Err(NotSealed::TooLarge { .. })));
    }

    #[test]
    fn mail_opens_with_its_key_only_and_says_nothing_without() {
        let frame = seal_mail(&[9; 32], mail(10), [4; 16]).unwrap();
        assert_eq!(open_mail(&[8; 32], &frame), Err(BadMail));
        assert_ne!(seal_mail(&[9; 32], mail(10), [5; 16]).unwrap()[16..], frame[16..], "another salt, another box");
        for at in [0, 16, frame.len() - 1] {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            assert_eq!(open_mail(&[9; 32], &changed), Err(BadMail), "byte {at}");
        }
        assert_eq!(open_mail(&[9; 32], &frame[..100]), Err(BadMail));
    }

    #[test]
    fn a_knock_opens_to_the_device_it_is_for() {
        let keys = |seed| DeviceKeys::generate(RatchetKind::Double, [seed; 32], UnixMs(0));
        let (owner, other) = (keys(1), keys(2));
        for bytes in [0, 1, 2_000, 3_990, 4_000, 16_000] {
            let frame = SealedFrame { v: 1, ct: vec![7; bytes], ..SealedFrame::default() };
            let deliver = Deliver { account: vec![1; 32], pow: 3, frame: Some(frame), from: vec![2; 32], ..Deliver::default() };
            let sealed = seal_knock(&owner.ek_public(), &deliver, [6; 32]).unwrap();
            assert!(is_frame_len(sealed.len()));
            assert_eq!(open_knock(&owner, &sealed), Ok(deliver));
            assert_eq!(open_knock(&other, &sealed), Err(BadMail));
        }
        let large = Deliver { from: vec![0; MAIL_LARGE], ..Deliver::default() };
        assert!(matches!(seal_knock(&owner.ek_public(), &large, [6; 32]), Err(NotSealed::TooLarge { .. })));
        assert_eq!(seal_knock(&[0; 32], &Deliver::default(), [6; 32]), Err(NotSealed::WeakKey));
    }

    #[test]
    fn a_knock_whose_length_lies_is_refused() {
        let keys = DeviceKeys::generate(RatchetKind::Double, [1; 32], UnixMs(0));
        let mut plain = vec![0; MAIL_SMALL - anonymous::AROUND];
        plain[..2].copy_from_slice(&u16::MAX.to_le_bytes());
        let sealed = anonymous::seal(&keys.ek_public(), labels::MAILBOX_DOOR, [6; 32], &plain).unwrap();
        assert_eq!(open_knock(&keys, &sealed), Err(BadMail));
    }
}
