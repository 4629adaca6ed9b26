//! Carries packets between two devices over WebRTC.
