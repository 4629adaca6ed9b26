//! Sound as the settings show it: devices, a test of the microphone, and the key of push to talk.

use super::{Model, Out, Pending, Say};
use crate::bridge::{Problem, Request, SoundDevices, SoundTest};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{CallPhase, SoundDirection, Transmission};

/// How often the node is told that the test goes on, milliseconds: it ends one by itself that nobody prolongs for a minute.
const TEST_AGAIN_MS: u64 = 25_000;
/// The key of push to talk for those who did not choose one: it writes nothing, and no desktop has it.
pub const TALK_KEY: &str = "F8";

/// What a person wants of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundIntent {
    /// Look which devices there are.
    Look,
    /// Begin, change or end a test of the microphone.
    Test(SoundTest),
    /// Wait for the key of push to talk to be pressed, or no longer.
    ChooseKey(bool),
    /// This is the key from now on, by its name.
    Key(String),
    /// The key goes down or up.
    Talk(bool),
}

/// A level of the microphone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Decibels below full scale.
    pub decibels: f32,
    /// Whether this would be sent.
    pub open: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Sound {
    /// What can be chosen, once the node has said; or why there is nothing.
    pub devices: Option<Result<SoundDevices, Problem>>,
    /// The test that runs.
    pub test: SoundTest,
    /// The newest level of it.
    pub level: Option<Level>,
    /// Name of the key of push to talk.
    pub talk_key: String,
    /// The next key is that key.
    pub choosing_key: bool,
    /// It is held.
    pub talking: bool,
    asking: bool,
    test_again: UnixMs,
}

impl Default for Sound {
    fn default() -> Self {
        Self {
            devices: None,
            test: SoundTest::Off,
            level: None,
            talk_key: TALK_KEY.to_owned(),
            choosing_key: false,
            talking: false,
            asking: false,
            test_again: UnixMs(0),
        }
    }
}

impl Model {
    /// Whether the key of push to talk does something now: in a call, or while the microphone is tested.
    #[must_use]
    pub fn hears_talk_key(&self) -> bool {
        let wanted = self.snap.settings.sound.transmission == Transmission::PushToTalk;
        let used = self.call().is_some_and(|c| c.phase == CallPhase::Active) || self.sound.test != SoundTest::Off;
        wanted && used && self.focused
    }

    /// Does what is wanted of sound.
    pub(super) fn sound_intent(&mut self, intent: SoundIntent) {
        match intent {
            SoundIntent::Look if self.sound.asking => {}
            SoundIntent::Look => {
                self.sound.asking = true;
                self.ask(Pending::Devices, Request::SoundDevices);
            }
            SoundIntent::Test(test) => {
                if self.sound.test != test {
                    self.sound.test = test;
                    self.sound.level = None;
                    self.test_sound();
                }
            }
            SoundIntent::ChooseKey(on) => self.sound.choosing_key = on,
            SoundIntent::Key(name) => {
                self.sound.choosing_key = false;
                self.sound.talk_key.clone_from(&name);
                self.out.push(Out::KeepTalkKey(name));
            }
            SoundIntent::Talk(down) => {
                self.sound.talking = down;
                self.ask(Pending::Quiet, Request::PushToTalk(down));
            }
        }
    }

    fn test_sound(&mut self) {
        self.sound.test_again = UnixMs(self.now.0.saturating_add(TEST_AGAIN_MS));
        self.ask(Pending::SoundTest, Request::TestSound(self.sound.test));
    }

    pub(super) fn sound_tick(&mut self) {
        if self.sound.test != SoundTest::Off && self.sound.test_again <= self.now {
            self.test_sound();
        }
    }

    /// When the test has to be prolonged.
    pub(super) fn sound_deadline(&self) -> Option<u64> {
        (self.sound.test != SoundTest::Off).then_some(self.sound.test_again.0)
    }

    /// The page with the settings of sound is left: nobody looks at the meter any more.
    pub(super) fn leave_sound(&mut self) {
        self.sound.choosing_key = false;
        self.sound_intent(SoundIntent::Test(SoundTest::Off));
    }

    pub(super) fn devices_listed(&mut self, listed: Result<SoundDevices, Problem>) {
        self.sound.asking = false;
        self.sound.devices = Some(listed);
    }

    pub(super) fn test_refused(&mut self, problem: Problem) {
        self.sound.test = SoundTest::Off;
        self.sound.level = None;
        self.fail(problem);
    }

    pub(super) fn level(&mut self, decibels: f32, open: bool) {
        if self.sound.test != SoundTest::Off {
            self.sound.level = Some(Level { decibels, open });
        }
    }

    /// A device is gone.
    pub(super) fn device_lost(&mut self, direction: SoundDirection) {
        let key = match direction {
            SoundDirection::Input => "device-lost-input",
            SoundDirection::Output => "device-lost-output",
        };
        self.toast(true, Say::Key(key));
        self.sound_intent(SoundIntent::Look);
    }

    /// Another device is used: what the system calls its own may have changed.
    pub(super) fn device_changed(&mut self) {
        if self.sound.devices.is_some() {
            self.sound_intent(SoundIntent::Look);
        }
    }
}
