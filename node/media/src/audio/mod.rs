//! Devices, processing, Opus, the jitter buffer and the mixer.
