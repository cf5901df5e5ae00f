//! Looking for files, and where to begin in one that was found.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_aws::LogGroup;
use plimsoll_aws::limits::logs::NAME_CHARS_MAX;
use tokio::time::Instant;

use super::copies::Copied;
use super::{Rate, Reader};
use crate::checkpoint::Resumed;
use crate::fs::{Kind, LogFs, Stat};
use crate::record::{FileId, GUARD_BYTES, Guard, Stream};
use crate::source::file::dated::Dated;
use crate::source::file::discover::{Scan, Target};
use crate::source::file::framing::FileFraming;
use crate::source::file::identity::{Head, Identity, Shape, guard_at, guard_holds};
use crate::source::file::tail::{Tail, Turn};

/// The placeholders of a stream's name that differ from file to file.
const FILE_NAME: &str = "{file_name}";
const FILE_PATH: &str = "{file_path}";

/// Where to begin in a file.
pub(super) struct Place {
    pub(super) id: FileId,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) guard: Guard,
    pub(super) head: Head,
}

impl<F: LogFs> Reader<F> {
    /// Looks for files: follows new ones, and notes which ones no path leads to any more.
    pub(super) fn scan(&mut self, now: Instant) {
        self.scans += 1;
        let scan = self.look();
        self.by_path.clear();
        let mut hidden = Vec::new();
        for (target, path) in self.unrecognised(&scan.files, now) {
            match self.found(target, path, now) {
                Ok(()) => {
                    self.troubled.remove(path);
                }
                // It went away between two looks, which is nobody's trouble.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    hidden.extend(self.fs.stat(path).map(|stat| stat.identity));
                    self.trouble(path, "file_unreadable", &error);
                }
            }
        }
        for (path, error) in &scan.unreadable {
            self.trouble(path, Scan::reason(error), error);
        }
        if self.scans == 1 || !self.undecided.is_empty() {
            self.look_for_lost(&hidden, now);
        }
        if self.scans == 1 {
            self.look_for_unseen(now);
            self.opened = true;
        }
        // After the files: those that a target finds at its first look may begin at their end.
        for target in self.targets.all() {
            self.ledger.start(target.key);
        }
        self.follow_lost_copies(now);
        self.detach(&scan.unreadable, now);
        self.streams
            .retain(|_, stream| Arc::strong_count(stream) > 1);
        self.health.files.set(self.tails.len() as u64);
    }

    /// Finds files again that are followed, and gives the others: those first that an earlier run
    /// has read, since others may be copies of them.
    fn unrecognised<'a>(
        &mut self,
        files: &'a [(usize, PathBuf)],
        now: Instant,
    ) -> Vec<(usize, &'a Path)> {
        let mut others = Vec::new();
        for (target, path) in files {
            match self.fs.stat(path) {
                Ok(stat) if self.recognise(path, &stat, now) => {
                    self.troubled.remove(path);
                }
                seen => others.push((*target, path.as_path(), seen.ok())),
            }
        }
        let known = if others.is_empty() {
            HashSet::new()
        } else {
            self.ledger.inodes()
        };
        let is_new = |stat: &Option<Stat>| {
            let inode = stat.as_ref().map(|stat| stat.identity.inode);
            inode.is_none_or(|inode| !known.contains(&inode))
        };
        others.sort_by_key(|(_, _, stat)| is_new(stat));
        others
            .into_iter()
            .map(|(target, path, _)| (target, path))
            .collect()
    }

    /// Looks through directories, which are watched from before they are listed.
    fn look(&mut self) -> Scan {
        let Some(watch) = &mut self.watch else {
            return self.targets.scan(&self.fs, &mut |_, _, _| {});
        };
        let fs = &self.fs;
        let scan = self.targets.scan(fs, &mut |path, stat, interest| {
            watch.enter(fs, path, stat, interest);
        });
        let failed = watch.finish(fs, &scan.files);
        if let Some((path, why)) = failed
            && self.health.problems.add("no_notification", 1)
        {
            log::warn!("{} cannot be watched and is polled: {why}", path.display());
        }
        scan
    }

    /// A file had a name that is to be followed and lost it before it was: it is followed under
    /// the name that it has now, as if it had been found in time.
    pub(super) fn follow_moved(&mut self, from: &Path, to: &Path, now: Instant) {
        if self.targets.matches(to) {
            return;
        }
        let Some(target) = self.targets.target_of(from) else {
            return;
        };
        if let Err(error) = self.found_as(target, to, from, now)
            && error.kind() != io::ErrorKind::NotFound
        {
            self.trouble(to, "file_unreadable", &error);
        }
    }

    /// A path of the configuration exists.
    fn found(&mut self, target: usize, path: &Path, now: Instant) -> io::Result<()> {
        self.found_as(target, path, path, now)
    }

    /// The same for a file at `path` that is known to people as `label`.
    pub(super) fn found_as(
        &mut self,
        target: usize,
        path: &Path,
        label: &Path,
        now: Instant,
    ) -> io::Result<()> {
        let stat = self.fs.stat(path)?;
        if stat.kind != Kind::File || self.recognise(path, &stat, now) {
            return Ok(());
        }
        if self.is_archive(path, &stat)? {
            return Ok(());
        }
        let Some((file, stat)) = self.fs.open(path)? else {
            return Ok(());
        };
        let identity = stat.identity;
        if self.recognise(path, &stat, now) {
            return Ok(());
        }
        let place = match self.known(target, &file, &identity, now)? {
            Some(place) => place,
            None => match self.is_copy(path, &file, &stat, now)? {
                Copied::Perhaps => {
                    self.hold_copy(path, label, file);
                    return Ok(());
                }
                Copied::Whole => self.end(label, &file, &stat)?,
                Copied::Not => self.beginning(target, label, &file, &stat)?,
            },
        };
        self.follow(target, (file, identity), place, path, now);
        Ok(())
    }

    /// Whether the file is followed already, be it under another name.
    fn recognise(&mut self, path: &Path, stat: &Stat, now: Instant) -> bool {
        let Some(id) = self.by_number.get(&stat.identity.number()) else {
            return false;
        };
        let id = *id;
        let Some(tail) = self.tails.get_mut(&id) else {
            return false;
        };
        if !tail.identity.is(&stat.identity) {
            return false;
        }
        let mut at = Arc::clone(&tail.at);
        if *at != *path {
            at = Arc::from(path);
            // A file of several names is known by the first.
            if tail.scan != self.scans {
                tail.at = Arc::clone(&at);
            }
        }
        tail.scan = self.scans;
        tail.detached = None;
        tail.nameless = false;
        // It may have been taken for finished while no path led to it.
        tail.last = self.once;
        self.by_path.insert(at, id);
        if tail.file.is_none() && tail.shape != stat.shape {
            tail.changed = now;
            self.queue(id);
        }
        true
    }

    /// The position of a file that an earlier run of the agent has read.
    fn known(
        &mut self,
        target: usize,
        file: &F::File,
        identity: &Identity,
        now: Instant,
    ) -> io::Result<Option<Place>> {
        let known = self
            .ledger
            .find(identity, |id| self.tails.contains_key(&id));
        let Some(Resumed { id, entry }) = known else {
            return Ok(None);
        };
        let begins_so = entry.head.holds(&self.fs, file)?;
        if !(begins_so && guard_holds(&self.fs, file, entry.offset, entry.guard)?) {
            self.tell_truncated(&entry.path);
            self.take_up_copy(target, Resumed { id, entry }, now);
            return Ok(None);
        }
        self.ledger.reopen(id, *identity);
        Ok(Some(Place {
            id,
            path: entry.path,
            offset: entry.offset,
            guard: entry.guard,
            head: entry.head,
        }))
    }

    /// Where to begin in a file that was never read: at its start, unless it was there before its
    /// target was first looked for and another agent has read it, or the target says otherwise.
    fn beginning(
        &mut self,
        target: usize,
        path: &Path,
        file: &F::File,
        stat: &Stat,
    ) -> io::Result<Place> {
        let found_first = self
            .targets
            .all()
            .get(target)
            .filter(|target| !self.ledger.has_started(target.key))
            .map(Target::starts_at_end);
        if found_first.is_some()
            && let Some(place) = self.taken_over(target, path, file, stat)?
        {
            return Ok(place);
        }
        if found_first == Some(true) {
            return self.end(path, file, stat);
        }
        Ok(self.place(path, stat, 0, Guard::default()))
    }

    /// The end of a file that was never read.
    fn end(&mut self, path: &Path, file: &F::File, stat: &Stat) -> io::Result<Place> {
        let size = stat.shape.size;
        let guard = guard_at(&self.fs, file, size, GUARD_BYTES)?;
        let (offset, guard) = guard.map(|guard| (size, guard)).unwrap_or_default();
        Ok(self.place(path, stat, offset, guard))
    }

    pub(super) fn place(&mut self, path: &Path, stat: &Stat, offset: u64, guard: Guard) -> Place {
        self.opened = true;
        Place {
            id: self.ledger.open(stat.identity, path, offset, guard),
            path: path.to_owned(),
            offset,
            guard,
            head: Head::default(),
        }
    }

    /// Follows a file from `place` on.
    pub(super) fn follow(
        &mut self,
        target: usize,
        (file, identity): (F::File, Identity),
        place: Place,
        path: &Path,
        now: Instant,
    ) {
        let Some((stream, dated)) = self.destination(target, &place.path) else {
            return;
        };
        let at: Arc<Path> = Arc::from(path);
        let first = if place.path == path {
            Arc::clone(&at)
        } else {
            Arc::from(place.path)
        };
        self.by_path.insert(Arc::clone(&at), place.id);
        let framing = self
            .targets
            .all()
            .get(target)
            .map(|target| Arc::clone(&target.framing));
        let mut tail = Tail {
            id: place.id,
            identity,
            path: first,
            stream,
            dated,
            refiner: self.targets.refiner(target),
            file: Some(file),
            at,
            real: None,
            nameless: false,
            failures: 0,
            offset: place.offset,
            guard: place.guard,
            head: place.head,
            shape: Shape::default(),
            seen: Shape::default(),
            queued: false,
            detached: None,
            changed: now,
            scan: self.scans,
            last: self.once,
            told: [false; 2],
            framing: FileFraming::new(framing.unwrap_or_default()),
            rate: Rate::default(),
            event_due: None,
        };
        tail.look(&self.fs);
        self.followed += 1;
        self.by_number.insert(identity.number(), tail.id);
        self.open.insert(tail.id);
        self.ledger.sends_to(tail.id, &tail.stream);
        self.tails.insert(tail.id, tail);
        self.queue(place.id);
        self.note_end_of(place.id);
        self.keep_within_budget();
    }

    /// Where the lines of a file go now, and how that follows the days.
    pub(super) fn destination(
        &mut self,
        target: usize,
        path: &Path,
    ) -> Option<(Arc<Stream>, Option<Dated>)> {
        let config = &self.targets.all().get(target)?.config;
        let group = config.group.clone();
        if let Some(dated) = Dated::new(&group, &config.stream, path, self.clock.now()) {
            let name = dated.name();
            return Some((self.stream(&group, name), Some(dated)));
        }
        let name = stream_name(&config.stream, path);
        Some((self.stream(&group, name), None))
    }

    /// A stream, shared with other files of the same one.
    fn stream(&mut self, group: &LogGroup, name: String) -> Arc<Stream> {
        let key = (group.name.clone(), name);
        if let Some(stream) = self.streams.get(&key) {
            return Arc::clone(stream);
        }
        self.stream_numbers += 1;
        let stream = Stream::new(self.stream_numbers, group.clone(), &key.1);
        let stream = Arc::new(stream);
        self.streams.insert(key, Arc::clone(&stream));
        stream
    }

    /// Sends what a turn has found to the streams of its days.
    pub(super) fn roll_over(&mut self, id: FileId, turn: &mut Turn) {
        let dated = self.tails.get(&id).and_then(|tail| tail.dated.clone());
        let Some(mut dated) = dated else { return };
        let Some(chunk) = turn.chunk.take() else {
            return;
        };
        let runs = Dated::runs(&chunk.lines, self.stamp);
        let mut parts = VecDeque::new();
        let mut last = Arc::clone(&chunk.stream);
        for (day, lines) in &runs {
            if *day != dated.day() {
                dated.set_day(*day);
                last = self.stream(dated.group(), dated.name());
            }
            if runs.len() > 1 {
                parts.push_back(chunk.part(lines.clone(), Arc::clone(&last)));
            }
        }
        if let Some(tail) = self.tails.get_mut(&id) {
            tail.stream = Arc::clone(&last);
            tail.dated = Some(dated);
        }
        turn.chunk = match parts.pop_front() {
            Some(first) => Some(first),
            None => Some(chunk.moved_to(last)),
        };
        turn.further = parts.into();
    }
}

/// Fills in the name of the file. A stream's name takes any character but `:` and `*`.
pub(in crate::source::file) fn stream_name(template: &str, path: &Path) -> String {
    if !template.contains(FILE_NAME) && !template.contains(FILE_PATH) {
        return template.to_owned();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // As the amazon-cloudwatch-agent does with `publish_multi_logs`; its `logfile.go`.
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '#');
    let in_one_word = path.to_string_lossy().replace(|c| !good(c), "_");
    template
        .replace(FILE_NAME, &name.replace([':', '*'], "_"))
        .replace(FILE_PATH, &in_one_word)
        .chars()
        .take(NAME_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streams_name_takes_the_files_name_and_stays_valid() {
        let check = |template: &str, path: &str, name: &str| {
            assert_eq!(stream_name(template, Path::new(path)), name);
        };
        check("i-1/{file_name}", "/var/log/app.log", "i-1/app.log");
        check("fixed", "/var/log/app.log", "fixed");
        check(
            "i-1_{file_path}",
            "/var/log/my app.log",
            "i-1__var_log_my_app.log",
        );
        check("{file_name}", "/var/log/a:b*c", "a_b_c");
        check(
            "{file_name}",
            &format!("/{}", "x".repeat(600)),
            &"x".repeat(512),
        );
    }
}
