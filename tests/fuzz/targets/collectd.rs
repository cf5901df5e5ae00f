//! See `plimsoll_agent::fuzzing::collectd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::collectd(data));
