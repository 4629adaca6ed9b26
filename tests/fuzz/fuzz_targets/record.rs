//! Arbitrary bytes into the decoder `record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("record").check)(bytes);
});
