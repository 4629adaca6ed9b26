//! Arbitrary steps of two cores.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("core_steps").check)(bytes);
});
