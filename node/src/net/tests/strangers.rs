//! What somebody is told who speaks libp2p with a node and is nobody's friend.

use super::*;
use crate::net::{NetCmd, Rate, ServerConfig, Shelf, ShelfRules, serve};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{dcutr, identify, relay};
use std::collections::BTreeSet;
use veche_protocol::identity::login::TagCost;
use veche_protocol::link::Hint;

/// Everything that could make a node talk about itself.
#[derive(NetworkBehaviour)]
struct Curious {
    circuit: relay::client::Behaviour,
    identify: identify::Behaviour,
    punch: dcutr::Behaviour,
    ping: libp2p::ping::Behaviour,
    streams: streams::Behaviour,
}

/// What was said.
#[derive(Debug, Default)]
struct Told {
    addrs: BTreeSet<String>,
    protocols: BTreeSet<String>,
    punched: bool,
}

fn curious(seed: u8) -> Swarm<Curious> {
    let key = Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    let me = key.public().to_peer_id();
    let (circuits, circuit) = relay::client::new(me);
    let behaviour = Curious {
        circuit,
        identify: identify::Behaviour::new(identify::Config::new("/curious/1".to_owned(), key.public())),
        punch: dcutr::Behaviour::new(me),
        ping: libp2p::ping::Behaviour::default(),
        streams: streams::Behaviour::default(),
    };
    let transport = transport::build(&key, transport::Reach::Circuits(circuits, meter::Meters::default())).unwrap();
    let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE);
    let mut swarm = Swarm::new(transport, behaviour, me, config);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    swarm
}

/// Listens to one peer for a while.
async fn listen(swarm: &mut Swarm<Curious>, peer: PeerId, time: Duration, told: &mut Told) {
    let end = Instant::now() + time;
    while let Ok(event) = tokio::time::timeout_at(end.into(), swarm.select_next_some()).await {
        match event {
            SwarmEvent::Behaviour(CuriousEvent::Identify(identify::Event::Received { peer_id, info, .. })) if peer_id == peer => {
                told.addrs.extend(info.listen_addrs.iter().map(ToString::to_string));
                told.protocols.extend(info.protocols.iter().map(ToString::to_string));
            }
            SwarmEvent::Behaviour(CuriousEvent::Punch(event)) if event.remote_peer_id == peer => told.punched = true,
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } if peer_id == peer && !endpoint.is_relayed() => told.punched = true,
            _ => {}
        }
    }
}

fn operator() -> ServerConfig {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rules = ShelfRules { work: 1, tags: TagCost::SIMULATED, salt: [0; 32] };
    let records = Box::new(Shelf::new(rules, [], Box::new(|_, _| {})).unwrap());
    let listen = NetConfig::loopback(port);
    ServerConfig { external: listen.clone(), listen, ..ServerConfig::new([9; 32], port, Vec::new(), records) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_comes_through_a_relay_learns_no_address_and_a_friend_does() {
    let settings = operator();
    let at = settings.listen[0];
    let (relay, _relay_events) = serve(settings).unwrap();
    let config = NetConfig { listen: NetConfig::loopback(0), mdns: false, ..NetConfig::new([1; 32]) };
    let (handle, mut events) = start(config).unwrap();
    handle.try_send(NetCmd::Operators(vec![Hint { peer: relay.peer(), addr: at }])).unwrap();
    handle.try_send(NetCmd::Dial { peer: Some(relay.peer()), addrs: vec![at] }).unwrap();
    let place = loop {
        match next(&mut events).await {
            NetEvent::Listening(addr) if addr.relay.is_some() => break addr,
            _ => {}
        }
    };
    // Until the operator has said where it sees this node: now there is something to tell.
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut mallory = curious(6);
    let peer = to_peer_id(&handle.peer()).unwrap();
    let dial =
        || DialOpts::peer_id(peer).addresses(vec![to_multiaddr(&place)]).condition(libp2p::swarm::dial_opts::PeerCondition::Always).build();
    mallory.dial(dial()).unwrap();
    let mut told = Told::default();
    listen(&mut mallory, peer, Duration::from_secs(2), &mut told).await;
    assert!(told.protocols.contains("/veche/hello/1"), "it did talk: {told:?}");
    assert!(told.addrs.is_empty() && !told.punched, "{told:?}");
    for secret in ["/libp2p/dcutr", "/veche/kad/1.0.0", "/libp2p/autonat/2/dial-back"] {
        assert!(!told.protocols.contains(secret), "{secret}");
    }

    let friend = addr::to_peer_key(mallory.local_peer_id()).unwrap();
    handle.try_send(NetCmd::Friends(BTreeSet::from([friend]))).unwrap();
    listen(&mut mallory, peer, Duration::from_secs(3), &mut told).await;
    assert!(told.punched, "a friend is told where this node is: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_local_network_nothing_is_offered_that_leads_out_of_it() {
    let ours = Proto::ALL.map(|proto| proto.id().to_owned());
    let basic = ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"].map(str::to_owned);
    let lan: BTreeSet<String> = ours.into_iter().chain(basic).collect();
    for profile in [Profile::LanOnly, Profile::Open] {
        let config = NetConfig { profile, listen: NetConfig::loopback(0), mdns: false, ..NetConfig::new([1; 32]) };
        let (handle, mut events) = start(config).unwrap();
        let NetEvent::Listening(addr) = next(&mut events).await else { panic!("no address") };
        let mut mallory = curious(6);
        let peer = to_peer_id(&handle.peer()).unwrap();
        mallory.dial(DialOpts::peer_id(peer).addresses(vec![to_multiaddr(&addr)]).build()).unwrap();
        let mut told = Told::default();
        listen(&mut mallory, peer, Duration::from_secs(1), &mut told).await;
        if profile == Profile::LanOnly {
            assert_eq!(told.protocols, lan);
        } else {
            assert!(told.protocols.is_superset(&lan) && told.protocols.len() > lan.len(), "{told:?}");
            assert!(told.addrs.is_empty(), "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_node_offers_mailboxes_and_relays_and_nobodys_door() {
    let mut settings = operator();
    settings.limits.place_rate = Rate { every: Duration::from_secs(1), ..settings.limits.place_rate };
    let at = settings.listen[0];
    let (server, _events) = serve(settings).unwrap();
    let mut mallory = curious(6);
    let peer = to_peer_id(&server.peer()).unwrap();
    mallory.dial(DialOpts::peer_id(peer).addresses(vec![to_multiaddr(&at)]).build()).unwrap();
    let mut told = Told::default();
    listen(&mut mallory, peer, Duration::from_secs(1), &mut told).await;
    assert!(told.addrs.contains(&to_multiaddr(&at).to_string()), "its public address: {told:?}");
    for proto in Proto::ALL {
        let served = matches!(proto, Proto::Mailbox | Proto::Turn);
        assert_eq!(told.protocols.contains(proto.id()), served, "{proto:?}");
    }
    for offered in ["/libp2p/circuit/relay/0.2.0/hop", "/veche/kad/1.0.0", "/libp2p/autonat/2/dial-request"] {
        assert!(told.protocols.contains(offered), "{offered}: {told:?}");
    }
}
