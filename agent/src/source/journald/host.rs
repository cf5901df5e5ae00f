//! The machine's own journal, through libsystemd.
//!
//! The library opens a journal of which it may read no file as if it were an empty one, so whether
//! the files may be read is looked at first.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::source::journald::entry::FIELD_BYTES_MAX;
use crate::source::journald::journal::{Journals, Unavailable};
use crate::source::journald::matches::Step;
use crate::sys::journal::{Handle, Library};

/// Where journald keeps its files: across boots, or in memory.
/// Source: systemd's manual, systemd-journald.service(8), files.
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
const MACHINE_ID: &str = "/etc/machine-id";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Opens journals of this machine.
#[derive(Debug, Default)]
pub(crate) struct HostJournals {
    library: Option<Arc<Library>>,
}

impl HostJournals {
    fn library(&mut self) -> Result<&Arc<Library>, Unavailable> {
        let library = match self.library.take() {
            Some(library) => library,
            None => Library::load().map_err(|error| Unavailable {
                reason: "journal_no_library",
                why: format!(
                    "libsystemd cannot be used ({error}); install libsystemd0 or systemd-libs"
                ),
            })?,
        };
        Ok(self.library.insert(library))
    }
}

impl Journals for HostJournals {
    type Journal = Handle;

    fn open(&mut self, selection: &[Step]) -> Result<Handle, Unavailable> {
        let library = Arc::clone(self.library()?);
        let machine = fs::read_to_string(MACHINE_ID).unwrap_or_default();
        let own = DIRECTORIES.map(|parent| Path::new(parent).join(machine.trim()));
        may_read(&own)?;
        open(&library, selection).map_err(|error| unreadable(&error))
    }

    fn boot(&self) -> Result<u128, Unavailable> {
        let text = fs::read_to_string(BOOT_ID).map_err(|error| unreadable(&error))?;
        u128::from_str_radix(&text.trim().replace('-', ""), 16)
            .map_err(|error| unreadable(&io::Error::other(error)))
    }
}

fn open(library: &Arc<Library>, selection: &[Step]) -> io::Result<Handle> {
    let mut handle = library.open()?;
    handle.set_data_threshold(FIELD_BYTES_MAX)?;
    for step in selection {
        match step {
            Step::Match(term) => handle.add_match(term.as_bytes())?,
            Step::Or => handle.or()?,
            Step::And => handle.and()?,
        }
    }
    Ok(handle)
}

/// What is told of any other failure.
pub(crate) fn unreadable(error: &io::Error) -> Unavailable {
    Unavailable {
        reason: "journal_unreadable",
        why: format!("{error}; `journalctl --verify` tells more"),
    }
}

/// Whether the system's journal in one of the directories of this machine can be read.
fn may_read(directories: &[PathBuf]) -> Result<(), Unavailable> {
    let mut denied = None;
    for directory in directories {
        match try_files(directory) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => denied = Some((directory, error)),
        }
    }
    Err(match denied {
        Some((directory, error)) => Unavailable {
            reason: "journal_denied",
            why: format!(
                "{} cannot be read: {error}; add the agent's user to the group systemd-journal",
                directory.display()
            ),
        },
        None => Unavailable {
            reason: "journal_missing",
            why: "journald keeps no journal here; see Storage= in journald.conf".to_owned(),
        },
    })
}

/// Whether a file of the system's journal in `directory` can be opened; the last error if there
/// are files and none can.
fn try_files(directory: &Path) -> io::Result<bool> {
    let mut last = None;
    for name in fs::read_dir(directory)? {
        let name = name?;
        let text = name.file_name();
        let text = text.to_string_lossy();
        if !text.starts_with("system") || !text.ends_with(".journal") {
            continue;
        }
        match File::open(name.path()) {
            Ok(_) => return Ok(true),
            Err(error) => last = Some(error),
        }
    }
    last.map_or(Ok(false), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::journald::journal::{Journal, Seek};

    #[test]
    fn a_journal_that_is_missing_or_may_not_be_read_is_told_with_its_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let here = [directory.path().join("none"), directory.path().to_owned()];
        fs::write(directory.path().join("user-1000.journal"), "").unwrap();
        let missing = may_read(&here).unwrap_err();
        assert_eq!(missing.reason, "journal_missing");

        // A link to itself cannot be opened by anyone, root included.
        let link = directory.path().join("system.journal");
        std::os::unix::fs::symlink(&link, &link).unwrap();
        let denied = may_read(&here).unwrap_err();
        assert_eq!(denied.reason, "journal_denied");
        assert!(denied.why.contains("group systemd-journal"), "{denied}");

        fs::write(directory.path().join("system@1.journal"), "").unwrap();
        assert_eq!(may_read(&here), Ok(()));
    }

    #[test]
    fn the_library_takes_every_call_where_it_is_installed() {
        // It is on every machine with systemd; where it is not, that is told.
        let Ok(library) = Library::load() else {
            let none = HostJournals::default().open(&[]).unwrap_err();
            assert_eq!(none.reason, "journal_no_library");
            return;
        };
        let nothing = [
            Step::Match("NO_SUCH_FIELD=1".to_owned()),
            Step::Or,
            Step::Match("NO_OTHER_FIELD=1".to_owned()),
            Step::And,
        ];
        let mut journal = open(&library, &nothing).unwrap();
        assert!(journal.hints().unwrap().is_some());
        journal.files_changed().unwrap();
        for seek in [Seek::Head, Seek::Realtime(1)] {
            journal.seek(seek).unwrap();
            assert!(!journal.forward().unwrap());
        }
        journal.seek(Seek::Tail).unwrap();
        assert!(!journal.back().unwrap());
        assert!(journal.seek(Seek::Cursor("no cursor")).is_err());
        assert!(journal.cursor().is_err() && journal.realtime_us().is_err());
        assert!(journal.is_at("no cursor").is_err());
        assert!(journal.add_match(b"").is_err() && journal.add_match(b"x").is_err());
        assert!(HostJournals::default().boot().unwrap() > 0);
    }
}
