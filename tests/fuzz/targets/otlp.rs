//! See `plimsoll_agent::fuzzing::otlp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::otlp(data));
