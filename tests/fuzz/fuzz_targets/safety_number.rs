//! Arbitrary bytes into the decoder `safety_number`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("safety_number").check)(bytes);
});
