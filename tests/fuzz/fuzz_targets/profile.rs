//! Arbitrary bytes into the decoder `profile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("profile").check)(bytes);
});
