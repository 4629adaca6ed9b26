//! Arbitrary bytes into the decoder `inbox`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("inbox").check)(bytes);
});
