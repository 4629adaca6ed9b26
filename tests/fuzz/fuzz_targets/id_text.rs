//! Arbitrary bytes into the decoder `id_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("id_text").check)(bytes);
});
