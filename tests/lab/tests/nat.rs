//! Routers are what they are called, in the terms of RFC 4787: which port a peer sees, and who gets in through it.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use veche_lab::chance::Chance;
use veche_lab::nat::{Host, Internet, Nat};
use veche_lab::probe::{Mirror, heard, udp};
use veche_lab::world::{Place, inside_with_pump};

/// Far more than the time there and back.
const WAIT: Duration = Duration::from_millis(250);

/// RFC 4787, section 4.1: what a mapping depends on.
#[derive(Debug, PartialEq, Eq)]
enum Mapping {
    Own,
    EndpointIndependent,
    AddressAndPortDependent,
    Blocked,
}

/// RFC 4787, section 5: who gets in.
#[derive(Debug, PartialEq, Eq)]
enum Filtering {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
    Blocked,
}

/// Two public hosts that look at a home.
struct Watchers {
    one: Host,
    /// At two ports of the first host and one of the second.
    mirrors: [Mirror; 3],
    other: Host,
}

impl Watchers {
    fn new(internet: &mut Internet) -> Result<Self> {
        let (one, other) = (internet.in_public()?, internet.in_public()?);
        let mirror = |host: &Host, port: u16| Mirror::new(&host.namespace, &format!("{}:{port}", host.address));
        let mirrors = [mirror(&one, 7000)?, mirror(&one, 7001)?, mirror(&other, 7000)?];
        Ok(Self { one, mirrors, other })
    }

    fn mapping(&self, home: &Host) -> Result<Mapping> {
        let socket = udp(&home.namespace, &format!("{}:5600", home.address))?;
        let mut seen = Vec::new();
        for mirror in &self.mirrors {
            seen.extend(mirror.sees(&socket, WAIT)?);
        }
        let Some(first) = seen.first() else { return Ok(Mapping::Blocked) };
        ensure!(seen.len() == 3 && seen.iter().all(|address| address.ip() == home.public), "{seen:?}");
        Ok(match () {
            () if *first == socket.local_addr()? => Mapping::Own,
            () if seen.iter().all(|address| address == first) => Mapping::EndpointIndependent,
            () if seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2] => Mapping::AddressAndPortDependent,
            () => anyhow::bail!("a mapping of no kind: {seen:?}"),
        })
    }

    /// Whether a datagram from this socket, which the home has never written to, gets in at a mapped address.
    fn gets_in(&self, from: &UdpSocket, mapped: SocketAddr, home: &UdpSocket) -> Result<bool> {
        from.send_to(b"knock", mapped)?;
        Ok(heard(home, WAIT)?.is_some_and(|(_, said)| said == b"knock"))
    }

    fn filtering(&self, home: &Host) -> Result<Filtering> {
        let socket = udp(&home.namespace, &format!("{}:5601", home.address))?;
        let Some(mapped) = self.mirrors[0].sees(&socket, WAIT)? else { return Ok(Filtering::Blocked) };
        let from_another_port = udp(&self.one.namespace, &format!("{}:7009", self.one.address))?;
        let from_another_host = udp(&self.other.namespace, &format!("{}:7009", self.other.address))?;
        let port = self.gets_in(&from_another_port, mapped, &socket)?;
        let host = self.gets_in(&from_another_host, mapped, &socket)?;
        // What was turned away has changed nothing.
        ensure!(self.mirrors[0].sees(&socket, WAIT)? == Some(mapped), "the mapping did not last");
        Ok(match (host, port) {
            (true, true) => Filtering::EndpointIndependent,
            (false, true) => Filtering::AddressDependent,
            (false, false) => Filtering::AddressAndPortDependent,
            (true, false) => anyhow::bail!("a filter that lets in other hosts and not other ports"),
        })
    }

    /// Whether somebody gets in at a port that the home has not used.
    fn unused_is_open(&self, home: &Host) -> Result<bool> {
        let socket = udp(&home.namespace, &format!("{}:5602", home.address))?;
        let stranger = udp(&self.one.namespace, &format!("{}:7008", self.one.address))?;
        self.gets_in(&stranger, SocketAddr::new(home.public.into(), 5602), &socket)
    }
}

#[test]
fn every_router_maps_and_filters_as_its_kind_does() -> Result<()> {
    if inside_with_pump("every_router_maps_and_filters_as_its_kind_does", &["nft"])? == Place::Done {
        return Ok(());
    }
    let mut internet = Internet::new(Chance::seed())?;
    let watchers = Watchers::new(&mut internet)?;
    for nat in Nat::ALL {
        let home = internet.behind(nat)?;
        let (mapping, filtering) = match nat {
            Nat::None => (Mapping::Own, Filtering::EndpointIndependent),
            Nat::Open => (Mapping::EndpointIndependent, Filtering::EndpointIndependent),
            Nat::Moderate => (Mapping::EndpointIndependent, Filtering::AddressAndPortDependent),
            Nat::Strict => (Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent),
            Nat::UdpBlocked => (Mapping::Blocked, Filtering::Blocked),
        };
        let look = || -> Result<()> {
            let seen = watchers.mapping(&home)?;
            ensure!(seen == mapping, "the mapping is {seen:?}");
            let seen = watchers.filtering(&home)?;
            ensure!(seen == filtering, "the filtering is {seen:?}");
            ensure!(watchers.unused_is_open(&home)? == (nat == Nat::None), "a port that nobody uses");
            let by_tcp = watchers.mirrors[0].sees_tcp(&home.namespace, WAIT)?;
            ensure!(by_tcp.is_some_and(|address| address.ip() == home.public), "TCP comes from {by_tcp:?}");
            Ok(())
        };
        look().with_context(|| format!("behind a router of the kind {nat}"))?;
    }
    Ok(())
}

#[test]
fn two_moderate_homes_reach_each_other_by_punching_and_a_strict_one_does_not() -> Result<()> {
    if inside_with_pump("two_moderate_homes_reach_each_other_by_punching_and_a_strict_one_does_not", &["nft"])? == Place::Done {
        return Ok(());
    }
    let mut internet = Internet::new(Chance::seed())?;
    let watchers = Watchers::new(&mut internet)?;
    for (one, other, reached) in [(Nat::Moderate, Nat::Moderate, true), (Nat::Open, Nat::Strict, true), (Nat::Moderate, Nat::Strict, false)]
    {
        let homes = [internet.behind(one)?, internet.behind(other)?];
        let sockets = [udp(&homes[0].namespace, "0.0.0.0:5600")?, udp(&homes[1].namespace, "0.0.0.0:5600")?];
        let mut mapped = Vec::new();
        for socket in &sockets {
            mapped.push(watchers.mirrors[0].sees(socket, WAIT)?.context("no way out")?);
        }
        // Both send to where the other was seen, twice: the first opens the own router.
        let mut met = [false; 2];
        for _ in 0..2 {
            sockets[0].send_to(b"punch", mapped[1])?;
            sockets[1].send_to(b"punch", mapped[0])?;
            for (met, socket) in met.iter_mut().zip(&sockets) {
                while let Some((_, said)) = heard(socket, WAIT)? {
                    *met |= said == b"punch";
                }
            }
        }
        ensure!(met.contains(&true) == reached, "{one} and {other}: {met:?}");
    }
    Ok(())
}
