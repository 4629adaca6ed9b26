//! Arbitrary bytes into the decoder `mailbox`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("mailbox").check)(bytes);
});
