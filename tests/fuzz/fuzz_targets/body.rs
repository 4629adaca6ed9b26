//! Arbitrary bytes into the decoder `body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("body").check)(bytes);
});
