//! Arbitrary bytes into the decoder `entry_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("entry_header").check)(bytes);
});
