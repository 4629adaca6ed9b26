//! Arbitrary bytes into the decoder `sync`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("sync").check)(bytes);
});
