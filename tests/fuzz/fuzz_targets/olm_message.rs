//! Arbitrary bytes into the decoder `olm_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("olm_message").check)(bytes);
});
