//! Arbitrary bytes into the decoder `link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("link").check)(bytes);
});
