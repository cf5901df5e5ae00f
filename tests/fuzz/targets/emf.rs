//! See `plimsoll_agent::fuzzing::emf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::emf(data));
