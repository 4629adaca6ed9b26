//! Arbitrary bytes into the decoder `tombstone`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("tombstone").check)(bytes);
});
