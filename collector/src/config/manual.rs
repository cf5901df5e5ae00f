//! Writes `docs/configuration-collector.md` from the table of keys. Only tests use it: the manual
//! is committed, and a test fails when it is out of date. `UPDATE_GENERATED=1` writes it anew.

use std::path::Path;

use plimsoll_core::config::manual::{is_up_to_date, page};

use super::KEYS;

const HEAD: &str = "<!-- Generated from collector/src/config/keys.rs by `UPDATE_GENERATED=1 cargo test -p plimsoll-collector`; do not edit. -->\n\
# Configuration of plimsoll-collector\n\n\
The collector reads one TOML file, `/etc/plimsoll/collector.toml` unless `--config` names another. \
`plimsoll-collector validate` tells every mistake in it with its place, what the machine would \
refuse, and what is wrong with the rules. Durations are written `\"10s\"`, `\"5m\"` or `\"1h30m\"`. \
An unknown key is an error.\n";

#[test]
fn the_manual_is_up_to_date() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/configuration-collector.md"
    );
    let page = page(HEAD, KEYS, &[]);
    assert!(
        is_up_to_date(Path::new(path), &page).unwrap(),
        "docs/configuration-collector.md is out of date; run the tests with UPDATE_GENERATED=1"
    );
}
