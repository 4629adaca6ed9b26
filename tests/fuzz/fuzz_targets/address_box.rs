//! Arbitrary bytes into the decoder `address_box`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("address_box").check)(bytes);
});
