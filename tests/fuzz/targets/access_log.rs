//! See `plimsoll_agent::fuzzing::access_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::access_log(data));
