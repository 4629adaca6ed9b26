//! STUN and TURN datagrams (RFC 8489, RFC 8656), as far as a relay looks at them before its library does. Strict: whatever is not whole,
//! or says a thing twice that counts once, is not read at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Largest datagram that is looked at, bytes: what fits an Ethernet frame.
pub const DATAGRAM: usize = 1500;
/// Bytes before the attributes.
const HEADER: usize = 20;
/// The magic cookie.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Attributes of one message: the peers, and ten more.
const ATTRIBUTES: usize = 42;
/// Peers named in one request: clients renew what they may do in one go, for every address of the other side.
const PEERS: usize = 32;

/// A datagram of a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// Data for the peer of a channel.
    Channel,
    /// A request, or an indication.
    Message(Message<'a>),
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Which address is seen.
    Binding,
    /// A place.
    Allocate,
    /// To keep a place, or to give it up.
    Refresh,
    /// To be allowed to send to a peer.
    CreatePermission,
    /// A short way to a peer.
    ChannelBind,
    /// Data for a peer. Not answered.
    Send,
}

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What is asked.
    pub method: Method,
    /// Names the question.
    pub transaction: [u8; 12],
    /// Who asks.
    pub username: Option<&'a str>,
    /// The challenge that is answered.
    pub nonce: Option<&'a str>,
    /// Whether there is a proof of the password. Whether it holds is not looked at here.
    pub proven: bool,
    /// The peers that it is about.
    pub peers: Vec<SocketAddr>,
    /// Whether a pair of ports is asked for, or one kept from before.
    pub pair: bool,
}

/// Codes of refusals (RFC 8489 §18.3, RFC 8656 §19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Code {
    /// Not without name and password, or not with these.
    Unauthorized = 401,
    /// Not to this peer.
    Forbidden = 403,
    /// There is no such place.
    Mismatch = 437,
    /// The challenge is too old.
    Stale = 438,
    /// The place is somebody else's.
    WrongUser = 441,
    /// Enough places.
    Quota = 486,
    /// No room.
    Full = 508,
}

impl Method {
    /// The request, or the indication where there is no request, by its type on the wire.
    const fn of(kind: u16) -> Option<Self> {
        Some(match kind {
            0x0001 => Self::Binding,
            0x0003 => Self::Allocate,
            0x0004 => Self::Refresh,
            0x0008 => Self::CreatePermission,
            0x0009 => Self::ChannelBind,
            0x0016 => Self::Send,
            _ => return None,
        })
    }

    /// Type of the response that refuses it.
    const fn refused(self) -> u16 {
        0x0110
            | match self {
                Self::Binding => 0x0001,
                Self::Allocate => 0x0003,
                Self::Refresh => 0x0004,
                Self::CreatePermission => 0x0008,
                Self::ChannelBind => 0x0009,
                Self::Send => 0x0006,
            }
    }
}

impl<'a> Datagram<'a> {
    /// Reads a datagram; `None` for what no client of a relay sends.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > DATAGRAM {
            return None;
        }
        match bytes {
            [0x40..=0x4F, _, high, low, data @ ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                // Padding to a multiple of four is allowed over UDP (RFC 8656 §12.5).
                let padding = data.len().checked_sub(len)?;
                (padding < 4).then_some(Self::Channel)
            }
            _ => Message::read(bytes).map(Self::Message),
        }
    }
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER>()?;
        let [k1, k2, l1, l2, c1, c2, c3, c4, transaction @ ..] = *header;
        let len = usize::from(u16::from_be_bytes([l1, l2]));
        if [c1, c2, c3, c4] != COOKIE || len != rest.len() {
            return None;
        }
        let method = Method::of(u16::from_be_bytes([k1, k2]))?;
        let mut read = Self { method, transaction, username: None, nonce: None, proven: false, peers: Vec::new(), pair: false };
        let mut count = 0_usize;
        while let Some((&[t1, t2, l1, l2], after)) = rest.split_first_chunk::<4>() {
            count = count.saturating_add(1);
            let len = usize::from(u16::from_be_bytes([l1, l2]));
            let value = after.get(..len)?;
            rest = after.get(len.next_multiple_of(4)..)?;
            if count > ATTRIBUTES || !read.take(u16::from_be_bytes([t1, t2]), value) {
                return None;
            }
        }
        rest.is_empty().then_some(read)
    }

    /// Takes in one attribute; `false` if it makes the message unreadable.
    fn take(&mut self, kind: u16, value: &'a [u8]) -> bool {
        match kind {
            // What follows the proof is not covered by it. A second proof and a fingerprint may follow (RFC 8489 §14.5).
            _ if self.proven && !matches!(kind, 0x001C | 0x8028) => false,
            0x0006 => std::str::from_utf8(value).is_ok_and(|text| self.username.replace(text).is_none()),
            0x0015 => std::str::from_utf8(value).is_ok_and(|text| self.nonce.replace(text).is_none()),
            0x0008 => {
                self.proven = true;
                value.len() == 20
            }
            0x0012 => match self.peer(value) {
                Some(peer) if self.peers.len() < PEERS => {
                    self.peers.push(peer);
                    true
                }
                _ => false,
            },
            0x0018 | 0x0022 => {
                self.pair = true;
                true
            }
            _ => true,
        }
    }

    /// XOR-PEER-ADDRESS (RFC 8489 §14.2).
    fn peer(&self, value: &[u8]) -> Option<SocketAddr> {
        let (&[_, family, p1, p2], ip) = value.split_first_chunk::<4>()?;
        let [a, b, c, d] = COOKIE;
        let port = u16::from_be_bytes([p1 ^ a, p2 ^ b]);
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(COOKIE.into_iter().chain(self.transaction)) {
            *to = from;
        }
        let ip = match family {
            1 => {
                let [w, x, y, z]: [u8; 4] = ip.try_into().ok()?;
                IpAddr::V4(Ipv4Addr::new(w ^ a, x ^ b, y ^ c, z ^ d))
            }
            2 => {
                let mut ip: [u8; 16] = ip.try_into().ok()?;
                for (to, from) in ip.iter_mut().zip(key) {
                    *to ^= from;
                }
                IpAddr::V6(Ipv6Addr::from(ip))
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// The response that refuses it, with a realm and a challenge where name and password are asked for.
    #[must_use]
    pub fn refusal(&self, code: Code, challenge: Option<(&str, &str)>) -> Vec<u8> {
        let mut attributes = Vec::new();
        let code = code as u16;
        let (hundreds, rest) = (code.div_euclid(100), code.rem_euclid(100));
        attribute(&mut attributes, 0x0009, &[0, 0, u8::try_from(hundreds).unwrap_or(5), u8::try_from(rest).unwrap_or(0)]);
        if let Some((realm, nonce)) = challenge {
            attribute(&mut attributes, 0x0014, realm.as_bytes());
            attribute(&mut attributes, 0x0015, nonce.as_bytes());
        }
        let len = u16::try_from(attributes.len()).unwrap_or(u16::MAX);
        let mut out = Vec::with_capacity(attributes.len().saturating_add(HEADER));
        out.extend(self.method.refused().to_be_bytes());
        out.extend(len.to_be_bytes());
        out.extend(COOKIE);
        out.extend(self.transaction);
        out.append(&mut attributes);
        out
    }
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
pub(crate) mod testing {
    use super::attribute;

    /// A request of a client, as it would send it.
    pub fn request(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut rest = Vec::new();
        for (kind, value) in attributes {
            attribute(&mut rest, *kind, value);
        }
        let len = u16::try_from(rest.len()).unwrap();
        [&kind.to_be_bytes()[..], &len.to_be_bytes(), &super::COOKIE, &[7; 12], &rest].concat()
    }

    /// XOR-PEER-ADDRESS of an IPv4 peer.
    pub fn peer(ip: [u8; 4], port: u16) -> Vec<u8> {
        let port = port ^ 0x2112;
        let [a, b, c, d] = ip;
        [&[0, 1][..], &port.to_be_bytes(), &[a ^ 0x21, b ^ 0x12, c ^ 0xA4, d ^ 0x42]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{peer, request};
    use super::*;

    fn message(bytes: &[u8]) -> Option<Message<'_>> {
        match Datagram::read(bytes)? {
            Datagram::Message(message) => Some(message),
            Datagram::Channel => None,
        }
    }

    /// RFC 5769 §2.1: a request of a real client, with everything that matters here.
    #[test]
    fn the_sample_request_of_the_standard_is_read() {
        let sample = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
        let read = message(sample).unwrap();
        assert_eq!((read.method, read.username, read.nonce, read.proven), (Method::Binding, Some("evtj:h6vY"), None, true));
        assert_eq!(&read.transaction, b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae");
        for end in 0..sample.len() {
            assert_eq!(message(&sample[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn peers_are_unmasked() {
        let bytes = request(0x0008, &[(0x0012, &peer([192, 0, 2, 1], 32853)), (0x0012, &peer([10, 0, 0, 7], 53))]);
        let peers: Vec<String> = message(&bytes).unwrap().peers.iter().map(ToString::to_string).collect();
        assert_eq!(peers, ["192.0.2.1:32853", "10.0.0.7:53"]);
        let masked: Vec<u8> = (0..16).map(|n| if n < 4 { COOKIE[n] } else { 7 }).collect();
        let v6 = [&[0, 2, 0x21, 0x12 ^ 9][..], &masked].concat();
        assert_eq!(message(&request(0x0009, &[(0x0012, &v6)])).unwrap().peers, ["[::]:9".parse().unwrap()]);
        assert_eq!(message(&request(0x0008, &[(0x0012, &[0, 1, 0, 0, 1, 2, 3])])), None);
        assert_eq!(message(&request(0x0008, &[(0x0012, &[0, 3, 0, 0, 1, 2, 3, 4])])), None);
    }

    #[test]
    fn what_says_two_things_or_goes_on_after_its_proof_is_not_read() {
        assert_eq!(message(&request(3, &[(6, b"a"), (6, b"b")])), None);
        assert_eq!(message(&request(3, &[(8, &[0; 20]), (6, b"a")])), None);
        assert_eq!(message(&request(3, &[(8, &[0; 19])])), None);
        assert!(message(&request(3, &[(6, b"a"), (8, &[0; 20]), (0x8028, &[0; 4])])).is_some());
        assert_eq!(message(&request(3, &[(0x7777, &[][..]); ATTRIBUTES + 1])), None);
        assert_eq!(message(&request(0x0101, &[])), None, "responses are nothing that a client sends");
        assert_eq!(message(&request(0x0011, &[])), None, "nor indications of other methods");
    }

    #[test]
    fn channels_are_told_from_messages() {
        assert_eq!(Datagram::read(&[0x40, 0, 0, 3, 1, 2, 3]), Some(Datagram::Channel));
        assert_eq!(Datagram::read(&[0x40, 0, 0, 3, 1, 2, 3, 0]), Some(Datagram::Channel));
        for bad in [
            &[][..],
            &[0x40],
            &[0x40, 0, 0, 4, 1, 2, 3],
            &[0x40, 0, 0, 1, 1, 2, 3, 4, 5],
            &[0x50, 0, 0, 0],
            &[0x80; 40],
            &[0; DATAGRAM + 1],
        ] {
            assert_eq!(Datagram::read(bad), None, "{} bytes", bad.len());
        }
    }

    #[test]
    fn a_refusal_names_question_code_and_challenge() {
        let bytes = request(0x0003, &[]);
        let told = message(&bytes).unwrap().refusal(Code::Unauthorized, Some(("veche", "abc")));
        let expected = [
            &[0x01, 0x13, 0, 28][..],
            &COOKIE,
            &[7; 12],
            &[0, 9, 0, 4, 0, 0, 4, 1],
            &[0, 0x14, 0, 5],
            b"veche\0\0\0",
            &[0, 0x15, 0, 3],
            b"abc\0",
        ];
        assert_eq!(told, expected.concat());
    }
}
