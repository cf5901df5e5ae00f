//! What a followed file keeps for framing between two reads: a few bytes, whatever it holds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;

use crate::config::Framing;
use crate::derive::encoding::{MARK_BYTES, by_mark};
use crate::derive::framing::{Ending, Framed, Input};
use crate::derive::multiline::State;
use crate::fs::LogFs;

/// How one file is framed, and where in it framing stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileFraming {
    framing: Arc<Framing>,
    state: State,
    /// What the file's byte order mark tells, once it was looked at.
    marked: Option<&'static Encoding>,
    /// How long the file was when its last event was left in it.
    waiting: Option<u64>,
    flush: Flush,
}

/// Whether an event that may go on is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flush {
    /// It waits.
    #[default]
    No,
    /// If the file has not grown since it was left.
    IfQuiet,
    /// As it is.
    Now,
}

impl FileFraming {
    /// The framing of a file that was not read yet.
    pub(crate) fn new(framing: Arc<Framing>) -> Self {
        Self {
            framing,
            ..Self::default()
        }
    }

    /// The same of a file that begins anew.
    pub(crate) fn restarted(&self) -> Self {
        Self::new(Arc::clone(&self.framing))
    }

    /// The same file under another framing. An event that waits stays in the file.
    pub(crate) fn reframed(&self, framing: Arc<Framing>) -> Self {
        Self {
            marked: self.marked,
            waiting: self.waiting,
            ..Self::new(framing)
        }
    }

    /// How much of the file must be read to tell an event from one that is too long.
    pub(crate) fn unfinished_max(&self) -> usize {
        self.framing.unfinished_max()
    }

    /// How long a file must be quiet before its last event is sent, if one waits.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.waiting?;
        self.framing.multi_line.as_ref().map(|lines| lines.timeout)
    }

    /// Bytes of the file that may be read in a second.
    pub(crate) fn rate_limit(&self) -> Option<u64> {
        self.framing.rate_limit
    }

    /// Sends the event that waits at the next read.
    pub(crate) fn flush(&mut self, flush: Flush) {
        self.flush = flush;
    }

    /// Looks at the beginning of the file, if that tells how it is encoded.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn look<F: LogFs>(&mut self, fs: &F, file: &F::File) -> io::Result<()> {
        if self.marked.is_some() || !self.framing.needs_mark() {
            return Ok(());
        }
        let mut head = Vec::with_capacity(MARK_BYTES);
        while head.len() < MARK_BYTES {
            let at = head.len() as u64;
            if fs.read_at(file, &mut head, at)? == 0 {
                break;
            }
        }
        self.marked = by_mark(&head);
        Ok(())
    }

    /// Finds the events in `bytes`, the first `lead` of which lie before `offset`. `size` is the
    /// file's length; `ended` tells that `bytes` reach to its end, `last` that it is complete.
    pub(crate) fn frame(&self, input: Input<'_>, size: u64, ended: bool, last: bool) -> Framed {
        let quiet = match self.flush {
            Flush::No => false,
            Flush::IfQuiet => self.waiting == Some(size),
            Flush::Now => true,
        };
        let ending = match (ended, last, quiet) {
            (true, true, _) => Ending::Last,
            (true, false, true) => Ending::Quiet,
            _ => Ending::Open,
        };
        let input = Input {
            ending,
            marked: self.marked,
            ..input
        };
        self.framing.frame(&input, self.state)
    }

    /// Takes note of what was found.
    pub(crate) fn found(&mut self, framed: &Framed, size: u64, ended: bool) {
        self.state = framed.state;
        self.waiting = (ended && framed.waiting).then_some(size);
        if ended {
            self.flush = Flush::No;
        }
    }
}
