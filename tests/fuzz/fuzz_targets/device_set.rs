//! Arbitrary bytes into the decoder `device_set`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("device_set").check)(bytes);
});
