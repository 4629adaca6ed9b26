//! Arbitrary bytes into the decoder `signed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("signed").check)(bytes);
});
