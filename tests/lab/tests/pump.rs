//! The pump itself: what its wire does to real frames between two hosts.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use std::time::Duration;
use veche_lab::probe::{Mirror, udp};
use veche_lab::pump::Way;
use veche_lab::wire::Conditions;
use veche_lab::world::{Place, TwoHosts, inside_with_pump};

const MS: Duration = Duration::from_millis(1);

#[test]
fn frames_are_delayed_lost_and_cut_off_while_the_hosts_talk() -> Result<()> {
    if inside_with_pump("frames_are_delayed_lost_and_cut_off_while_the_hosts_talk", &[])? == Place::Done {
        return Ok(());
    }
    let (hosts, pump) = TwoHosts::over_pump(1)?;
    let mirror = Mirror::new(&hosts.names[1], "10.77.0.2:7000")?;
    let socket = udp(&hosts.names[0], "10.77.0.1:0")?;
    let flood = |datagrams| mirror.flood(&socket, datagrams, 2 * MS, 300 * MS);
    // Neighbours ask for each other's hardware addresses first.
    flood(1)?;

    let quick = flood(50)?;
    ensure!(quick.len() == 50 && quick.iter().min() < Some(&(5 * MS)), "{quick:?} on a good wire");

    pump.set(&Conditions::round_trip(50 * MS));
    let slow = flood(50)?;
    ensure!(slow.len() == 50 && slow.iter().all(|time| *time >= 50 * MS), "{slow:?} over 50 ms");
    ensure!(slow.iter().min() < Some(&(60 * MS)), "{slow:?} over 50 ms");

    // 0.9 * 0.9 of all come back.
    pump.set(&Conditions::default().losing(0.1));
    let answered = flood(500)?.len();
    ensure!((370..=440).contains(&answered), "{answered} of 500 with a tenth lost each way");

    pump.set_one(Way::There, &Conditions::default());
    pump.set_one(Way::Back, &Conditions::cut());
    let before = pump.tally(Way::There).left;
    ensure!(flood(5)?.is_empty(), "an answer over a cut wire");
    ensure!(pump.tally(Way::There).left >= before + 5, "only one direction is cut");
    pump.set(&Conditions::default());
    ensure!(flood(5)?.len() == 5, "the wire is mended");
    Ok(())
}
