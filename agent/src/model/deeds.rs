//! What is done to the log files: written, rotated in every way, deleted, rewritten, copied.

use std::path::{Path, PathBuf};

use super::action::FileAction;
use super::world::{Key, Node, World};

/// Where writers write: two of them to the same file, the last two behind a symbolic link.
pub(super) const WRITTEN: [&str; 6] = [
    "/sim/log/app.log",
    "/sim/log/app-b.log",
    "/sim/log/web/app.log",
    "/sim/log/app.log",
    "/sim/data/x.log",
    "/sim/data/y.log",
];
/// Names that files are rotated to: within a glob, out of it, and out of its directory.
const ASIDE: [&str; 5] = [
    "/sim/log/app.log.1",
    "/sim/log/app-1.log",
    "/sim/old/app.log.1",
    "/sim/log/web/app-2.log",
    "/sim/log/web/old",
];
/// The symbolic link.
const LINK: &str = "/sim/log/app-link.log";
/// The length of what makes a line unique.
const TOKEN_BYTES: usize = 8;

impl World {
    /// Does it.
    pub(super) fn change(&mut self, action: &FileAction) {
        match *action {
            FileAction::Write { writer, lines, len } => {
                let key = self.writer(writer);
                for line in 0..lines {
                    self.line(key, len + line, b"\n");
                }
            }
            FileAction::Blank { writer } => {
                let key = self.writer(writer);
                self.append(key, b"\n\r\n");
            }
            FileAction::Part { writer, len } => {
                let key = self.writer(writer);
                self.line(key, len, b"");
            }
            FileAction::Reopen { writer } => {
                self.writers[writer % WRITTEN.len()] = None;
                self.writer(writer);
            }
            FileAction::Rename { from, to } => {
                self.rename(from, to);
            }
            FileAction::Rotate { writer, to } => {
                let from = PathBuf::from(WRITTEN[writer % WRITTEN.len()]);
                if let Some(node) = self.names.remove(&from) {
                    self.names.insert(aside(to), node);
                }
                self.writers[writer % WRITTEN.len()] = None;
                self.writer(writer);
            }
            _ => self.change_names(action),
        }
    }

    fn change_names(&mut self, action: &FileAction) {
        match *action {
            FileAction::Unlink { name } => {
                if let Some((path, _)) = self.file(name) {
                    self.names.remove(&path);
                }
            }
            FileAction::Recreate { writer } => {
                let path = WRITTEN[writer % WRITTEN.len()];
                self.writers[writer % WRITTEN.len()] = None;
                self.names.remove(Path::new(path));
                self.writer(writer);
            }
            FileAction::Truncate { name } => {
                if let Some((_, key)) = self.file(name) {
                    self.truncate(key);
                }
            }
            FileAction::Regrow { name, more } => self.regrow(name, more),
            FileAction::Copy { name, to, truncate } => self.copy(name, to, truncate),
            FileAction::Link { name, to } => {
                let to = aside(to);
                if let Some((_, key)) = self.file(name)
                    && !self.names.contains_key(&to)
                {
                    self.names.insert(to, Node::File(key));
                }
            }
            FileAction::Switch { to } => {
                let to = PathBuf::from(WRITTEN[4 + to % 2]);
                self.names.insert(PathBuf::from(LINK), Node::Link(to));
            }
            FileAction::Touch { name } => {
                if let Some((_, key)) = self.file(name) {
                    self.inodes[key].written = self.tick();
                }
            }
            _ => {}
        }
    }

    fn rename(&mut self, from: usize, to: usize) {
        let Some((path, _)) = self.file(from) else {
            return;
        };
        let to = if to.is_multiple_of(3) {
            PathBuf::from(WRITTEN[to / 3 % 3])
        } else {
            aside(to)
        };
        if let Some(node) = self.names.remove(&path) {
            self.names.insert(to, node);
        }
    }

    /// Truncates a file and writes as many bytes again, or some more.
    fn regrow(&mut self, name: usize, more: usize) {
        let Some((_, key)) = self.file(name) else {
            return;
        };
        let len = self.inodes[key].content.len();
        self.truncate(key);
        if len > TOKEN_BYTES {
            self.line(key, len - 1 + more, b"\n");
        }
    }

    fn copy(&mut self, name: usize, to: usize, truncate: bool) {
        let Some((path, key)) = self.file(name) else {
            return;
        };
        let to = aside(to);
        if path == to {
            return;
        }
        let content = self.inodes[key].content.clone();
        self.names.remove(&to);
        let copy = self.create(&to);
        self.append(copy, &content);
        // It may be read on where its original was, and its end be sent as it is.
        let inode = &mut self.inodes[copy];
        inode.duty.ragged |= inode.tail < inode.content.len();
        if truncate {
            self.truncate(key);
        }
    }

    /// Writes a line that nobody else writes, so that no 64 bytes of it occur twice.
    fn line(&mut self, key: Key, len: usize, end: &[u8]) {
        self.tokens += 1;
        let token = format!("{:07}.", self.tokens);
        let mut text: Vec<u8> = token.bytes().cycle().take(len.max(TOKEN_BYTES)).collect();
        text.extend_from_slice(end);
        self.append(key, &text);
    }

    fn append(&mut self, key: Key, bytes: &[u8]) {
        let written = self.tick();
        let inode = &mut self.inodes[key];
        inode.content.extend_from_slice(bytes);
        inode.written = written;
        inode.duty.changed = self.now;
        while let Some(len) = memchr::memchr(b'\n', &inode.content[inode.tail..]) {
            let text = &inode.content[inode.tail..inode.tail + len];
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            inode.tail += len + 1;
            let free = inode.duty.is_finished() || std::mem::take(&mut inode.duty.ragged);
            if !text.is_empty() {
                if free {
                    inode.duty.parts.push(text.to_vec());
                }
                inode.lines.push(self.oracle.written(text, free));
            }
        }
    }

    fn truncate(&mut self, key: Key) {
        let written = self.tick();
        let inode = &mut self.inodes[key];
        if inode.duty.is_finished() {
            inode.duty.parts.push(inode.content[inode.tail..].to_vec());
        }
        let bytes = inode.content.len();
        inode.content.clear();
        inode.lines.clear();
        inode.written = written;
        inode.tail = 0;
        inode.epoch += 1;
        inode.duty.truncated(bytes, self.now);
    }
}

fn aside(pick: usize) -> PathBuf {
    PathBuf::from(ASIDE[pick % ASIDE.len()])
}
