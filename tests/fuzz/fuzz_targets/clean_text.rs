//! Arbitrary bytes into the decoder `clean_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("clean_text").check)(bytes);
});
