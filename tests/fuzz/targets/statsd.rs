//! See `plimsoll_agent::fuzzing::statsd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_agent::fuzzing::statsd(data));
