//! The relay on the loopback interface, with the client of the same library and with datagrams made by hand.

use super::*;
use crate::clock::wall;
use std::net::Ipv4Addr;
use std::time::Instant;
use stun::attributes::{ATTR_DATA, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use stun::integrity::MessageIntegrity;
use stun::message::{CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_CREATE_PERMISSION, Message, MessageType, Setter};
use stun::textattrs::TextAttribute;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn_server::client::{Client, ClientConfig};
use turn_server::proto::peeraddr::PeerAddress;
use turn_server::proto::relayaddr::RelayedAddress;
use turn_server::proto::reqtrans::RequestedTransport;
use veche_protocol::ids::PeerKey;
use veche_protocol::turn::user::{self, Pass};

/// Everything here happens in one machine.
const SOON: Duration = Duration::from_secs(10);
/// What has not come by then does not come.
const NEVER: Duration = Duration::from_millis(300);

fn secret() -> Secret {
    Secret::new([7; 32])
}

fn relay(private: bool, limits: Limits) -> (Relay, SocketAddr) {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listen = vec![SocketAddr::new(local, 0)];
    let setup = Setup { listen, external: vec![local], ports: (20_000, 60_000), limits, private, secret: secret(), seed: [9; 32] };
    let relay = Relay::start(setup, Clock::start()).unwrap();
    let at = veche_protocol::turn::aim::host(&relay.urls()[0]).unwrap();
    (relay, at)
}

fn pass(who: u8) -> Pass {
    user::issue(&secret(), &PeerKey([who; 32]), [who; 8], wall().after(Duration::from_secs(3600)))
}

async fn client(at: SocketAddr, username: &str, password: &str) -> Client {
    let conn = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    let config = ClientConfig {
        stun_serv_addr: at.to_string(),
        turn_serv_addr: at.to_string(),
        username: username.to_owned(),
        password: password.to_owned(),
        realm: REALM.to_owned(),
        software: String::new(),
        rto_in_ms: 200,
        conn,
        vnet: None,
    };
    let client = Client::new(config).await.unwrap();
    client.listen().await.unwrap();
    client
}

async fn hear(conn: &impl Conn, within: Duration) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2000];
    let (len, from) = timeout(within, conn.recv_from(&mut buffer)).await.ok()?.unwrap();
    Some((buffer[..len].to_vec(), from))
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < SOON, "it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn two_people_meet_at_the_relay_and_their_places_come_back() {
    let (relay, at) = relay(false, Limits::default());
    let (anna, boris) = (pass(1), pass(2));
    let (anna, boris) = (client(at, &anna.username, &anna.password).await, client(at, &boris.username, &boris.password).await);
    let seen = anna.send_binding_request().await.unwrap();
    assert!(seen.ip().is_loopback(), "whoever asks is told their address");
    let (hers, his) = (anna.allocate().await.unwrap(), boris.allocate().await.unwrap());
    let (at_hers, at_his) = (hers.local_addr().unwrap(), his.local_addr().unwrap());
    assert_eq!(relay.stats().places, 2);
    // Each says something, which lets the other in; the first words may come too early.
    his.send_to(b"let her in", at_hers).await.unwrap();
    hers.send_to(b"from anna", at_his).await.unwrap();
    assert_eq!(hear(&his, SOON).await.unwrap(), (b"from anna".to_vec(), at_hers));
    let sound = vec![0xAB; 1200];
    his.send_to(&sound, at_hers).await.unwrap();
    let mut heard = hear(&hers, SOON).await.unwrap();
    if heard.0 == b"let her in" {
        heard = hear(&hers, SOON).await.unwrap();
    }
    assert_eq!(heard, (sound, at_his));
    assert!(relay.stats().bytes > 2 * 1200, "what goes out of one place and into the other");
    drop((hers, his));
    anna.close().await.unwrap();
    boris.close().await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn wrong_old_and_foreign_names_get_no_place() {
    let (relay, at) = relay(false, Limits::default());
    let good = pass(1);
    let old = user::issue(&secret(), &PeerKey([1; 32]), [3; 8], wall());
    let foreign = user::issue(&Secret::new([8; 32]), &PeerKey([1; 32]), [3; 8], wall().after(Duration::from_secs(3600)));
    let later = good.username.replacen('1', "2", 1);
    for (username, password) in [
        (good.username.as_str(), "wrong"),
        (&old.username, &old.password),
        (&foreign.username, &foreign.password),
        (&later, &good.password),
        ("anna", "secret"),
    ] {
        let client = client(at, username, password).await;
        assert!(client.allocate().await.is_err(), "{username}");
    }
    assert_eq!(relay.stats().given, 0);
    assert!(relay.stats().refused.contains_key(&401));
}

#[tokio::test]
async fn nothing_is_relayed_into_the_operators_own_networks_unless_it_is_wanted() {
    for private in [false, true] {
        let (relay, at) = relay(private, Limits::default());
        let inside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let pass = pass(1);
        let client = client(at, &pass.username, &pass.password).await;
        let place = client.allocate().await.unwrap();
        let sent = place.send_to(b"to a server inside", inside.local_addr().unwrap()).await;
        assert_eq!(sent.is_ok(), private, "{sent:?}");
        assert_eq!(hear(&inside, if private { SOON } else { NEVER }).await.is_some(), private);
        assert_eq!(relay.stats().refused.contains_key(&403), !private);
    }
}

/// A machine may have more public addresses than its operator named, with servers at them that trust it.
#[tokio::test]
async fn nothing_is_relayed_to_another_address_of_the_machine_itself() {
    let (relay, at) = relay(true, Limits::default());
    let inside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (door, clock) = (relay.door.clone(), Clock::start());
    let shared = |private| Shared { door: door.clone(), clock, inside: Arc::default(), private };
    let peers = [inside.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], 9)), at];
    let strict = shared(false);
    assert!(place::is_here(peers[0]), "the system says where packets go");
    assert!(!place::is_here(SocketAddr::from(([198, 18, 0, 1], 5000))), "this is another machine, or none");
    strict.look_inside(&peers);
    assert!(strict.inside().is_empty(), "the address that the operator named has places at it, which the door knows");
    let elsewhere = Arc::new(Mutex::new(Door::new(secret(), [9; 32], Aim::default(), Limits::default())));
    let strict = Shared { door: elsewhere, ..shared(false) };
    strict.look_inside(&peers);
    assert!(peers.iter().all(|peer| strict.is_inside(*peer)));
    let lax = shared(true);
    lax.look_inside(&peers);
    assert!(!lax.is_inside(peers[0]));
}

#[tokio::test]
async fn nobody_has_more_places_than_their_share() {
    let (relay, at) = relay(false, Limits { places_per_user: 2, ..Limits::default() });
    let pass = pass(1);
    let mut held = Vec::new();
    for _ in 0..2 {
        let client = client(at, &pass.username, &pass.password).await;
        let place = client.allocate().await.unwrap();
        held.push((client, place));
    }
    let more = client(at, &pass.username, &pass.password).await;
    assert!(more.allocate().await.is_err());
    assert_eq!((relay.stats().places, relay.stats().refused.get(&486)), (2, Some(&1)));
}

/// Somebody who writes datagrams by hand.
struct Hand {
    socket: UdpSocket,
    relay: SocketAddr,
    pass: Pass,
    nonce: String,
}

impl Hand {
    async fn new(relay: SocketAddr, pass: Pass) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut hand = Self { socket, relay, pass, nonce: String::new() };
        let transport = RequestedTransport { protocol: PROTO_UDP };
        let asked = hand.say(MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST), vec![Box::new(transport)]).await;
        hand.nonce = TextAttribute::get_from_as(&asked, ATTR_NONCE).unwrap().text;
        hand
    }

    /// Asks, with a proof once there is a challenge.
    async fn say(&self, kind: MessageType, mut more: Vec<Box<dyn Setter>>) -> Message {
        let mut parts: Vec<Box<dyn Setter>> = vec![Box::new(stun::agent::TransactionId::new()), Box::new(kind)];
        parts.append(&mut more);
        if !self.nonce.is_empty() {
            let Pass { username, password, .. } = &self.pass;
            for (attribute, text) in [(ATTR_USERNAME, username.as_str()), (ATTR_REALM, REALM), (ATTR_NONCE, &self.nonce)] {
                parts.push(Box::new(TextAttribute { attr: attribute, text: text.to_owned() }));
            }
            parts.push(Box::new(MessageIntegrity::new_long_term_integrity(username.clone(), REALM.to_owned(), password.clone())));
        }
        let mut message = Message::new();
        message.build(&parts).unwrap();
        self.socket.send_to(&message.raw, self.relay).await.unwrap();
        self.hear(SOON).await.expect("an answer")
    }

    async fn hear(&self, within: Duration) -> Option<Message> {
        let (bytes, _) = hear(&self.socket, within).await?;
        let mut message = Message::new();
        message.raw = bytes;
        message.decode().unwrap();
        Some(message)
    }

    async fn place(&self) -> SocketAddr {
        let transport = RequestedTransport { protocol: PROTO_UDP };
        let answer = self.say(MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST), vec![Box::new(transport)]).await;
        let mut at = RelayedAddress::default();
        stun::message::Getter::get_from(&mut at, &answer).unwrap();
        SocketAddr::new(at.ip, at.port)
    }
}

/// Clients renew all that they may do in one request, of which the library would see the first peer only.
#[tokio::test]
async fn every_peer_of_one_request_is_let_in() {
    let (_relay, at) = relay(true, Limits::default());
    let hand = Hand::new(at, pass(1)).await;
    let place = hand.place().await;
    let peers = [[127, 0, 0, 2], [127, 0, 0, 3], [127, 0, 0, 4]].map(IpAddr::from);
    let sockets = [UdpSocket::bind((peers[0], 0)).await.unwrap(), UdpSocket::bind((peers[2], 0)).await.unwrap()];
    for socket in &sockets {
        socket.send_to(b"too early", place).await.unwrap();
    }
    assert!(hand.hear(NEVER).await.is_none(), "nobody is let in unasked");
    let named = peers.map(|ip| Box::new(PeerAddress { ip, port: 5000 }) as Box<dyn Setter>);
    let answer = hand.say(MessageType::new(METHOD_CREATE_PERMISSION, CLASS_REQUEST), named.into()).await;
    assert_eq!(answer.typ, MessageType::new(METHOD_CREATE_PERMISSION, CLASS_SUCCESS_RESPONSE));
    for socket in &sockets {
        socket.send_to(b"hello", place).await.unwrap();
        let data = hand.hear(SOON).await.expect("it is let in");
        assert_eq!(data.get(ATTR_DATA).unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_place_that_is_given_up_is_free_at_once() {
    let (relay, at) = relay(false, Limits { places: 1, ..Limits::default() });
    let hand = Hand::new(at, pass(1)).await;
    hand.place().await;
    let zero = turn_server::proto::lifetime::Lifetime(Duration::ZERO);
    let refresh = MessageType::new(stun::message::METHOD_REFRESH, CLASS_REQUEST);
    hand.say(refresh, vec![Box::new(zero)]).await;
    until(|| relay.stats().places == 0).await;
    let other = Hand::new(at, pass(2)).await;
    other.place().await;
    assert_eq!((relay.stats().places, relay.stats().given), (1, 2));
}

#[tokio::test]
async fn a_flood_of_strangers_leaves_nothing_behind() {
    let (relay, at) = relay(false, Limits::default());
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let allocate = [&[0, 3, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[5; 12]].concat();
    for n in 0..2000_u32 {
        socket.send_to(if n % 2 == 0 { &allocate } else { b"rubbish" }, at).await.unwrap();
        if n % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    until(|| relay.stats().flooded > 0).await;
    assert_eq!(relay.stats().places, 0);
    let pass = pass(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let client = client(at, &pass.username, &pass.password).await;
    assert!(client.allocate().await.is_ok(), "and the next one is served");
}

#[tokio::test]
async fn a_socket_that_is_taken_is_told_in_a_sentence() {
    let (_relay, at) = relay(false, Limits::default());
    let setup = Setup {
        listen: vec![at],
        external: vec![at.ip()],
        ports: (20_000, 60_000),
        limits: Limits::default(),
        private: false,
        secret: secret(),
        seed: [9; 32],
    };
    let told = Relay::start(setup, Clock::start()).err().unwrap().to_string();
    assert!(told.contains(&at.to_string()) && told.contains("[turn]"), "{told}");
}
