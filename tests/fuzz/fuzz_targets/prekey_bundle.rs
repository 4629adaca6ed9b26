//! Arbitrary bytes into the decoder `prekey_bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("prekey_bundle").check)(bytes);
});
