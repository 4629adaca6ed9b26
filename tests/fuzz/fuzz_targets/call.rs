//! Arbitrary bytes into the decoder `call`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("call").check)(bytes);
});
