//! `plimsoll-agent seal`: makes a machine ready to be an image.
//!
//! What an instance knows of itself (positions, the spool, dead letters, events of its life) must not
//! come to life again on every instance of an image: they would send it once each, or look for files
//! of another machine. Only files that the agent has made are removed, by name and below the state
//! directory; whatever else lies there is told and stays. Configuration and logs are never touched,
//! and what was not sent yet goes only if that is asked for.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;
use plimsoll_core::cli::print;

use super::{ConfigArgs, state_directory};
use crate::checkpoint::{self, Store, survey};
use crate::config::{Persistence, STATE_DIR};
use crate::deadletter::{self, give_to_owner};
use crate::fs::{HostFs, StateFs};
use crate::lifecycle::EVENTS_FILES;
use crate::{SERVICE, spool, unsent};

/// Removes what belongs to this machine alone.
#[derive(Debug, Args)]
pub(super) struct SealArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Tell what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove also what was not sent yet: refused events, metrics and events of the instance's life.
    #[arg(long)]
    discard: bool,
}

/// Removes, and tells what.
pub(super) fn run(args: &SealArgs) -> Result<(), String> {
    // An image is often made before there is a configuration.
    let directory = if args.config.is_given() || args.config.path().exists() {
        state_directory(&args.config)?
    } else {
        STATE_DIR.into()
    };
    let sealed = Seal {
        directory,
        dry_run: args.dry_run,
        discard: args.discard,
    };
    print(&sealed.run()?);
    Ok(())
}

/// One state directory, and what is done to it.
#[derive(Debug)]
struct Seal {
    directory: PathBuf,
    dry_run: bool,
    discard: bool,
}

impl Seal {
    /// Does it, and gives the text that tells what was done.
    fn run(&self) -> Result<String, String> {
        let directory = &self.directory;
        if !directory.exists() {
            return Ok(format!("{} does not exist\n", directory.display()));
        }
        let spool = directory.join(spool::DIRECTORY);
        let mut locks = vec![directory.join(checkpoint::LOCK_NAME)];
        // Who owns the directory must not lead root elsewhere by a link inside it.
        if !spool.is_symlink() {
            locks.push(spool.join(spool::LOCK_NAME));
        }
        // Until all is gone, and they with it.
        let _held = self.lock(&locks)?;
        let unusable = |error: io::Error| {
            format!(
                "the state directory {} cannot be used: {error}\n",
                directory.display()
            )
        };
        let (ours, others) = self.files(&locks).map_err(unusable)?;
        let unsent = self.unsent(&ours).map_err(unusable)?;
        if !unsent.is_empty() && !self.discard {
            return Err(format!(
                "{} is not sealed, because not all of it was sent:\n{}start the agent and let it \
                 send them (`plimsoll-agent dlq retry` for refused events), or throw them away with \
                 --discard\n",
                directory.display(),
                unsent.concat()
            ));
        }
        let removed: Result<Vec<String>, String> =
            ours.iter().map(|file| self.remove(file)).collect();
        let mut told = removed?;
        if ours.is_empty() {
            told.push("nothing to remove\n".to_owned());
        }
        told.extend(others.iter().map(|other| {
            let other = other.display();
            format!("left, because the agent did not make it: {other}\n")
        }));
        if !self.dry_run {
            for lock in locks.iter().filter(|lock| lock.exists()) {
                self.remove(lock)?;
            }
            HostFs.sync_directory(directory).map_err(unusable)?;
        }
        Ok(told.concat())
    }

    /// Holds the state against a start of the agent. What only tells makes no file for it.
    fn lock(&self, locks: &[PathBuf]) -> Result<Vec<fs::File>, String> {
        let mut held = Vec::new();
        for (index, lock) in locks.iter().enumerate() {
            let is_made = index == 0 && !self.dry_run;
            if !is_made && !lock.exists() {
                continue;
            }
            let directory = self.directory.display();
            let unusable = |error| format!("{} cannot be locked: {error}\n", lock.display());
            let file = HostFs.lock(lock).map_err(unusable)?.ok_or_else(|| {
                format!("{directory} is in use by a running agent; `systemctl stop plimsoll-agent` first\n")
            })?;
            give_to_owner(&self.directory, &file).map_err(unusable)?;
            held.push(file);
        }
        Ok(held)
    }

    /// The files that the agent has made here, but for the locks, and those that it has not.
    fn files(&self, locks: &[PathBuf]) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        let spool = self.directory.join(spool::DIRECTORY);
        let events = self.directory.join("events");
        let named: Vec<PathBuf> = checkpoint::FILES
            .iter()
            .chain(&deadletter::FILES)
            .chain(&EVENTS_FILES)
            .chain(&[unsent::NAME, SERVICE.socket])
            .map(|name| self.directory.join(name))
            .collect();
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for place in [&self.directory, &events, &spool] {
            // As with the locks.
            if place.is_symlink() && *place != self.directory {
                continue;
            }
            for path in entries(place)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let is_segment = *place == spool && spool::is_segment(&name);
                if named.contains(&path) || is_segment {
                    ours.push(path);
                } else if path != spool && path != events && !locks.contains(&path) {
                    others.push(path);
                }
            }
        }
        Ok((ours, others))
    }

    /// A line for each kind of thing that CloudWatch does not have yet.
    fn unsent(&self, ours: &[PathBuf]) -> io::Result<Vec<String>> {
        let mut told = Vec::new();
        let refused = deadletter::bytes(&self.directory);
        if refused > 0 {
            told.push(format!("  {refused} bytes of refused events\n"));
        }
        let mut datums = 0;
        for path in ours {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if spool::is_segment(&name) {
                datums += spool::waiting_in(&fs::read(path)?);
            }
        }
        if datums > 0 {
            told.push(format!("  {datums} datums of metrics\n"));
        }
        let events = self.unsent_events(ours);
        if events > 0 {
            told.push(format!(
                "  {events} bytes of events of the instance's life\n"
            ));
        }
        Ok(told)
    }

    /// Bytes of the events' files that no position says were delivered.
    fn unsent_events(&self, ours: &[PathBuf]) -> u64 {
        let store = Store::open(HostFs, &Persistence::ReadOnly(self.directory.clone()));
        let surveyed = store.map_or_else(
            |_| Vec::new(),
            |(store, _)| survey(&HostFs, store.snapshot()),
        );
        let events = EVENTS_FILES.map(|name| self.directory.join(name));
        let left = events
            .iter()
            .filter(|path| ours.contains(path))
            .map(|path| {
                let known = surveyed
                    .iter()
                    .find(|one| one.found.as_ref().is_some_and(|found| found.path == *path));
                let size = fs::metadata(path).map_or(0, |file| file.len());
                known
                    .and_then(checkpoint::Surveyed::lag_bytes)
                    .unwrap_or(size)
            });
        left.sum()
    }

    fn remove(&self, path: &Path) -> Result<String, String> {
        let failed = |error: io::Error| format!("{} cannot be removed: {error}\n", path.display());
        let bytes = match fs::symlink_metadata(path) {
            Ok(file) => file.len(),
            // The socket's owner may have taken it away.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(failed(error)),
        };
        if self.dry_run {
            return Ok(format!("would remove {} ({bytes} bytes)\n", path.display()));
        }
        fs::remove_file(path).map_err(failed)?;
        // What lies below the state directory goes with its last file; others keep their place.
        if let Some(parent) = path.parent().filter(|parent| *parent != self.directory) {
            fs::remove_dir(parent).ok();
        }
        Ok(format!("removed {} ({bytes} bytes)\n", path.display()))
    }
}

/// What lies in a directory, in order; nothing if there is none.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let found = match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        found => found?,
    };
    let paths = found.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
