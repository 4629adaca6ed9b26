//! A node whose disk fails, is full, or gives back less than it was given.

use super::*;

#[test]
fn a_failing_disk_refuses_deposits_keeps_serving_and_comes_back() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.put(1, &write, small(1));
    world.heard(BORIS);
    world.works = false;
    world.put(1, &write, small(2));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((5, 0)));
    world.put(1, &write, small(3));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((5, 0)));
    assert_eq!(refusal(Some(&world.make_as(ANNA, order(2, 4)))), Some((5, 0)));
    world.open(1, &read);
    assert_eq!(world.held(), [(1, 1)], "reading goes on");
    world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to: 1 }));
    world.pass(Duration::from_secs(30));
    assert!(world.server.stats().trouble);
    assert_eq!(world.disk.keys().filter(|key| key.table == Table::Mail).count(), 1);
    world.works = true;
    world.pass(Duration::from_secs(6));
    assert!(!world.server.stats().trouble);
    assert_eq!(world.disk.keys().filter(|key| key.table == Table::Mail).count(), 0, "what was taken meanwhile is deleted now");
    world.put(1, &write, small(4));
    assert_eq!(world.held(), [(3, 4)]);
}

#[test]
fn without_room_to_spare_nothing_new_is_taken_and_the_rest_goes_on() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.put(1, &write, small(1));
    world.heard(BORIS);
    world.input(Input::Room(false));
    world.put(1, &write, small(2));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((5, 0)));
    assert_eq!(refusal(Some(&world.make_as(ANNA, order(2, 4)))), Some((5, 0)));
    world.open(1, &read);
    assert_eq!(world.held(), [(1, 1)]);
    world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to: 1 }));
    assert!(world.server.stats().crowded && world.disk.keys().all(|key| key.table == Table::Queue));
    world.input(Input::Room(true));
    world.put(1, &write, small(3));
    assert_eq!(world.held(), [(2, 3)]);
}

#[test]
fn a_damaged_frame_is_left_out_and_an_unread_one_is_asked_for_again() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    for n in 1..4 {
        world.put(1, &write, small(n));
    }
    world.disk.retain(|key, _| *key != rows::frame_key(&read, 2));
    world.open(1, &read);
    assert_eq!(world.held(), [(1, 1), (3, 3)]);
    assert_eq!(world.server.stats().lost, 1);

    world.crash(0);
    world.server.handle(
        world.now,
        Input::Frame { link: ANNA, frame: codec::encode(&MailboxFrame { m: Some(Mailbox::Open(opening(ANNA, 1, &read))) }) },
    );
    while let Some(effect) = world.server.poll() {
        if let Effect::Read { read, keys } = effect {
            world.server.handle(world.now, Input::Found { read, frames: vec![Frame::Later; keys.len()] });
        }
    }
    assert!(world.held().is_empty());
    world.pass(Duration::from_secs(61));
    assert_eq!(world.held(), [(1, 1), (3, 3)]);
}
