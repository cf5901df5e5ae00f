//! The commands' side: what is kept is read, and taken out.
//!
//! Reading takes no lock: lines are only ever appended or replaced with their whole file. Taking
//! out writes a file anew beside the old one and renames it, under the lock, so that the agent can
//! go on keeping events meanwhile and a crash leaves one of the two whole.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use plimsoll_core::clock::UnixMillis;

use super::{FILE_MODE, Letter, NAME, NEW_NAME, OLDER_NAME, give_to_owner, lock};

/// Which events are meant: those that agree with everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Their numbers in the list, counted from 1.
    pub(crate) numbers: Vec<u64>,
    /// The log group.
    pub(crate) group: Option<String>,
    /// The log stream.
    pub(crate) stream: Option<String>,
    /// Why they were refused.
    pub(crate) reason: Option<String>,
    /// The earliest time of the event.
    pub(crate) since: Option<UnixMillis>,
}

impl Selection {
    /// Whether everything is meant.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    fn holds(&self, number: u64, letter: &Letter) -> bool {
        let agrees = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        (self.numbers.is_empty() || self.numbers.contains(&number))
            && agrees(&self.group, &letter.group)
            && agrees(&self.stream, &letter.stream)
            && agrees(&self.reason, &letter.reason)
            && self.since.is_none_or(|since| since <= letter.time)
    }
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its place in the list, counted from 1. It changes when the files do.
    pub(crate) number: u64,
    /// Its line, as it stands in the file.
    pub(crate) line: Vec<u8>,
    /// The event.
    pub(crate) letter: Letter,
}

/// Gives the events that `selection` means to `each`, oldest first, and says how many lines could
/// not be read.
///
/// # Errors
/// Those of reading the files. Files that do not exist hold nothing.
pub(crate) fn read(
    directory: &Path,
    selection: &Selection,
    mut each: impl FnMut(Kept),
) -> io::Result<u64> {
    let (mut number, mut torn) = (0, 0);
    for name in [OLDER_NAME, NAME] {
        lines(&directory.join(name), |line| {
            number += 1;
            match Letter::read(&line) {
                Some(letter) if selection.holds(number, &letter) => each(Kept {
                    number,
                    line,
                    letter,
                }),
                Some(_) => {}
                None => torn += 1,
            }
            Ok(())
        })?;
    }
    Ok(torn)
}

/// Takes out the events that `selection` means, and with everything also the lines that cannot be
/// read. Says how many lines were taken out.
///
/// # Errors
/// Those of the lock and of writing. A file is changed as a whole or not at all.
pub(crate) fn purge(directory: &Path, selection: &Selection) -> io::Result<u64> {
    let mut number = 0;
    rewrite(directory, |line| {
        number += 1;
        match Letter::read(line) {
            Some(letter) => selection.holds(number, &letter),
            None => selection.is_everything(),
        }
    })
}

/// Takes out one line for each of `accepted`, wherever it stands now. Says how many were found.
///
/// # Errors
/// Those of the lock and of writing.
pub(crate) fn remove<'l>(
    directory: &Path,
    accepted: impl Iterator<Item = &'l [u8]>,
) -> io::Result<u64> {
    let mut left: HashMap<&[u8], u64> = HashMap::new();
    for line in accepted {
        *left.entry(line).or_insert(0) += 1;
    }
    rewrite(directory, |line| match left.get_mut(line) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}

/// Leaves out the lines that are `unwanted`.
fn rewrite(directory: &Path, mut unwanted: impl FnMut(&[u8]) -> bool) -> io::Result<u64> {
    let _lock = lock(directory)?;
    let mut removed = 0;
    for name in [OLDER_NAME, NAME] {
        let (path, beside) = (directory.join(name), directory.join(NEW_NAME));
        if !path.try_exists()? {
            continue;
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&beside)?;
        let mut out = BufWriter::new(file);
        let before = removed;
        lines(&path, |line| {
            if unwanted(&line) {
                removed += 1;
                return Ok(());
            }
            out.write_all(&line)?;
            out.write_all(b"\n")
        })?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        if removed == before {
            std::fs::remove_file(&beside)?;
            continue;
        }
        file.sync_data()?;
        give_to_owner(directory, &file)?;
        std::fs::rename(&beside, &path)?;
    }
    File::open(directory)?.sync_all()?;
    Ok(removed)
}

/// The lines of a file, without their ends. A file that does not exist has none.
fn lines(path: &Path, mut each: impl FnMut(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        if !line.is_empty() {
            each(line)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadletter::letter::tests::letter;

    fn directory(older: &[String], newer: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(OLDER_NAME), older.concat()).unwrap();
        std::fs::write(directory.path().join(NAME), newer).unwrap();
        directory
    }

    fn messages(directory: &Path, selection: &Selection) -> (Vec<String>, u64) {
        let mut found = Vec::new();
        let torn = read(directory, selection, |kept| {
            found.push(String::from_utf8(kept.letter.message).unwrap());
        });
        (found, torn.unwrap())
    }

    fn some() -> tempfile::TempDir {
        let older = [letter("too_old", b"one"), letter("too_new", b"two")];
        let newer = format!(
            "{}{{\"torn\":\n{}",
            letter("too_old", b"three"),
            letter("too_new", b"four")
        );
        directory(&older, &newer)
    }

    #[test]
    fn a_selection_is_everything_that_agrees_with_all_that_is_given() {
        let directory = some();
        let check = |selection: Selection, expected: &[&str]| {
            assert_eq!(
                messages(directory.path(), &selection),
                (expected.iter().map(|text| (*text).to_owned()).collect(), 1)
            );
        };
        let text = |text: &str| Some(text.to_owned());
        check(Selection::default(), &["one", "two", "three", "four"]);
        check(
            Selection {
                reason: text("too_old"),
                ..Selection::default()
            },
            &["one", "three"],
        );
        check(
            Selection {
                numbers: vec![2, 5],
                ..Selection::default()
            },
            &["two", "four"],
        );
        check(
            Selection {
                group: text("other"),
                ..Selection::default()
            },
            &[],
        );
        check(
            Selection {
                stream: text("s"),
                reason: text("too_new"),
                numbers: vec![5],
                ..Selection::default()
            },
            &["four"],
        );
        let since = |at| Selection {
            since: Some(UnixMillis(at)),
            ..Selection::default()
        };
        check(since(1_800_000_000_124), &[]);
        check(since(1_800_000_000_123), &["one", "two", "three", "four"]);
    }

    #[test]
    fn a_purge_leaves_what_was_not_meant_and_a_torn_line_unless_all_is_meant() {
        let directory = some();
        let selection = Selection {
            reason: Some("too_old".to_owned()),
            ..Selection::default()
        };
        assert_eq!(purge(directory.path(), &selection).unwrap(), 2);
        let all = Selection::default();
        assert_eq!(
            messages(directory.path(), &all),
            (vec!["two".to_owned(), "four".to_owned()], 1)
        );
        assert_eq!(purge(directory.path(), &all).unwrap(), 3);
        assert_eq!(messages(directory.path(), &all), (Vec::new(), 0));
        assert!(!directory.path().join(NEW_NAME).exists());
    }

    #[test]
    fn what_was_accepted_is_taken_out_once_even_after_the_files_have_moved_on() {
        let same = letter("too_old", b"same");
        let directory = directory(&[same.clone(), same.clone()], &same);
        let line = same.trim_end().as_bytes();
        // Meanwhile the older file was replaced.
        std::fs::rename(
            directory.path().join(NAME),
            directory.path().join(OLDER_NAME),
        )
        .unwrap();
        std::fs::write(directory.path().join(NAME), format!("{same}{same}")).unwrap();
        assert_eq!(
            remove(directory.path(), [line, line].into_iter()).unwrap(),
            2
        );
        assert_eq!(messages(directory.path(), &Selection::default()).0.len(), 1);
    }

    #[test]
    fn without_files_there_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            messages(directory.path(), &Selection::default()),
            (Vec::new(), 0)
        );
        assert_eq!(purge(directory.path(), &Selection::default()).unwrap(), 0);
    }
}
