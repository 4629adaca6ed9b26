//! Arbitrary bytes into the decoder `recovery_words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("recovery_words").check)(bytes);
});
