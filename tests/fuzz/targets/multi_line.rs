//! See `plimsoll_agent::fuzzing::multi_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::multi_line(data));
