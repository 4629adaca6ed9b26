//! Long times: weeks with daily restarts, and the figure that the benchmark prints.

use veche_sim::check;
use veche_sim::hours;
use veche_sim::story::long_story;

const HOUR: u64 = 3_600_000;

#[test]
fn three_weeks_with_a_restart_every_day() {
    long_story("three_weeks_with_a_restart_every_day", 12, |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for day in 0..21 {
            for who in [alice, bob] {
                w.start(who);
            }
            for n in 0..6 {
                let who = if w.dice.chance(500) { alice } else { bob };
                w.try_say(who, chat, &format!("day {day}, line {n}"), None);
                let pause = w.dice.wait(HOUR / 2);
                w.run(pause);
            }
            // In the evening machines are closed, switched off, or left on.
            for who in [alice, bob] {
                match w.dice.below(3) {
                    0 => w.stop(who),
                    1 => w.crash(who, true),
                    _ => {}
                }
            }
            w.run(12 * HOUR);
        }
        check::converges(w, &[alice, bob], chat);
        assert!(w.words(alice, chat).len() > 80);
    });
}

#[test]
fn a_long_conversation_of_three_machines_arrives_everywhere() {
    let done = hours::chat_hours(3, 60, 3);
    assert_eq!(done.messages, 180);
    assert_eq!(done, hours::chat_hours(3, 60, 3), "the same every time");
}
