//! Arbitrary bytes into the decoder `turn_door`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("turn_door").check)(bytes);
});
