//! Writes `docs/configuration-agent.md` from the table of keys. Only tests use it: the manual is
//! committed, and a test fails when it is out of date. `UPDATE_GENERATED=1` writes it anew.

use std::path::Path;

use plimsoll_core::config::manual::{is_up_to_date, page};

use super::KEYS;

const HEAD: &str = "<!-- Generated from agent/src/config/keys.rs by `UPDATE_GENERATED=1 cargo test -p plimsoll-agent`; do not edit. -->\n\
# Configuration of plimsoll-agent\n\n\
The agent reads one TOML file, `/etc/plimsoll/agent.toml` unless `--config` names another. \
`plimsoll-agent validate` tells every mistake in it with its place, what the machine would refuse, \
and what the metrics would cost. Durations are written `\"10s\"`, `\"5m\"` or `\"1h30m\"`; sizes \
`\"512KiB\"` or `\"16MiB\"`. An unknown key is an error.\n\n\
## What is promised for metrics\n\
The freshest datums are sent first. What CloudWatch does not take while it cannot be reached, and \
what is not sent by the end of `drain_timeout`, waits on disk up to `metrics.spool` and follows with \
its own time, for up to two weeks. CloudWatch knows no deduplication: when an answer is lost, nobody \
knows whether the call was counted. Then `metrics.when_unknown` decides; as it stands, gauges are \
repeated, so their `Average`, `Minimum` and `Maximum` stay exact and only their `Sum` and \
`SampleCount` can be too high, and counts are given up, so a `Sum` is never too high. Everything \
that is dropped is counted by reason in `datums_dropped`.\n";

#[test]
fn the_manual_is_up_to_date() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/configuration-agent.md"
    );
    let lists = [
        "logs.file",
        "logs.journald",
        "metrics.procstat",
        "metrics.prometheus",
    ];
    let page = page(HEAD, KEYS, &lists);
    assert!(
        is_up_to_date(Path::new(path), &page).unwrap(),
        "docs/configuration-agent.md is out of date; run the tests with UPDATE_GENERATED=1"
    );
}
