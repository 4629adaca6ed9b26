//! Arbitrary bytes into the decoder `hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("hello").check)(bytes);
});
