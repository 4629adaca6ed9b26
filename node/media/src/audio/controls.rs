//! The switches of sound as atomics: set by anyone, read by the sound threads each 10 ms without waiting.

use std::sync::atomic::{AtomicBool, AtomicI8, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::config::{
    Chime, DEFAULT_BITRATE, FrameLength, InputTest, MAX_BITRATE, MAX_VOLUME, MIN_BITRATE, NoiseSuppression, Processing, Ringing,
    Transmission,
};

/// Stands for a threshold that finds its level by itself.
const AUTOMATIC: i8 = i8::MAX;

/// What the sound threads are told.
#[derive(Debug)]
pub(super) struct Controls {
    muted: AtomicBool,
    deafened: AtomicBool,
    pressed: AtomicBool,
    transmission: AtomicU8,
    threshold: AtomicI8,
    processing: AtomicU8,
    frame: AtomicU8,
    bitrate: AtomicU32,
    expected_loss: AtomicU8,
    input_volume: AtomicU16,
    output_volume: AtomicU16,
    input_test: AtomicU8,
    ringing: AtomicU8,
    chime: AtomicU8,
    /// Counts chimes, so that the same one twice is two.
    chimes: AtomicU64,
}

impl Controls {
    pub(super) fn new(processing: Processing, transmission: Transmission, frame: FrameLength) -> Self {
        let controls = Self {
            muted: AtomicBool::new(false),
            deafened: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            transmission: AtomicU8::new(0),
            threshold: AtomicI8::new(AUTOMATIC),
            processing: AtomicU8::new(0),
            frame: AtomicU8::new(0),
            bitrate: AtomicU32::new(DEFAULT_BITRATE),
            expected_loss: AtomicU8::new(0),
            input_volume: AtomicU16::new(100),
            output_volume: AtomicU16::new(100),
            input_test: AtomicU8::new(0),
            ringing: AtomicU8::new(0),
            chime: AtomicU8::new(0),
            chimes: AtomicU64::new(0),
        };
        controls.set_processing(processing);
        controls.set_transmission(transmission);
        controls.set_frame(frame);
        controls
    }

    pub(super) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Relaxed);
    }

    pub(super) fn muted(&self) -> bool {
        self.muted.load(Relaxed)
    }

    pub(super) fn set_deafened(&self, deafened: bool) {
        self.deafened.store(deafened, Relaxed);
    }

    pub(super) fn deafened(&self) -> bool {
        self.deafened.load(Relaxed)
    }

    pub(super) fn press(&self, pressed: bool) {
        self.pressed.store(pressed, Relaxed);
    }

    pub(super) fn pressed(&self) -> bool {
        self.pressed.load(Relaxed)
    }

    pub(super) fn set_transmission(&self, transmission: Transmission) {
        self.transmission.store(transmission as u8, Relaxed);
    }

    pub(super) fn transmission(&self) -> Transmission {
        match self.transmission.load(Relaxed) {
            open if open == Transmission::Open as u8 => Transmission::Open,
            key if key == Transmission::PushToTalk as u8 => Transmission::PushToTalk,
            _ => Transmission::VoiceActivated,
        }
    }

    /// In decibels below full scale, at most 0; `None` follows the noise.
    pub(super) fn set_threshold(&self, decibels: Option<f32>) {
        let threshold = decibels.map_or(AUTOMATIC, |level| level.clamp(-127.0, 0.0) as i8);
        self.threshold.store(threshold, Relaxed);
    }

    pub(super) fn threshold(&self) -> Option<f32> {
        match self.threshold.load(Relaxed) {
            AUTOMATIC => None,
            level => Some(level.into()),
        }
    }

    pub(super) fn set_processing(&self, processing: Processing) {
        let bits =
            u8::from(processing.echo_cancellation) | u8::from(processing.gain_control) << 1 | (processing.noise_suppression as u8) << 2;
        self.processing.store(bits, Relaxed);
    }

    pub(super) fn processing(&self) -> Processing {
        let bits = self.processing.load(Relaxed);
        Processing {
            echo_cancellation: bits & 1 != 0,
            gain_control: bits & 2 != 0,
            noise_suppression: match bits >> 2 {
                strong if strong == NoiseSuppression::Strong as u8 => NoiseSuppression::Strong,
                standard if standard == NoiseSuppression::Standard as u8 => NoiseSuppression::Standard,
                _ => NoiseSuppression::Off,
            },
        }
    }

    pub(super) fn set_frame(&self, frame: FrameLength) {
        self.frame.store(frame as u8, Relaxed);
    }

    pub(super) fn frame(&self) -> FrameLength {
        if self.frame.load(Relaxed) == FrameLength::Ms20 as u8 { FrameLength::Ms20 } else { FrameLength::Ms10 }
    }

    pub(super) fn set_bitrate(&self, bits_per_second: u32) {
        self.bitrate.store(bits_per_second.clamp(MIN_BITRATE, MAX_BITRATE), Relaxed);
    }

    pub(super) fn bitrate(&self) -> u32 {
        self.bitrate.load(Relaxed)
    }

    pub(super) fn set_expected_loss(&self, percent: u8) {
        self.expected_loss.store(percent.min(100), Relaxed);
    }

    pub(super) fn expected_loss(&self) -> u8 {
        self.expected_loss.load(Relaxed)
    }

    pub(super) fn set_input_volume(&self, percent: u16) {
        self.input_volume.store(percent.min(MAX_VOLUME), Relaxed);
    }

    pub(super) fn input_volume(&self) -> u16 {
        self.input_volume.load(Relaxed)
    }

    pub(super) fn set_output_volume(&self, percent: u16) {
        self.output_volume.store(percent.min(MAX_VOLUME), Relaxed);
    }

    pub(super) fn output_volume(&self) -> u16 {
        self.output_volume.load(Relaxed)
    }

    pub(super) fn set_input_test(&self, test: InputTest) {
        self.input_test.store(test as u8, Relaxed);
    }

    pub(super) fn input_test(&self) -> InputTest {
        match self.input_test.load(Relaxed) {
            meter if meter == InputTest::Meter as u8 => InputTest::Meter,
            loopback if loopback == InputTest::Loopback as u8 => InputTest::Loopback,
            _ => InputTest::Off,
        }
    }

    pub(super) fn set_ringing(&self, ringing: Option<Ringing>) {
        self.ringing.store(ringing.map_or(0, |which| which as u8 + 1), Relaxed);
    }

    pub(super) fn ringing(&self) -> Option<Ringing> {
        match self.ringing.load(Relaxed) {
            0 => None,
            incoming if incoming == Ringing::Incoming as u8 + 1 => Some(Ringing::Incoming),
            _ => Some(Ringing::Outgoing),
        }
    }

    pub(super) fn ring_chime(&self, chime: Chime) {
        self.chime.store(chime as u8, Relaxed);
        self.chimes.fetch_add(1, Relaxed);
    }

    /// The last chime and how many there were.
    pub(super) fn chime(&self) -> (Chime, u64) {
        let chime = match self.chime.load(Relaxed) {
            joined if joined == Chime::Joined as u8 => Chime::Joined,
            left if left == Chime::Left as u8 => Chime::Left,
            _ => Chime::HungUp,
        };
        (chime, self.chimes.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read() {
        let controls = Controls::new(Processing::default(), Transmission::Open, FrameLength::Ms20);
        assert_eq!(controls.processing(), Processing::default());
        assert_eq!((controls.transmission(), controls.frame()), (Transmission::Open, FrameLength::Ms20));
        for noise_suppression in [NoiseSuppression::Off, NoiseSuppression::Standard, NoiseSuppression::Strong] {
            let processing = Processing { echo_cancellation: false, noise_suppression, gain_control: true };
            controls.set_processing(processing);
            assert_eq!(controls.processing(), processing);
        }
        for transmission in [Transmission::VoiceActivated, Transmission::PushToTalk, Transmission::Open] {
            controls.set_transmission(transmission);
            assert_eq!(controls.transmission(), transmission);
        }
        for ringing in [Some(Ringing::Incoming), Some(Ringing::Outgoing), None] {
            controls.set_ringing(ringing);
            assert_eq!(controls.ringing(), ringing);
        }
        for test in [InputTest::Meter, InputTest::Loopback, InputTest::Off] {
            controls.set_input_test(test);
            assert_eq!(controls.input_test(), test);
        }
        for chime in [Chime::Joined, Chime::Left, Chime::HungUp] {
            let before = controls.chime().1;
            controls.ring_chime(chime);
            assert_eq!(controls.chime(), (chime, before + 1));
        }
    }

    #[test]
    fn what_is_out_of_range_is_brought_back() {
        let controls = Controls::new(Processing::NONE, Transmission::default(), FrameLength::default());
        controls.set_bitrate(1);
        assert_eq!(controls.bitrate(), MIN_BITRATE);
        controls.set_bitrate(u32::MAX);
        assert_eq!(controls.bitrate(), MAX_BITRATE);
        controls.set_input_volume(u16::MAX);
        assert_eq!(controls.input_volume(), MAX_VOLUME);
        assert_eq!(controls.threshold(), None);
        controls.set_threshold(Some(-45.0));
        assert_eq!(controls.threshold(), Some(-45.0));
        controls.set_threshold(Some(f32::NAN));
        assert_eq!(controls.threshold(), Some(0.0));
    }
}
