//! Arbitrary bytes into the decoder `lan_hello`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("lan_hello").check)(bytes);
});
