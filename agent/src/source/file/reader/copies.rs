//! Copies of files that are followed: what `copytruncate` leaves behind.
//!
//! Such a rotation copies a log and then empties it. Lines that were written after our last read
//! and before the copy are only in the copy, and the lines before them would be sent twice if the
//! copy matched the patterns. So when a file was truncated, a fresh copy of it is looked for: a
//! file of a name made from its own, that begins like it and has the bytes of its guard before its
//! position. The copy then takes over the position, with all that is on its way, and is read on to
//! its end; the truncated file begins anew.
//!
//! A new file that looks like a copy while its original is still whole waits until that is
//! truncated. If it is not, the new file is a copy only if all of it equals the original; otherwise
//! it is a file of its own and is read from its start. When in doubt, lines are sent twice rather
//! than not at all.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::Reader;
use super::follow::Place;
use crate::fs::{Kind, LogFs, Stat};
use crate::record::{FileId, GUARD_BYTES, Guard};
use crate::source::file::identity::{HEAD_BYTES, Head, Identity, guard_at, guard_holds};
use crate::source::file::tail::Tail;

/// How long a file that looks like a copy must be quiet before it is taken for one that nobody
/// will truncate the original of. `copytruncate` does so as soon as the copy is complete.
pub(super) const COPY_WAIT: Duration = Duration::from_secs(15);
/// How often files that wait are looked at.
pub(super) const COPY_LOOK: Duration = Duration::from_secs(2);
/// How many of them are kept open, beyond the budget of descriptors. Of a night's thousand copies
/// all are looked at, and these few are safe from losing their names meanwhile.
const OPEN_MAX: usize = 8;
/// How long before the agent's last position a copy may have been made of a file of which nothing
/// was delivered: such a copy is known by its beginning alone, which older logs may share.
pub(super) const RECENT: Duration = Duration::from_hours(1);
/// A copy beyond this is not compared as a whole, which would take too long; it is sent again.
const COMPARED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What is compared at a time.
const COMPARED_BYTES: usize = 64 * 1024;

/// New files that look like copies, by path.
pub(super) type Held<F> = HashMap<PathBuf, Waiting<F>>;

/// A new file that looks like a copy of one that is followed.
#[derive(Debug)]
pub(super) struct Waiting<F: LogFs> {
    original: FileId,
    /// It, open, so that it can be read when its name is gone; and what it is called by people.
    file: Option<(F::File, PathBuf)>,
    identity: Identity,
    /// Its size when it was last looked at, and since when it has it.
    size: u64,
    since: Instant,
    /// Up to where it was seen to agree with what was read of the original.
    agrees_to: u64,
    /// The scan that last found it.
    scan: u64,
}

/// Whether a new file is a copy.
pub(super) enum Copied {
    /// It is a file of its own.
    Not,
    /// It may be one, which shows later.
    Perhaps,
    /// All of it was or will be read from its original.
    Whole,
}

/// A copy that goes on where its original ended.
pub(super) struct Copy<F> {
    /// It, open.
    pub(super) file: F,
    /// What it is.
    pub(super) identity: Identity,
    /// Where it is.
    pub(super) path: PathBuf,
}

impl<F: LogFs> Reader<F> {
    /// Whether a file that is not known is a copy of one that is followed.
    pub(super) fn is_copy(
        &mut self,
        path: &Path,
        file: &F::File,
        stat: &Stat,
        now: Instant,
    ) -> io::Result<Copied> {
        if self.once {
            return Ok(Copied::Not);
        }
        let size = stat.shape.size;
        let mut known = self.held.remove(path);
        known = known.filter(|waiting| waiting.identity.is(&stat.identity));
        // The original was truncated since, so this is all that can be known.
        if let Some(waiting) = &known
            && !self.tails.contains_key(&waiting.original)
        {
            let whole = waiting.agrees_to == size && size > 0;
            return Ok(if whole { Copied::Whole } else { Copied::Not });
        }
        let Some(original) = self.original_of(path) else {
            return Ok(Copied::Not);
        };
        let Some(agreement) = agreement(&self.fs, original, file, size)? else {
            return Ok(Copied::Not);
        };
        let id = original.id;
        let mut waiting = known.unwrap_or(Waiting {
            original: id,
            file: None,
            identity: stat.identity,
            size,
            since: now,
            agrees_to: 0,
            scan: self.scans,
        });
        if waiting.size != size {
            (waiting.size, waiting.since) = (size, now);
        }
        match agreement {
            Agreement::To(end) => waiting.agrees_to = end,
            // Its turn notices that it was truncated, and looks for this copy.
            Agreement::Lost => self.queue(id),
        }
        if now - waiting.since >= COPY_WAIT && self.fs.is_written(file) != Some(true) {
            let original = self.tails.get(&id);
            let whole = original.map(|original| equals(&self.fs, original, file, size));
            let whole = whole.transpose()?.unwrap_or(false);
            return Ok(if whole { Copied::Whole } else { Copied::Not });
        }
        waiting.scan = self.scans;
        self.held.insert(path.to_owned(), waiting);
        Ok(Copied::Perhaps)
    }

    /// The file that is followed and of whose name `path` is made.
    fn original_of(&self, path: &Path) -> Option<&Tail<F>> {
        let name = path.file_name()?.as_bytes();
        let mut names = originals(name).into_iter();
        names.find_map(|name| {
            let id = self
                .by_path
                .get(&*path.with_file_name(OsStr::from_bytes(&name)))?;
            self.tails.get(id)
        })
    }

    /// Looks for the copy that was made of a file before it was truncated.
    pub(super) fn find_copy(&self, wanted: &Wanted<'_>) -> Option<Copy<F::File>> {
        // Where nothing was delivered there is no guard, and only a whole head says enough.
        if wanted.offset == 0 && wanted.head.len < HEAD_BYTES {
            return None;
        }
        let own = wanted.at.file_name()?.as_bytes().to_vec();
        let names = self.fs.list(wanted.at.parent()?).ok()?;
        let related = names.into_iter().filter(|name| {
            let other = name.path.file_name().unwrap_or_default().as_bytes();
            name.kind == Kind::File && originals(other).contains(&own)
        });
        let copies = related.filter_map(|name| self.copy_of(wanted, name.path));
        let newest = copies.max_by_key(|(written, _)| *written);
        newest.map(|(_, copy)| copy)
    }

    fn copy_of(&self, wanted: &Wanted<'_>, path: PathBuf) -> Option<(i128, Copy<F::File>)> {
        let seen = self.fs.stat(&path).ok()?.shape;
        if seen.size < wanted.offset || seen.written < wanted.written {
            return None;
        }
        let (file, stat) = self.fs.open(&path).ok()??;
        let identity = stat.identity;
        // Of the same number may be one that was deleted a moment ago.
        let id = self.by_number.get(&identity.number());
        let followed = id
            .and_then(|id| self.tails.get(id))
            .is_some_and(|tail| tail.identity.is(&identity));
        if followed || self.ledger.find(&identity, |_| false).is_some() {
            return None;
        }
        let agrees = wanted.head.holds(&self.fs, &file).ok()?
            && guard_holds(&self.fs, &file, wanted.offset, wanted.guard).ok()?;
        let copy = Copy {
            file,
            identity,
            path,
        };
        agrees.then_some((stat.shape.written, copy))
    }

    /// Keeps a file open that may be a copy: it may lose its name before that shows.
    pub(super) fn hold_copy(&mut self, path: &Path, label: &Path, file: F::File) {
        let open = self.held.values().filter(|waiting| waiting.file.is_some());
        let room = open.count() < OPEN_MAX;
        if let Some(waiting) = self.held.get_mut(path)
            && room
        {
            waiting.file = Some((file, label.to_owned()));
        }
    }

    /// Follows files that waited and that a scan did not find again: if they are copies, lines are
    /// sent twice rather than not at all.
    pub(super) fn follow_lost_copies(&mut self, now: Instant) {
        let scan = self.scans;
        let gone = self.held.extract_if(|_, waiting| waiting.scan != scan);
        let gone: Vec<_> = gone.collect();
        for (path, waiting) in gone {
            let Some((file, label)) = waiting.file else {
                continue;
            };
            let whole = |size| size > 0 && waiting.agrees_to == size;
            let size = self.fs.stat_open(&file).map(|stat| stat.shape.size);
            let number = waiting.identity.number();
            let id = self
                .by_number
                .get(&number)
                .and_then(|id| self.tails.get(id));
            let found_again = id.is_some_and(|tail| tail.identity.is(&waiting.identity))
                || self
                    .held
                    .values()
                    .any(|other| other.identity.number() == number);
            let Some(target) = self.targets.target_of(&label) else {
                continue;
            };
            if found_again || size.is_ok_and(whole) {
                continue;
            }
            self.opened = true;
            let place = Place {
                id: self
                    .ledger
                    .open(waiting.identity, &label, 0, Guard::default()),
                path: label,
                offset: 0,
                guard: Guard::default(),
                head: Head::default(),
            };
            self.follow(target, (file, waiting.identity), place, &path, now);
        }
    }
}

/// What a copy must agree with.
pub(super) struct Wanted<'a> {
    /// Where the original is.
    pub(super) at: &'a Path,
    /// Up to where it was read.
    pub(super) offset: u64,
    /// The guard of `offset`.
    pub(super) guard: Guard,
    /// How it began.
    pub(super) head: Head,
    /// When it was written before it was last read to its end.
    pub(super) written: i128,
}

/// How far a new file agrees with what was read of a known one.
enum Agreement {
    /// Up to here.
    To(u64),
    /// It begins alike, and the original is no longer there to be compared.
    Lost,
}

/// `None` if the new file, which is open and of `size` bytes, is no copy.
fn agreement<F: LogFs>(
    fs: &F,
    original: &Tail<F>,
    file: &F::File,
    size: u64,
) -> io::Result<Option<Agreement>> {
    let Tail {
        offset,
        guard,
        head,
        ..
    } = *original;
    if offset == 0 || (size >= u64::from(head.len) && !head.holds(fs, file)?) {
        return Ok(None);
    }
    if size >= offset {
        let holds = guard_holds(fs, file, offset, guard)?;
        return Ok(holds.then_some(Agreement::To(offset)));
    }
    // Its beginning is too short to be compared with one that is no longer there.
    let lost = (size >= u64::from(head.len)).then_some(Agreement::Lost);
    // It is shorter than what was read: still being copied, or copied a while ago.
    let compared = with_file(fs, original, |ours| {
        let size_now = fs.stat_open(ours)?.shape.size;
        if size_now < offset || !guard_holds(fs, ours, offset, guard)? {
            return Ok(None);
        }
        let agree =
            guard_at(fs, ours, size, GUARD_BYTES)? == guard_at(fs, file, size, GUARD_BYTES)?;
        Ok(Some(agree.then_some(Agreement::To(size))))
    })?;
    Ok(compared.flatten().unwrap_or(lost))
}

/// Whether a new file says, from its first byte to its last, what its original says.
fn equals<F: LogFs>(fs: &F, original: &Tail<F>, file: &F::File, size: u64) -> io::Result<bool> {
    if size < u64::from(HEAD_BYTES) || size > COMPARED_BYTES_MAX {
        return Ok(false);
    }
    let compared = with_file(fs, original, |ours| {
        let mut at = 0;
        while at < size {
            let (one, other) = (block(fs, ours, at)?, block(fs, file, at)?);
            let left = usize::try_from(size - at).unwrap_or(COMPARED_BYTES);
            let len = left.min(COMPARED_BYTES);
            match (one.get(..len), other.get(..len)) {
                (Some(one), Some(other)) if one == other => at += len as u64,
                _ => return Ok(false),
            }
        }
        Ok(true)
    })?;
    Ok(compared.unwrap_or(false))
}

fn block<F: LogFs>(fs: &F, file: &F::File, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(COMPARED_BYTES);
    while bytes.len() < COMPARED_BYTES {
        let from = at + bytes.len() as u64;
        if fs.read_at(file, &mut bytes, from)? == 0 {
            break;
        }
    }
    Ok(bytes)
}

/// Looks into a followed file, which is opened for that if it rests; `None` if it is not there.
fn with_file<F: LogFs, T>(
    fs: &F,
    tail: &Tail<F>,
    look: impl FnOnce(&F::File) -> io::Result<T>,
) -> io::Result<Option<T>> {
    if let Some(file) = &tail.file {
        return look(file).map(Some);
    }
    let path = tail.real.as_deref().unwrap_or(&tail.at);
    match fs.open(path) {
        Ok(Some((file, stat))) if tail.identity.is(&stat.identity) => look(&file).map(Some),
        _ => Ok(None),
    }
}

/// The names that a copy called `name` can have been made from: what stands before a separator
/// (`app.log.1`, `app.log-20261124`), and the name without a date or number in its middle
/// (`app-20261124.log`).
fn originals(name: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for (start, separator) in name.iter().enumerate().skip(1) {
        if !b".-_~".contains(separator) {
            continue;
        }
        let (before, after) = name.split_at(start);
        names.push(before.to_vec());
        let end = after.iter().rposition(|byte| *byte == b'.').unwrap_or(0);
        let (middle, extension) = after.split_at(end);
        let is_number = |byte: &u8| byte.is_ascii_digit() || b".-_:TZ".contains(byte);
        if middle.iter().any(u8::is_ascii_digit) && middle.iter().all(is_number) {
            names.push([before, extension].concat());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_name_is_its_originals_with_a_number_or_a_date_or_more_at_its_end() {
        let check = |copy: &str, original: &str, related: bool| {
            let names = originals(copy.as_bytes());
            assert_eq!(
                names.contains(&original.as_bytes().to_vec()),
                related,
                "{copy} {original}"
            );
        };
        check("app.log.1", "app.log", true);
        check("app.log-20261124", "app.log", true);
        check("app.log.2026-11-24T10:00:00Z.bak", "app.log", true);
        check("app-20261124.log", "app.log", true);
        check("app.log~", "app.log", true);
        check("app.log", "app.log", false);
        check("app-web.log", "app.log", false);
        check("job-2.log", "job-1.log", false);
        check(".log", "", false);
    }
}
