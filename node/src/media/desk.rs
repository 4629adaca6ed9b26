//! Devices, their settings and tests, and the engine, once something needs them.
//!
//! It follows the snapshots of the core by itself: settings of sound are applied as they change, and a call that rings is heard.

use super::{Audio, News, SoundDevice, SoundDevices, SoundTest};
use crate::config::Options;
use crate::handle::NodeError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use veche_media::audio::{self, Backend, Chime, DeviceChoice, Direction, InputTest, Ringing, Sound, SoundConfig, SoundError, SoundEvent};
use veche_media::engine;
use veche_protocol::call::media::{MediaCmd, MediaEvent, MediaFailure};
use veche_protocol::core::event::Event;
use veche_protocol::view::{CallPhase, CallView, NoiseSuppression, Snapshot, SoundDirection, SoundSettings, Status, Transmission};

/// How long a test of the microphone goes on by itself. Whoever wants more asks again, so that a window or program that vanished
/// leaves no microphone open.
const TEST_LASTS: Duration = Duration::from_secs(60);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Shared>);

struct Shared {
    audio: Audio,
    loopback: bool,
    tones: bool,
    events: broadcast::Sender<Event>,
    state: Mutex<State>,
    /// Until when the microphone is tested, if it is.
    testing: watch::Sender<Option<Instant>>,
}

#[derive(Default)]
struct State {
    /// Once something needed it.
    sound: Option<Arc<Sound>>,
    settings: SoundSettings,
    calls: Calls,
    closed: bool,
}

impl Desk {
    /// Opens nothing yet. To be called within a runtime.
    pub(crate) fn new(options: &Options, snapshots: watch::Receiver<Arc<Snapshot>>, events: broadcast::Sender<Event>) -> Self {
        let (audio, loopback, tones) = (options.audio.clone(), options.on_loopback(), options.tones);
        let (testing, _) = watch::channel(None);
        let desk = Self(Arc::new(Shared { audio, loopback, tones, events, state: Mutex::default(), testing }));
        if desk.0.audio != Audio::None {
            tokio::spawn(desk.clone().follow(snapshots));
        }
        desk
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies what the core says of settings and calls, for as long as there is a core.
    async fn follow(self, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
        loop {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            self.adjust(&snapshot.settings.sound);
            if self.0.tones {
                let quiet = snapshot.account.as_ref().is_some_and(|account| account.status == Status::Dnd);
                self.ring(Calls::of(&snapshot.calls, quiet));
            }
            if snapshots.changed().await.is_err() {
                return;
            }
        }
    }

    fn adjust(&self, wanted: &SoundSettings) {
        let mut state = self.lock();
        if state.settings == *wanted {
            return;
        }
        let before = std::mem::replace(&mut state.settings, wanted.clone());
        if let Some(sound) = &state.sound {
            if before.input != wanted.input {
                sound.select_input(choice(wanted.input.as_deref()));
            }
            if before.output != wanted.output {
                sound.select_output(choice(wanted.output.as_deref()));
            }
            tune(sound, wanted);
        }
    }

    /// Lets calls be heard that ring or have ended.
    fn ring(&self, now: Calls) {
        let before = std::mem::replace(&mut self.lock().calls, now);
        if before == now {
            return;
        }
        // Without sound nothing rings; whoever takes the call is told why.
        let Ok(sound) = self.sound() else { return };
        sound.set_ringing(now.ringing);
        if before.talking && !now.talking {
            sound.chime(Chime::HungUp);
        }
    }

    /// Sound, started if it is the first time.
    fn sound(&self) -> Result<Arc<Sound>, Unheard> {
        let Audio::Devices(backend) = &self.0.audio else { return Err(Unheard::None) };
        let mut state = self.lock();
        if state.closed {
            return Err(Unheard::None);
        }
        if let Some(sound) = &state.sound {
            return Ok(Arc::clone(sound));
        }
        let sound = Arc::new(Sound::start(config(backend.clone(), &state.settings)).map_err(Unheard::Failed)?);
        tune(&sound, &state.settings);
        tokio::spawn(self.clone().tell(sound.events()));
        state.sound = Some(Arc::clone(&sound));
        Ok(sound)
    }

    /// Tells what happens to devices, and how loud the microphone is while it is tested.
    async fn tell(self, mut heard: broadcast::Receiver<SoundEvent>) {
        loop {
            let event = match heard.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let event = match event {
                SoundEvent::Level { decibels, open } if self.0.testing.borrow().is_some() => Event::DeviceLevel { decibels, open },
                SoundEvent::DeviceChanged { direction, name } => Event::DeviceChanged { direction: way(direction), name },
                SoundEvent::DeviceLost { direction, message } => Event::DeviceLost { direction: way(direction), message },
                SoundEvent::Level { .. } | SoundEvent::Speaking(_) | SoundEvent::PersonSpeaking { .. } => continue,
            };
            // No reader is no fault.
            let _ = self.0.events.send(event);
        }
    }

    /// What can be chosen. Asks the system.
    ///
    /// # Errors
    /// There is no sound system, or it gives no list.
    pub(crate) async fn devices(&self) -> Result<SoundDevices, NodeError> {
        if self.0.audio != Audio::Devices(Backend::System) {
            return Ok(SoundDevices { real: false, devices: Vec::new() });
        }
        let listed = tokio::task::spawn_blocking(Sound::devices).await;
        let listed = listed.map_err(|_| NodeError::Sound("The list of sound devices could not be made. Please report this.".into()))?;
        let device = |device: audio::DeviceInfo| SoundDevice {
            id: device.id,
            name: device.name,
            direction: way(device.direction),
            is_default: device.is_default,
        };
        Ok(SoundDevices { real: true, devices: listed.map_err(|error| refused(&error))?.into_iter().map(device).collect() })
    }

    /// Begins, prolongs or ends a test of the microphone.
    ///
    /// # Errors
    /// There is no sound.
    pub(crate) fn test(&self, test: SoundTest) -> Result<(), NodeError> {
        let sound = match self.sound() {
            Ok(sound) => sound,
            Err(_) if test == SoundTest::Off => return Ok(()),
            Err(Unheard::None) => {
                return Err(NodeError::Sound("This node was started without sound. Start it with --audio default.".into()));
            }
            Err(Unheard::Failed(error)) => return Err(refused(&error)),
        };
        let until = (test != SoundTest::Off).then(|| Instant::now() + TEST_LASTS);
        let ran = self.0.testing.send_replace(until).is_some();
        sound.set_input_test(match test {
            SoundTest::Off => InputTest::Off,
            SoundTest::Meter => InputTest::Meter,
            SoundTest::Loopback => InputTest::Loopback,
        });
        if until.is_some() && !ran {
            tokio::spawn(self.clone().end_test(sound));
        }
        Ok(())
    }

    /// Ends a test that nobody prolongs.
    async fn end_test(self, sound: Arc<Sound>) {
        let mut testing = self.0.testing.subscribe();
        loop {
            let Some(until) = *testing.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {
                    sound.set_input_test(InputTest::Off);
                    self.0.testing.send_replace(None);
                    return;
                }
                _ = testing.changed() => {}
            }
        }
    }

    /// The key of push to talk goes down or up.
    pub(crate) fn press(&self, down: bool) {
        if let Some(sound) = &self.lock().sound {
            sound.press(down);
        }
    }

    /// An engine for calls.
    ///
    /// # Errors
    /// This node has no sound, or it cannot be started.
    pub(crate) fn engine(&self) -> Result<Engine, MediaFailure> {
        let sound = self.sound().map_err(|why| match why {
            Unheard::None => MediaFailure::NoEngine,
            Unheard::Failed(error) => {
                tracing::error!(%error, "sound did not start");
                MediaFailure::Setup
            }
        })?;
        let (inner, events) = engine::Engine::over(sound, self.0.loopback);
        Ok(Engine { inner, events })
    }

    /// Closes devices and files. Waits for them: not for an asynchronous task.
    pub(crate) fn close(&self) {
        let sound = {
            let mut state = self.lock();
            state.closed = true;
            state.sound.take()
        };
        drop(sound);
    }
}

/// What there is to be heard of calls beside voices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Calls {
    ringing: Option<Ringing>,
    talking: bool,
}

impl Calls {
    /// Nothing rings into a talk, and with `quiet` no call of others at all.
    fn of(calls: &[Arc<CallView>], quiet: bool) -> Self {
        let any = |phases: &[CallPhase]| calls.iter().any(|call| phases.contains(&call.phase));
        let talking = any(&[CallPhase::Active, CallPhase::Reconnecting]);
        let ringing = match () {
            () if talking => None,
            () if any(&[CallPhase::Calling, CallPhase::Ringing]) => Some(Ringing::Outgoing),
            () if any(&[CallPhase::Incoming]) && !quiet => Some(Ringing::Incoming),
            () => None,
        };
        Self { ringing, talking }
    }
}

/// Why there is no sound.
enum Unheard {
    /// It was not wanted.
    None,
    /// It did not start.
    Failed(SoundError),
}

fn refused(error: &SoundError) -> NodeError {
    let mut sentence = error.to_string();
    // The errors of the library begin small and end without a full stop, as parts of a sentence do.
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    NodeError::Sound(sentence)
}

fn way(direction: Direction) -> SoundDirection {
    match direction {
        Direction::Input => SoundDirection::Input,
        Direction::Output => SoundDirection::Output,
    }
}

fn choice(id: Option<&str>) -> DeviceChoice {
    id.map_or(DeviceChoice::Default, |id| DeviceChoice::Named(id.to_owned()))
}

fn config(backend: Backend, settings: &SoundSettings) -> SoundConfig {
    SoundConfig {
        backend,
        input: choice(settings.input.as_deref()),
        output: choice(settings.output.as_deref()),
        processing: processing(settings),
        transmission: transmission(settings.transmission),
        ..SoundConfig::default()
    }
}

fn processing(settings: &SoundSettings) -> audio::Processing {
    audio::Processing {
        echo_cancellation: settings.echo_cancellation,
        noise_suppression: match settings.noise_suppression {
            NoiseSuppression::Off => audio::NoiseSuppression::Off,
            NoiseSuppression::Standard => audio::NoiseSuppression::Standard,
            NoiseSuppression::Strong => audio::NoiseSuppression::Strong,
        },
        gain_control: settings.gain_control,
    }
}

fn transmission(transmission: Transmission) -> audio::Transmission {
    match transmission {
        Transmission::VoiceActivated => audio::Transmission::VoiceActivated,
        Transmission::PushToTalk => audio::Transmission::PushToTalk,
        Transmission::Open => audio::Transmission::Open,
    }
}

/// Everything that holds without opening a device anew.
fn tune(sound: &Sound, settings: &SoundSettings) {
    sound.set_processing(processing(settings));
    sound.set_transmission(transmission(settings.transmission));
    sound.set_threshold(settings.threshold.map(f32::from));
    sound.set_input_volume(settings.input_volume);
    sound.set_output_volume(settings.output_volume);
}

/// A running engine and what it reports.
pub(crate) struct Engine {
    inner: engine::Engine,
    events: mpsc::Receiver<MediaEvent>,
}

impl Engine {
    /// Hands a command over, or gives it back if too many wait.
    pub(crate) fn try_command(&self, command: MediaCmd) -> Result<(), MediaCmd> {
        self.inner.try_command(command)
    }

    /// What it has; room for a command only if that is wanted. Nothing is lost if this is given up.
    pub(crate) async fn news(&mut self, give: bool) -> News {
        tokio::select! {
            biased;
            event = self.events.recv() => event.map_or(News::Over, News::Event),
            () = self.inner.room(), if give => News::Room,
        }
    }

    /// Ends every leg.
    pub(crate) async fn stop(self) {
        self.inner.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::ids::{AccountId, CallId};
    use veche_protocol::view::CallDirection;

    fn call(phase: CallPhase) -> Arc<CallView> {
        Arc::new(CallView {
            call_id: CallId([1; 16]),
            account_id: AccountId([1; 32]),
            device_id: None,
            direction: CallDirection::Incoming,
            phase,
            started: Default::default(),
            since: Default::default(),
            connected: None,
            route: None,
            stats: None,
            mic: true,
            deafen: false,
            their_mic: true,
            their_deafen: false,
            speaking: false,
            their_speaking: false,
            volume: 100,
            words: Vec::new(),
        })
    }

    #[test]
    fn calls_ring_until_they_are_taken_and_not_into_a_talk() {
        let ringing = |phases: &[CallPhase], quiet| {
            let calls: Vec<_> = phases.iter().map(|phase| call(*phase)).collect();
            Calls::of(&calls, quiet).ringing
        };
        assert_eq!(ringing(&[CallPhase::Incoming], false), Some(Ringing::Incoming));
        assert_eq!(ringing(&[CallPhase::Incoming], true), None);
        assert_eq!(ringing(&[CallPhase::Calling], true), Some(Ringing::Outgoing));
        assert_eq!(ringing(&[CallPhase::Incoming, CallPhase::Ringing], false), Some(Ringing::Outgoing));
        for phase in [CallPhase::Connecting, CallPhase::Active] {
            assert_eq!(ringing(&[phase], false), None);
        }
        assert_eq!(ringing(&[CallPhase::Active, CallPhase::Incoming], false), None);
        assert!(Calls::of(&[call(CallPhase::Reconnecting)], false).talking && !Calls::of(&[], false).talking);
    }

    #[test]
    fn errors_of_the_library_become_sentences() {
        let NodeError::Sound(sentence) = refused(&SoundError::NoDevice { what: "microphone" }) else { panic!("another error") };
        assert_eq!(sentence, "No microphone was found: connect one, or choose another in the settings.");
    }

    #[tokio::test]
    async fn a_test_of_the_microphone_is_told_and_a_node_without_sound_has_none() {
        let (_snapshot, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let (events, mut heard) = broadcast::channel(64);
        let desk = |audio: &str| {
            let options = Options { audio: audio.parse().unwrap(), ..Options::new("nowhere") };
            Desk::new(&options, snapshots.clone(), events.clone())
        };
        let none = desk("none");
        assert!(none.test(SoundTest::Off).is_ok() && none.test(SoundTest::Meter).is_err());
        assert!(matches!(none.engine(), Err(MediaFailure::NoEngine)));
        assert!(!none.devices().await.unwrap().real);
        let tone = desk("tone:440");
        tone.test(SoundTest::Meter).unwrap();
        let level = async {
            loop {
                if let Event::DeviceLevel { decibels, .. } = heard.recv().await.unwrap()
                    && decibels > -40.0
                {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), level).await.expect("a level in time");
        tone.test(SoundTest::Off).unwrap();
        tone.close();
        assert!(matches!(tone.engine(), Err(MediaFailure::NoEngine)), "nothing opens any more");
    }
}
