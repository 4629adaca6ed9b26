//! Arbitrary bytes into the decoder `login_claim`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("login_claim").check)(bytes);
});
