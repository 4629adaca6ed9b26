//! Introductions on the local network: who is behind a transport key, signed by one of the account's devices.

use super::device::{DeviceError, DeviceSecret, DeviceSetInfo};
use super::login::Login;
use super::text;
use crate::crypto::{labels, sign};
use crate::ids::{AccountId, DeviceId, PeerKey};
use crate::link::Proto;
use crate::wire::codec;
use crate::wire::identity::{LanHello, Signed};
use crate::wire::shapes::SIGNED_PAYLOAD;

/// A verified introduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Introduction {
    /// Who.
    pub account: AccountId,
    /// Which of their devices.
    pub device: DeviceId,
    /// All of their devices.
    pub set: DeviceSetInfo,
    /// The signed form of `set`.
    pub device_set: Signed,
    /// Login they claim; empty if `gone`.
    pub login: String,
    /// Name they chose, cleaned; empty if `gone`.
    pub name: String,
    /// They no longer want to be seen.
    pub gone: bool,
}

/// Why an introduction is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LanError {
    /// Not the message it should be, or a bad device set or signature.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// It was made for another connection, and is being repeated here.
    #[error("it is about another transport key")]
    OtherPeer,
    /// The signing device is not one of the account's.
    #[error("the account does not list the device that signed it")]
    OtherDevice,
    /// Login or name are not fit to be shown.
    #[error("its login or name cannot be shown")]
    Unfit,
}

/// Signs an introduction.
#[must_use]
pub fn sign(device: &DeviceSecret, hello: &LanHello) -> Signed {
    sign::seal_signed(device.key(), labels::LAN_HELLO, codec::encode(hello))
}

/// Verifies an encoded, signed introduction that came from the transport key `peer`.
///
/// # Errors
/// A malformed one, one made for another transport key, by a device that the account does not list, or with a login or name
/// that cannot be shown.
pub fn verify(frame: &[u8], peer: PeerKey) -> Result<Introduction, LanError> {
    let signed: Signed = codec::decode(frame, Proto::LanHello.max_frame()).map_err(DeviceError::from)?;
    let hello: LanHello = codec::decode(&signed.payload, SIGNED_PAYLOAD).map_err(DeviceError::from)?;
    if hello.v != 1 {
        return Err(DeviceError::Newer(hello.v).into());
    }
    if hello.peer != peer.as_bytes() {
        return Err(LanError::OtherPeer);
    }
    let device_set = hello.device_set.ok_or(LanError::OtherDevice)?;
    let set = DeviceSetInfo::verify_unknown(&device_set)?;
    let device = DeviceId::from_slice(&hello.device).map_err(|_| DeviceError::Length("device key"))?;
    if set.device(device).is_none() {
        return Err(LanError::OtherDevice);
    }
    sign::open_signed(&device.0, labels::LAN_HELLO, &signed).map_err(DeviceError::from)?;
    let (login, name) = if hello.gone {
        Default::default()
    } else {
        let login = Login::exact(&hello.login).map_err(|_| LanError::Unfit)?;
        (login.to_string(), text::clean_name(&hello.name).map_err(|_| LanError::Unfit)?)
    };
    Ok(Introduction { account: set.account, device, set, device_set, login, name, gone: hello.gone })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::AccountSecret;
    use crate::identity::device::{DeviceInfo, device_set};

    fn hello(device: &DeviceSecret) -> LanHello {
        let account = AccountSecret::from_entropy([1; 16]);
        let listed = DeviceSecret::from_seed([2; 32]).id();
        let info = DeviceInfo { device: listed, olm: [1; 32], ek: [1; 32], added_ms: 0, label_ct: vec![], caps: 0 };
        LanHello {
            v: 1,
            peer: vec![9; 32],
            device_set: Some(account.sign_device_set(&device_set(account.account_id(), 1, &[info], None))),
            device: device.id().to_vec(),
            login: "anna".into(),
            name: "Anna\u{202e}".into(),
            gone: false,
        }
    }

    fn seen(device: &DeviceSecret, hello: &LanHello, peer: u8) -> Result<Introduction, LanError> {
        verify(&codec::encode(&sign(device, hello)), PeerKey([peer; 32]))
    }

    #[test]
    fn an_introduction_holds_on_its_own_connection_only() {
        let device = DeviceSecret::from_seed([2; 32]);
        let found = seen(&device, &hello(&device), 9).unwrap();
        assert_eq!((found.login.as_str(), found.name.as_str(), found.gone), ("anna", "Anna", false));
        assert_eq!(found.account, AccountSecret::from_entropy([1; 16]).account_id());
        assert_eq!(seen(&device, &hello(&device), 8), Err(LanError::OtherPeer));
    }

    #[test]
    fn a_device_that_the_account_does_not_list_speaks_for_nobody() {
        let stranger = DeviceSecret::from_seed([3; 32]);
        assert_eq!(seen(&stranger, &hello(&stranger), 9), Err(LanError::OtherDevice));
        let listed = DeviceSecret::from_seed([2; 32]);
        assert!(matches!(seen(&stranger, &hello(&listed), 9), Err(LanError::Device(DeviceError::Signature(_)))));
    }

    #[test]
    fn a_bad_login_is_refused_and_a_goodbye_needs_none() {
        let device = DeviceSecret::from_seed([2; 32]);
        assert_eq!(seen(&device, &LanHello { login: "An na".into(), ..hello(&device) }, 9), Err(LanError::Unfit));
        let gone = LanHello { login: String::new(), name: String::new(), gone: true, ..hello(&device) };
        assert!(seen(&device, &gone, 9).unwrap().gone);
    }
}
