//! Files inside a tar archive, packed or not, one at a time.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use flate2::read::MultiGzDecoder;

use crate::source::directory::is_named;
use crate::source::unpack::TEXT_BYTES_MAX;

/// How an archive's name ends.
const SUFFIXES: [&str; 3] = [".tar", ".tar.gz", ".tgz"];

/// Name and bytes of a member.
type Member = (String, Vec<u8>);

/// Whether the name says that it is an archive.
pub(super) fn is_one(path: &Path) -> bool {
    let name = path.to_string_lossy();
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// The members of an archive in their order. A thread reads ahead by one.
#[derive(Debug)]
pub(super) struct Members(Receiver<io::Result<Member>>);

impl Members {
    /// Opens an archive; what is wrong with it is told by [`Self::next`].
    pub(super) fn open(path: PathBuf) -> Self {
        let (sender, receiver) = sync_channel(1);
        thread::spawn(move || {
            let told = walk(&path, &mut |member| sender.send(Ok(member)).is_ok());
            if let Err(error) = told {
                // Nobody listens any more: then there is nobody to tell.
                sender.send(Err(error)).ok();
            }
        });
        Self(receiver)
    }

    /// The next member that may hold events; `None` at the end. Blocks.
    ///
    /// # Errors
    /// The archive is broken here.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        self.0.recv().ok().transpose()
    }
}

/// Hands over each member until `take` has enough.
fn walk(path: &Path, take: &mut dyn FnMut(Member) -> bool) -> io::Result<()> {
    let file = BufReader::new(File::open(path)?);
    let reader: Box<dyn Read> = if path.extension().is_some_and(|end| end == "tar") {
        Box::new(file)
    } else {
        Box::new(MultiGzDecoder::new(file))
    };
    let limit = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        let name = entry.path()?.display().to_string();
        if !entry.header().entry_type().is_file() || !is_named(&name) {
            continue;
        }
        let mut bytes = Vec::new();
        entry
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if !take((format!("{}:{name}", path.display()), bytes)) {
            return Ok(());
        }
    }
    Ok(())
}
