//! The supervisor with devices that a test pulls out, on a clock that it turns.

use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::audio::device::pretend::Pretend;
use crate::audio::{Chime, FrameLength, Processing, Ringing, Transmission};

struct Desk {
    devices: Pretend,
    wishes: Arc<Wishes>,
    controls: Arc<Controls>,
    outgoing: broadcast::Sender<VoicePacket>,
    events: broadcast::Receiver<SoundEvent>,
    orders: Receiver<Order>,
    supervisor: Supervisor,
    now: Instant,
}

/// A headset and what is built in, both ways; the latter is the default.
fn desk(input: DeviceChoice) -> Desk {
    let devices = Pretend::default();
    for (direction, headset, builtin) in [(Direction::Input, "headset", "builtin"), (Direction::Output, "phones", "speaker")] {
        devices.plug(direction, builtin, true);
        devices.plug(direction, headset, false);
    }
    let wishes = Arc::new(Wishes::new(input, DeviceChoice::Default));
    let controls = Arc::new(Controls::new(Processing::NONE, Transmission::Open, FrameLength::Ms10));
    let (outgoing, _) = broadcast::channel(4);
    let (told, events) = broadcast::channel(64);
    let (orders_tx, orders) = sync_channel(64);
    let supervisor = Supervisor::new(
        Box::new(devices.clone()),
        Arc::clone(&wishes),
        Arc::clone(&controls),
        outgoing.clone(),
        &told,
        orders_tx,
        std::thread::current(),
    );
    Desk { devices, wishes, controls, outgoing, events, orders, supervisor, now: Instant::now() }
}

fn headset() -> DeviceChoice {
    DeviceChoice::Named("headset".to_owned())
}

impl Desk {
    fn look(&mut self) -> Vec<String> {
        self.supervisor.look(self.now);
        // The sound thread's part, which is to take what it gets.
        while self.orders.try_recv().is_ok() {}
        self.devices.open()
    }

    /// Looks as often as the thread would. Answers what is open in the end.
    fn pass(&mut self, time: Duration) -> Vec<String> {
        let until = self.now + time;
        while self.now < until {
            self.now += PATIENCE.look;
            self.devices.beat();
            self.look();
        }
        self.devices.open()
    }

    fn told(&mut self) -> Vec<SoundEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

fn changed(direction: Direction, name: &str) -> SoundEvent {
    SoundEvent::DeviceChanged { direction, name: name.to_owned() }
}

/// The only event, which has to be a loss.
fn sentence(events: Vec<SoundEvent>) -> String {
    match <[SoundEvent; 1]>::try_from(events) {
        Ok([SoundEvent::DeviceLost { message, .. }]) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_is_open_while_somebody_needs_it_and_not_a_moment_longer() {
    let mut desk = desk(DeviceChoice::Default);
    assert!(desk.look().is_empty());

    let voice = desk.outgoing.subscribe();
    assert_eq!(desk.look(), ["builtin"]);
    drop(voice);
    assert!(desk.look().is_empty(), "a microphone is closed at once");

    let seat = desk.wishes.take_seat();
    assert_eq!(desk.look(), ["speaker"]);
    drop(seat);
    assert_eq!(desk.pass(Duration::from_millis(1_900)), ["speaker"]);
    assert!(desk.pass(Duration::from_millis(200)).is_empty());

    desk.controls.ring_chime(Chime::Left);
    assert_eq!(desk.look(), ["speaker"]);
    assert!(desk.pass(Duration::from_secs(3)).is_empty());
    desk.controls.set_ringing(Some(Ringing::Incoming));
    assert_eq!(desk.pass(Duration::from_secs(10)), ["speaker"]);
    desk.controls.set_ringing(None);
    assert!(desk.pass(Duration::from_secs(3)).is_empty());

    desk.controls.set_input_test(InputTest::Meter);
    assert_eq!(desk.look(), ["builtin"]);
    desk.controls.set_input_test(InputTest::Loopback);
    assert_eq!(desk.look(), ["builtin", "speaker"]);
    assert_eq!(desk.pass(Duration::from_secs(20)), ["builtin", "speaker"]);
    assert_eq!(desk.devices.opened(), 6, "nothing is opened twice without a reason");
}

#[test]
fn as_many_people_as_are_mixed_find_a_seat() {
    let wishes = Arc::new(Wishes::new(DeviceChoice::Default, DeviceChoice::Default));
    let mut seats: Vec<_> = (0..MAX_PEOPLE).map(|_| wishes.take_seat().unwrap()).collect();
    assert!(wishes.take_seat().is_none());
    seats.pop();
    assert!(wishes.take_seat().is_some());
}

#[test]
fn a_device_that_is_pulled_out_is_replaced_and_comes_back() {
    let mut desk = desk(headset());
    let _voice = desk.outgoing.subscribe();
    assert_eq!(desk.pass(Duration::from_secs(5)), ["headset"]);
    assert_eq!(desk.told(), [changed(Direction::Input, "headset")]);

    desk.devices.pull("headset");
    assert_eq!(desk.look(), ["builtin"]);
    let mut told = desk.told();
    assert_eq!(told.pop(), Some(changed(Direction::Input, "builtin")));
    assert_eq!(sentence(told), "The microphone “headset” is gone: “builtin” is used in its place.");
    assert_eq!(desk.pass(Duration::from_secs(30)), ["builtin"]);
    assert_eq!(desk.told(), []);

    desk.devices.plug(Direction::Input, "headset", false);
    assert_eq!(desk.pass(Duration::from_millis(2_100)), ["headset"]);
    assert_eq!(desk.told(), [changed(Direction::Input, "headset")]);
}

#[test]
fn a_device_that_falls_silent_is_tried_once_more_and_then_left() {
    let mut desk = desk(headset());
    let _voice = desk.outgoing.subscribe();
    desk.pass(Duration::from_secs(10));
    desk.told();
    desk.devices.set_silent("headset", true);
    assert_eq!(desk.pass(Duration::from_secs(2)), ["headset"]);
    assert_eq!((desk.devices.opened(), desk.told()), (2, vec![]), "opened anew, which often helps");
    assert_eq!(desk.pass(Duration::from_millis(2_100)), ["builtin"]);
    assert!(matches!(desk.told().as_slice(), [SoundEvent::DeviceLost { .. }, SoundEvent::DeviceChanged { .. }]));
    // It is there and opens, so it is tried now and then until it works.
    desk.devices.set_silent("headset", false);
    assert_eq!(desk.pass(Duration::from_secs(11)), ["headset"]);
    assert_eq!(desk.told(), [changed(Direction::Input, "headset")]);
}

#[test]
fn without_any_device_there_is_silence_and_a_sentence() {
    let mut desk = desk(DeviceChoice::Default);
    desk.devices.pull("builtin");
    desk.devices.pull("headset");
    let _voice = desk.outgoing.subscribe();
    assert!(desk.pass(Duration::from_secs(30)).is_empty());
    assert_eq!(sentence(desk.told()), "No microphone was found: connect one, or choose another in the settings.");
    desk.devices.plug(Direction::Input, "webcam", true);
    assert_eq!(desk.pass(Duration::from_millis(2_100)), ["webcam"]);
    assert_eq!(desk.told(), [changed(Direction::Input, "webcam")]);
    desk.devices.pull("webcam");
    desk.look();
    assert_eq!(
        sentence(desk.told()),
        "The microphone “webcam” is gone: connect it again, or choose another in the settings. Until then there is silence."
    );
}

#[test]
fn what_is_chosen_is_taken_at_once_and_the_default_where_it_is_not_there() {
    let mut desk = desk(DeviceChoice::Default);
    let _voice = desk.outgoing.subscribe();
    assert_eq!(desk.look(), ["builtin"]);
    desk.wishes.choose(Direction::Input, headset());
    assert_eq!(desk.look(), ["headset"]);
    assert_eq!(desk.told(), [changed(Direction::Input, "builtin"), changed(Direction::Input, "headset")]);

    desk.wishes.choose(Direction::Input, DeviceChoice::Named("studio".to_owned()));
    assert_eq!(desk.look(), ["builtin"]);
    let mut told = desk.told();
    assert_eq!(told.pop(), Some(changed(Direction::Input, "builtin")));
    assert_eq!(sentence(told), "The microphone that you chose is not connected: “builtin” is used until it is.");

    desk.devices.set_busy("headset", true);
    desk.wishes.choose(Direction::Input, headset());
    assert_eq!(desk.look(), ["builtin"]);
    let [SoundEvent::DeviceLost { message, .. }] = &desk.told()[..] else { panic!("the device is the one that was told") };
    assert!(
        message.starts_with("The microphone cannot be used (busy):") && message.ends_with("Until then “builtin” is used."),
        "{message}"
    );
    desk.devices.set_busy("headset", false);
    assert_eq!(desk.pass(Duration::from_secs(11)), ["headset"]);
}

#[test]
fn another_default_is_followed_where_nothing_else_was_chosen() {
    let mut desk = desk(DeviceChoice::Default);
    let _voice = desk.outgoing.subscribe();
    assert_eq!(desk.look(), ["builtin"]);
    desk.devices.plug(Direction::Input, "webcam", true);
    assert_eq!(desk.pass(Duration::from_millis(2_100)), ["webcam"]);
    desk.wishes.choose(Direction::Input, headset());
    desk.look();
    desk.devices.plug(Direction::Input, "other", true);
    assert_eq!(desk.pass(Duration::from_secs(10)), ["headset"]);
}

#[test]
fn a_loudspeaker_that_runs_empty_is_opened_with_a_longer_period() {
    let mut desk = desk(DeviceChoice::Default);
    desk.devices.set_dry("speaker", Duration::from_millis(40));
    let _seat = desk.wishes.take_seat();
    assert_eq!((desk.look(), desk.devices.period()), (vec!["speaker".to_owned()], Duration::from_millis(10)));
    desk.pass(Duration::from_secs(6));
    assert_eq!(desk.devices.period(), Duration::from_millis(20));
    assert_eq!(desk.pass(Duration::from_secs(20)), ["speaker"]);
    assert_eq!((desk.devices.period(), desk.devices.opened()), (Duration::from_millis(40), 3), "and no longer than it has to be");
    assert_eq!(desk.told(), [changed(Direction::Output, "speaker")], "nobody is told of the same device twice");
}

#[test]
fn a_loudspeaker_that_runs_empty_whatever_is_done_stays_open() {
    let mut desk = desk(DeviceChoice::Default);
    desk.devices.set_dry("speaker", Duration::MAX);
    let seat = desk.wishes.take_seat();
    assert_eq!(desk.pass(Duration::from_secs(60)), ["speaker"]);
    assert_eq!((desk.devices.period(), desk.devices.opened()), (Duration::from_millis(40), 3));
    drop(seat);
    assert!(desk.pass(Duration::from_secs(3)).is_empty());
    let _seat = desk.wishes.take_seat();
    desk.look();
    assert_eq!(desk.devices.period(), Duration::from_millis(10), "another call begins anew");
}
