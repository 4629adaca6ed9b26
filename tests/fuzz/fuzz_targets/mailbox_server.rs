//! Arbitrary bytes into the decoder `mailbox_server`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (veche_fuzz::decoders::decoder("mailbox_server").check)(bytes);
});
