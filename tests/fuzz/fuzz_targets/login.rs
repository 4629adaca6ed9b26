//! Arbitrary bytes into the decoder `login`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("login").check)(bytes);
});
