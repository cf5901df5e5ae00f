//! The names of the data sources of collectd's types, from files such as `types.db`.
//! Source: collectd's manual, types.db(5).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::health::Health;

/// Where Debian and Amazon Linux have collectd's own.
const DEFAULT_PATH: &str = "/usr/share/collectd/types.db";
/// A file larger than this is no types.db: collectd's own has 13 kB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The names of data sources by type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types(HashMap<Box<str>, Vec<Box<str>>>);

impl Types {
    /// Reads files, later ones before earlier ones. One that cannot be read is told and left out:
    /// values with a single data source need none.
    pub(crate) fn read(paths: Option<&[PathBuf]>, health: &Arc<Health>) -> Self {
        let mut types = Self::default();
        let default = [PathBuf::from(DEFAULT_PATH)];
        for path in paths.unwrap_or(&default) {
            match read_bounded(path) {
                Ok(text) => types.add(&text),
                Err(error) if paths.is_some() => {
                    health.problems.add("collectd_types_unreadable", 1);
                    log::warn!(
                        path:? = path;
                        "names of data sources cannot be read, their numbers are used: {error}"
                    );
                }
                Err(error) => log::debug!(path:? = path; "no types of collectd: {error}"),
            }
        }
        types
    }

    fn add(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line
                .split(|c: char| c.is_ascii_whitespace() || c == ',')
                .filter(|word| !word.is_empty());
            let Some(kind) = words.next().filter(|kind| !kind.starts_with('#')) else {
                continue;
            };
            let names = words.filter_map(|source| Some(source.split_once(':')?.0.into()));
            self.0.insert(kind.into(), names.collect());
        }
    }

    /// The name of the data source at `place` of `count`. Of a type that is not known, a single one
    /// is `value` and others are numbered from 0.
    pub(crate) fn name(&self, kind: &str, place: usize, count: usize) -> String {
        let known = self.0.get(kind).filter(|names| names.len() == count);
        match known.and_then(|names| names.get(place)) {
            Some(name) => name.to_string(),
            None if count == 1 => "value".to_owned(),
            None => place.to_string(),
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is too large to be a types.db"));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sources_are_named_by_the_file_or_by_their_place() {
        let mut types = Types::default();
        types.add("# comment\n\nif_octets\trx:DERIVE:0:U, tx:DERIVE:0:U\nload  shortterm:GAUGE:0:5000,midterm:GAUGE:0:5000,  longterm:GAUGE:0:5000\npercent value:GAUGE:0:100.1\n");
        for (kind, place, count, expected) in [
            ("if_octets", 0, 2, "rx"),
            ("if_octets", 1, 2, "tx"),
            ("load", 2, 3, "longterm"),
            ("percent", 0, 1, "value"),
            ("unknown", 0, 1, "value"),
            ("unknown", 1, 2, "1"),
            // The sender has another file.
            ("load", 1, 2, "1"),
        ] {
            assert_eq!(types.name(kind, place, count), expected, "{kind}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_told_only_if_it_was_named() {
        let health = Arc::new(Health::default());
        Types::read(Some(&["/nonexistent/types.db".into()]), &health);
        let expected = [("collectd_types_unreadable", 1)];
        assert_eq!(health.problems.snapshot(), expected);
    }
}
