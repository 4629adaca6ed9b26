//! Arbitrary bytes into the decoder `inner`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("inner").check)(bytes);
});
