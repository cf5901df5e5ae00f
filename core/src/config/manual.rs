//! The reference manual of a configuration, written from the table of its keys.
//!
//! Each service lists its keys once, with [`keys!`](crate::keys): a test of the service proves that
//! its reader takes exactly these, and another that the page which is committed says what the
//! table says. Nothing here reads a configuration.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// Writes generated files anew instead of comparing them, when it is set.
pub const UPDATE: &str = "UPDATE_GENERATED";

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its path; `logs.file` stands for each `[[logs.file]]`.
    pub path: &'static str,
    /// What is written there, with its range.
    pub kind: &'static str,
    /// What holds when it is left out.
    pub default: &'static str,
    /// Effect, edge values, who should touch it.
    pub doc: &'static str,
}

/// A table of [`Key`]s: path, kind, default and doc of each, separated
/// by commas and ended by a semicolon.
#[macro_export]
macro_rules! keys {
    ($($path:literal, $kind:literal, $default:literal, $doc:literal;)*) => {
        &[$($crate::config::manual::Key {
            path: $path,
            kind: $kind,
            default: $default,
            doc: $doc,
        }),*]
    };
}

/// The whole page: `head`, then a chapter for each table. `lists` are the tables that may be there
/// more than once.
#[must_use]
pub fn page(head: &str, keys: &[Key], lists: &[&str]) -> String {
    let mut page = head.to_owned();
    let mut chapter = "";
    for key in keys {
        let (table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if table != chapter {
            chapter = table;
            let heading = if lists.contains(&table) {
                format!("[[{table}]]")
            } else {
                format!("[{table}]")
            };
            write!(page, "\n## `{heading}`\n").ok();
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

/// Whether the file at `path` holds `page`; for the test that keeps the manual up to date. With
/// [`UPDATE`] set the file is written first.
///
/// # Errors
/// When the file cannot be written or read.
pub fn is_up_to_date(path: &Path, page: &str) -> io::Result<bool> {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, page)?;
    }
    Ok(std::fs::read_to_string(path)? == page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_chapter_for_each_table_and_an_entry_for_each_key() {
        let keys: &[Key] = keys! {
            "a.b", "number", "`1`", "First.";
            "a.c", "name", "none", "Second.";
            "d.e", "name", "none", "Third.";
        };
        let page = page("# Head\n", keys, &["d"]);
        let expected = "# Head\n\n## `[a]`\n\
            \n### `b`\nFirst.\n\n- Value: number\n- Default: `1`\n\
            \n### `c`\nSecond.\n\n- Value: name\n- Default: none\n\
            \n## `[[d]]`\n\
            \n### `e`\nThird.\n\n- Value: name\n- Default: none\n";
        assert_eq!(page, expected);
    }
}
