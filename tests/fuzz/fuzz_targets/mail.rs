//! Arbitrary bytes into the decoder `mail`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("mail").check)(bytes);
});
