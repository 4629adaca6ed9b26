//! Arbitrary bytes into the decoder `whereabouts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("whereabouts").check)(bytes);
});
