//! Arbitrary bytes into the decoder `contact_link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("contact_link").check)(bytes);
});
