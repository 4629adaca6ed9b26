//! Contact links: `veche:c/…`, what a person hands to another to be found and written to.
//!
//! The part after the slash is base64url without padding of: version (1 byte, 1), flags (1), account key (32), then what the
//! flags announce, in this order: code (8), login (length, then bytes), IPv4 hints (count, then 39 bytes each: address 4,
//! port 2 big-endian, transport 1, transport key 32), IPv6 hints (count, then 51 bytes each), places behind relays (count, then
//! address family 1 (4 or 6), address, port, transport, key of the relay 32, transport key 32), operators' nodes (count, then
//! address family, address, port, transport, key); last 4 bytes of check, so that a link that lost a piece on its way is told
//! from one whose owner is away.

use super::login::Login;
use crate::crypto::{hash, labels};
use crate::ids::{AccountId, PeerKey};
use crate::limits;
use crate::link::{Addr, Hint, Transport};
use data_encoding::BASE64URL_NOPAD;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How every link of this program begins.
pub const SCHEME: &str = "veche:";
/// What follows for a contact.
const CONTACT: &str = "c/";
/// Longest link looked at, characters: eight places behind IPv6 relays, eight operators and the longest login take 1,500.
const MAX_TEXT: usize = 2048;
/// Format.
const VERSION: u8 = 1;
/// Bytes of check at the end.
const CHECK: usize = 4;

const WITH_CODE: u8 = 1;
const WITH_LOGIN: u8 = 1 << 1;
const WITH_IPV4: u8 = 1 << 2;
const WITH_IPV6: u8 = 1 << 3;
const WITH_RELAYED: u8 = 1 << 4;
const WITH_OPERATORS: u8 = 1 << 5;
const KNOWN_FLAGS: u8 = WITH_CODE | WITH_LOGIN | WITH_IPV4 | WITH_IPV6 | WITH_RELAYED | WITH_OPERATORS;

/// What a contact link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactLink {
    /// Whom it names.
    pub account: AccountId,
    /// Lets its holder knock without proving work.
    pub code: Option<[u8; 8]>,
    /// The login they claim.
    pub login: Option<String>,
    /// Where they may be reached, at most [`limits::HINTS`].
    pub hints: Vec<Hint>,
    /// Nodes of operators that the owner uses, so that somebody with none can reach them too; at most [`limits::OPERATORS`].
    pub operators: Vec<Hint>,
}

/// Why text is no contact link. The text is the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Another kind of link or text.
    #[error("it does not begin with veche:c/")]
    NotContact,
    /// A piece is missing or changed.
    #[error("a piece of it is missing or changed; copy it again as a whole")]
    Damaged,
    /// Made by a newer program.
    #[error("it was made by a newer version of this program")]
    Newer,
    /// It reads as a whole and says something impossible.
    #[error("its {0} makes no sense")]
    Unfit(&'static str),
}

impl ContactLink {
    /// Reads a link as people paste it: with white space around or line breaks inside.
    ///
    /// # Errors
    /// See [`LinkError`]. Parts that only newer programs know are skipped.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        if text.len() > MAX_TEXT.saturating_mul(2) {
            return Err(LinkError::Damaged);
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let scheme = text.get(..SCHEME.len()).filter(|s| s.eq_ignore_ascii_case(SCHEME)).ok_or(LinkError::NotContact)?;
        // Some systems insert slashes into what they take for a host.
        let rest = text.get(scheme.len()..).unwrap_or_default().trim_start_matches('/');
        let data = rest.strip_prefix(CONTACT).ok_or(LinkError::NotContact)?;
        let bytes = BASE64URL_NOPAD.decode(data.trim_end_matches('=').as_bytes()).map_err(|_| LinkError::Damaged)?;
        Self::from_bytes(&bytes)
    }

    /// Reads the bytes behind the text form, as QR codes may carry them.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LinkError> {
        if bytes.first().is_some_and(|version| *version > VERSION) {
            return Err(LinkError::Newer);
        }
        let (body, sum) = bytes.len().checked_sub(CHECK).and_then(|at| bytes.split_at_checked(at)).ok_or(LinkError::Damaged)?;
        if sum != check(body) {
            return Err(LinkError::Damaged);
        }
        let mut rest = Rest(body);
        let [version, flags] = rest.take()?;
        if version != VERSION {
            return Err(LinkError::Unfit("version"));
        }
        let account = AccountId(rest.take()?);
        let code = if flags & WITH_CODE == 0 { None } else { Some(rest.take()?) };
        let login = if flags & WITH_LOGIN == 0 { None } else { Some(rest.login()?) };
        let mut hints = Vec::new();
        if flags & WITH_IPV4 != 0 {
            rest.hints(&mut hints, |rest| rest.take().map(|ip: [u8; 4]| IpAddr::V4(Ipv4Addr::from(ip))))?;
        }
        if flags & WITH_IPV6 != 0 {
            rest.hints(&mut hints, |rest| rest.take().map(|ip: [u8; 16]| IpAddr::V6(Ipv6Addr::from(ip))))?;
        }
        if flags & WITH_RELAYED != 0 {
            for _ in 0..rest.count(limits::HINTS.saturating_sub(hints.len()))? {
                let (socket, transport) = rest.place()?;
                let (relay, peer) = (PeerKey(rest.take()?), PeerKey(rest.take()?));
                hints.extend(transport.map(|transport| Hint { peer, addr: Addr::behind(relay, socket, transport) }));
            }
        }
        let mut operators = Vec::new();
        if flags & WITH_OPERATORS != 0 {
            for _ in 0..rest.count(limits::OPERATORS)? {
                let (socket, transport) = rest.place()?;
                let peer = PeerKey(rest.take()?);
                operators.extend(transport.map(|transport| Hint { peer, addr: Addr::direct(socket, transport) }));
            }
        }
        if flags & !KNOWN_FLAGS == 0 && !rest.0.is_empty() {
            return Err(LinkError::Unfit("length"));
        }
        Ok(Self { account, code, login, hints, operators })
    }

    /// The bytes behind the text form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut body = vec![VERSION, 0];
        body.extend_from_slice(self.account.as_bytes());
        if let Some(code) = self.code {
            flags |= WITH_CODE;
            body.extend_from_slice(&code);
        }
        if let Some(login) = &self.login {
            flags |= WITH_LOGIN;
            push_count(&mut body, login.len());
            body.extend_from_slice(login.as_bytes());
        }
        let hints = || self.hints.iter().take(limits::HINTS).filter(|hint| hint.addr.relay.is_none());
        for (flag, v4) in [(WITH_IPV4, true), (WITH_IPV6, false)] {
            let count = hints().filter(|hint| hint.addr.socket.is_ipv4() == v4).count();
            if count == 0 {
                continue;
            }
            flags |= flag;
            push_count(&mut body, count);
            for hint in hints().filter(|hint| hint.addr.socket.is_ipv4() == v4) {
                push_hint(&mut body, hint);
            }
        }
        let relayed: Vec<(&Hint, PeerKey)> =
            self.hints.iter().take(limits::HINTS).filter_map(|hint| hint.addr.relay.map(|relay| (hint, relay))).collect();
        if !relayed.is_empty() {
            flags |= WITH_RELAYED;
            push_count(&mut body, relayed.len());
            for (hint, relay) in relayed {
                push_place(&mut body, &hint.addr);
                body.extend_from_slice(relay.as_bytes());
                body.extend_from_slice(hint.peer.as_bytes());
            }
        }
        let operators = self.operators.get(..limits::OPERATORS).unwrap_or(&self.operators);
        if !operators.is_empty() {
            flags |= WITH_OPERATORS;
            push_count(&mut body, operators.len());
            for hint in operators {
                push_place(&mut body, &hint.addr);
                body.extend_from_slice(hint.peer.as_bytes());
            }
        }
        if let Some(slot) = body.get_mut(1) {
            *slot = flags;
        }
        body.extend_from_slice(&check(&body));
        body
    }
}

impl fmt::Display for ContactLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{CONTACT}{}", BASE64URL_NOPAD.encode(&self.to_bytes()))
    }
}

fn check(body: &[u8]) -> [u8; CHECK] {
    hash::prefix(&hash::h(labels::CONTACT_LINK, &[body]))
}

/// Counts here are at most [`limits::HINTS`] or the length of a login.
fn push_count(body: &mut Vec<u8>, count: usize) {
    body.push(u8::try_from(count).unwrap_or(u8::MAX));
}

fn push_hint(body: &mut Vec<u8>, hint: &Hint) {
    push_addr(body, &hint.addr);
    body.extend_from_slice(hint.peer.as_bytes());
}

/// An address of either family.
fn push_place(body: &mut Vec<u8>, addr: &Addr) {
    body.push(if addr.socket.is_ipv4() { 4 } else { 6 });
    push_addr(body, addr);
}

fn push_addr(body: &mut Vec<u8>, addr: &Addr) {
    match addr.socket.ip() {
        IpAddr::V4(ip) => body.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => body.extend_from_slice(&ip.octets()),
    }
    body.extend_from_slice(&addr.socket.port().to_be_bytes());
    body.push(match addr.transport {
        Transport::Quic => 1,
        Transport::Tcp => 2,
    });
}

/// What is not yet read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], LinkError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(LinkError::Unfit("length"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn login(&mut self) -> Result<String, LinkError> {
        let [len] = self.take()?;
        let (login, rest) = self.0.split_at_checked(usize::from(len)).ok_or(LinkError::Unfit("length"))?;
        self.0 = rest;
        let login = std::str::from_utf8(login).ok().and_then(|login| Login::exact(login).ok());
        login.map(|login| login.to_string()).ok_or(LinkError::Unfit("login"))
    }

    fn hints(&mut self, out: &mut Vec<Hint>, ip: impl Fn(&mut Self) -> Result<IpAddr, LinkError>) -> Result<(), LinkError> {
        for _ in 0..self.count(limits::HINTS.saturating_sub(out.len()))? {
            let ip = ip(self)?;
            let (socket, transport) = self.addr(ip)?;
            let peer = PeerKey(self.take()?);
            out.extend(transport.map(|transport| Hint { peer, addr: Addr::direct(socket, transport) }));
        }
        Ok(())
    }

    fn count(&mut self, most: usize) -> Result<u8, LinkError> {
        let [count] = self.take()?;
        if count == 0 || usize::from(count) > most {
            return Err(LinkError::Unfit("number of addresses"));
        }
        Ok(count)
    }

    fn place(&mut self) -> Result<(SocketAddr, Option<Transport>), LinkError> {
        let ip = match self.take()? {
            [4] => IpAddr::V4(Ipv4Addr::from(self.take::<4>()?)),
            [6] => IpAddr::V6(Ipv6Addr::from(self.take::<16>()?)),
            _ => return Err(LinkError::Unfit("address")),
        };
        self.addr(ip)
    }

    /// Port and transport after an IP address. A transport of a newer version is `None`: nothing to dial here.
    fn addr(&mut self, ip: IpAddr) -> Result<(SocketAddr, Option<Transport>), LinkError> {
        let port = u16::from_be_bytes(self.take()?);
        let transport = match self.take()? {
            [1] => Some(Transport::Quic),
            [2] => Some(Transport::Tcp),
            _ => None,
        };
        if ip.is_unspecified() || ip.is_multicast() || port == 0 {
            return Err(LinkError::Unfit("address"));
        }
        Ok((SocketAddr::new(ip, port), transport))
    }
}

#[cfg(test)]
mod tests;
