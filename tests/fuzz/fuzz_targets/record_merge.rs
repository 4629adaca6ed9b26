//! Arbitrary bytes into the decoder `record_merge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("record_merge").check)(bytes);
});
