//! Writes `docs/configuration-collector.md` from the table of keys. Only tests use it: the manual
//! is committed, and a test fails when it is out of date. `UPDATE_GENERATED=1` writes it anew.

use std::fmt::Write as _;

use super::{KEYS, Key};

const HEAD: &str = "<!-- Generated from collector/src/config/keys.rs by `UPDATE_GENERATED=1 cargo test -p plimsoll-collector`; do not edit. -->\n\
# Configuration of plimsoll-collector\n\n\
The collector reads one TOML file, `/etc/plimsoll/collector.toml` unless `--config` names another. \
`plimsoll-collector validate` tells every mistake in it with its place, what the machine would \
refuse, and what is wrong with the rules. Durations are written `\"10s\"`, `\"5m\"` or `\"1h30m\"`. \
An unknown key is an error.\n";

/// The whole page.
fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for key in KEYS {
        let (table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if table != section {
            section = table;
            write!(page, "\n## `[{table}]`\n").ok();
        }
        let Key {
            kind, default, doc, ..
        } = key;
        write!(
            page,
            "\n### `{name}`\n{doc}\n\n- Value: {kind}\n- Default: {default}\n"
        )
        .ok();
    }
    page
}

#[test]
fn the_manual_is_up_to_date() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/configuration-collector.md"
    );
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/configuration-collector.md is out of date; run the tests with UPDATE_GENERATED=1"
    );
}
