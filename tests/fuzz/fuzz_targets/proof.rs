//! Arbitrary bytes into the decoder `proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("proof").check)(bytes);
});
