//! The program itself, as a process on the loopback interface, and a client over the real network.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod kit;

use kit::{Client, Operator, QUICK};
use std::process::Command;
use veche_protocol::mailbox::server::Refusal;

/// Frames of the test that fills a small disk: more than it can hold.
const TOO_MANY: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut operator = Operator::start(dir.path(), QUICK).await;
    let peer = operator.hint.peer;
    let mut client = Client::connect(1, &operator.hint).await;
    let queue = client.make(1).await;
    let frames: Vec<u32> = (0..60).collect();
    for frame in &frames {
        client.put(&queue, *frame).await.unwrap();
    }
    operator.kill();

    let mut operator = Operator::start(dir.path(), QUICK).await;
    assert_eq!(operator.hint.peer, peer, "the key is kept");
    let mut client = Client::connect(2, &operator.hint).await;
    assert_eq!(client.read(&queue, frames.len()).await, frames);
    operator.end();
    // Taken means taken, also after a clean end.
    let operator = Operator::start(dir.path(), QUICK).await;
    let mut client = Client::connect(3, &operator.hint).await;
    assert_eq!(client.open(&queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_deposits_and_goes_on_serving() {
    let dir = tempfile::tempdir().unwrap();
    let Some(operator) = Operator::start_on_a_small_disk(dir.path(), &format!("reserve_mib = 2\n{QUICK}")).await else {
        eprintln!("skipped: this machine gives no mount namespace of one's own");
        return;
    };
    // Each link is read at ten frames a second, so several share the work.
    let mut clients = Vec::new();
    for seed in 1..=8 {
        clients.push(Client::connect(seed, &operator.hint).await);
    }
    let (mut kept, mut queues, mut refused) = (Vec::new(), Vec::new(), None);
    for number in 0..TOO_MANY {
        let client = &mut clients[number % 8];
        // A queue takes 256 frames.
        if number % 250 == 0 {
            queues.push(client.make(u8::try_from(queues.len()).unwrap() + 1).await);
        }
        let frame = u32::try_from(number).unwrap();
        match client.put(queues.last().unwrap(), frame).await {
            Ok(()) => kept.push((queues.len() - 1, frame)),
            Err(why) => {
                refused = Some(why);
                break;
            }
        }
    }
    assert_eq!(refused, Some(Refusal::NodeFull.number()), "{} frames fit", kept.len());
    assert!(kept.len() > 50, "{} frames fit", kept.len());
    let client = &mut clients[0];
    assert_eq!(client.put(&queues[0], 0).await, Err(Refusal::NodeFull.number()), "and nothing more");
    let first: Vec<u32> = kept.iter().filter(|(queue, _)| *queue == 0).map(|(_, frame)| *frame).collect();
    assert_eq!(client.read(&queues[0], first.len()).await, first, "reading goes on");
    let health = operator.get("/health").await;
    assert!(health.starts_with("HTTP/1.1 503"), "{health}");
    let page = operator.get_until("/metrics", "veche_mailbox_trouble 0\n").await;
    assert!(page.contains("veche_mailbox_crowded 1\n") && page.contains("veche_mailbox_lost_total 0\n"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::start(dir.path(), QUICK).await;
    let mut client = Client::connect(1, &operator.hint).await;
    let queue = client.make(1).await;
    client.put(&queue, 1).await.unwrap();
    assert!(operator.get("/health").await.starts_with("HTTP/1.1 200"));
    let page = operator.get_until("/metrics", "veche_mailbox_put_total 1\n").await;
    assert!(page.contains("veche_links 1\n") && page.contains("veche_mailbox_queues 1\n"), "{page}");
    for line in page.split("\r\n\r\n").nth(1).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once(' ').unwrap();
        assert!(name.starts_with("veche_") && value.parse::<u64>().is_ok(), "{line}");
    }
    // Every figure that the dashboard shows is there.
    let dashboard = include_str!("../deploy/grafana.json");
    for name in dashboard.split("veche_").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()) {
        assert!(page.contains(&format!("# TYPE veche_{name} ")), "{name} is not served");
    }
    assert!(operator.get("/").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_and_a_broken_file_are_told_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let _operator = Operator::start(dir.path(), QUICK).await;
    let second = kit::program().arg("--data").arg(dir.path().join("data")).args(["--metrics", ""]).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("already running"), "{second:?}");

    let file = dir.path().join("broken.toml");
    let texts = [
        ("log = \"info\"\n\n[mailbox]\ntotal_mb = 5\n", "line 4", "total_mb"),
        ("[turn]\nplaces = 7\nplace_mbit = 1\n", "line 3", "place_mbit"),
        ("[turn]\nfirst_port = 70000\n", "line 2", "first_port"),
        ("external = [\"/ip4/192.0.2.1/tcp/1\"]\n[turn]\nfirst_port = 80\n", "turn.first_port", "ports below 1024"),
    ];
    for (text, place, what) in texts {
        std::fs::write(&file, text).unwrap();
        let broken = kit::program().args(["--config", file.to_str().unwrap()]).output().unwrap();
        let told = String::from_utf8_lossy(&broken.stderr);
        assert!(!broken.status.success());
        assert!(told.contains(place) && told.contains(what), "{told}");
        assert!(broken.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_belongs_to_its_owner_and_logs_name_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut operator = Operator::start(dir.path(), QUICK).await;
    let mut client = Client::connect(1, &operator.hint).await;
    let queue = client.make(1).await;
    client.put(&queue, 1).await.unwrap();
    #[cfg(unix)]
    for name in ["data/keyfile", "data/keyfile.bak"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let log = operator.end();
    assert!(log.contains("started") && !log.contains("127.0.0.1"), "{log}");
}

#[test]
fn the_systemd_unit_is_right() {
    let dir = tempfile::tempdir().unwrap();
    // What it starts must exist for the check.
    let program = dir.path().join("veche-bootstrap");
    std::fs::copy(env!("CARGO_BIN_EXE_veche-bootstrap"), &program).unwrap();
    let unit = include_str!("../deploy/veche-bootstrap.service").replace("/usr/local/bin/veche-bootstrap", program.to_str().unwrap());
    let file = dir.path().join("veche-bootstrap.service");
    std::fs::write(&file, unit).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(done) => {
            let told = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success() && !told.contains("veche-bootstrap.service:"), "{told}");
        }
        Err(why) => eprintln!("skipped: systemd-analyze cannot be started ({why})"),
    }
}
