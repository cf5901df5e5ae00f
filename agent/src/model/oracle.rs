//! What must arrive, how often it may, and what may never: the judge of the model.
//!
//! A line is *held* from the moment on at which the agent must have read it, because it looked
//! while the line was there, or has read it, because it was seen in a chunk. A crash lets go of what
//! was held and had not arrived: it must be read again from its file, if that is still there. What
//! is held in the end and has not arrived is lost.

use std::collections::{HashMap, HashSet};

/// All lines that were ever written.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    lines: Vec<Line>,
    by_text: HashMap<Vec<u8>, usize>,
    /// Parts of lines that may arrive as lines: their file was finished before their end came.
    parts: HashSet<Vec<u8>>,
    /// The first thing that went wrong.
    pub(super) failure: Option<String>,
}

#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    /// Files that hold or held it: more than one after a copy.
    copies: usize,
    arrived: usize,
    /// How often it may arrive.
    allowed: usize,
    held: bool,
    /// It arrived and the agent was told.
    settled: bool,
    /// Nothing is promised: it was there before the first start, or written to a finished file.
    free: bool,
}

impl Oracle {
    /// A line is complete in a file. Says which one it is.
    pub(super) fn written(&mut self, text: &[u8], free: bool) -> usize {
        if let Some(id) = self.by_text.get(text) {
            let line = &mut self.lines[*id];
            line.copies += 1;
            line.allowed += 1;
            // Which of the copies was settled cannot be told.
            line.settled = false;
            line.free |= free;
            return *id;
        }
        let id = self.lines.len();
        self.by_text.insert(text.to_vec(), id);
        self.lines.push(Line {
            text: text.to_vec(),
            copies: 1,
            arrived: 0,
            allowed: 1,
            held: false,
            settled: false,
            free,
        });
        id
    }

    /// The agent must have read this line by now.
    pub(super) fn hold(&mut self, id: usize) {
        self.lines[id].held = true;
    }

    /// Nothing is promised about this line.
    pub(super) fn release(&mut self, id: usize) {
        self.lines[id].free = true;
    }

    /// Whether nothing keeps a position from moving beyond this line.
    pub(super) fn passes(&self, id: usize) -> bool {
        self.lines[id].settled || self.lines[id].free
    }

    /// The agent has read this. `part` says whether it may be a part of a line.
    pub(super) fn read(&mut self, text: &[u8], part: impl FnOnce(&[u8]) -> bool) {
        if let Some(id) = self.by_text.get(text) {
            self.lines[*id].held = true;
        } else if !self.parts.contains(text) {
            if part(text) {
                self.parts.insert(text.to_vec());
            } else {
                self.fail(format!("{} was never written", shown(text)));
            }
        }
    }

    /// The service has taken this; with `told`, the agent knows.
    pub(super) fn arrived(&mut self, text: &[u8], told: bool) {
        let Some(id) = self.by_text.get(text) else {
            return;
        };
        let line = &mut self.lines[*id];
        line.arrived += 1;
        let (arrived, allowed) = (line.arrived, line.allowed);
        if arrived > allowed && !line.free {
            let text = shown(&line.text);
            self.fail(format!("{text} arrived {arrived} times, {allowed} allowed"));
            return;
        }
        if told {
            line.settled |= line.copies == 1;
        } else {
            line.once_more();
        }
    }

    /// The agent ends without having kept more.
    pub(super) fn crashed(&mut self) {
        for line in &mut self.lines {
            line.held &= line.arrived > 0;
        }
    }

    /// The agent has no durable position beyond this line and may send it again.
    pub(super) fn reset(&mut self, id: usize) {
        let line = &mut self.lines[id];
        line.settled = false;
        line.once_more();
    }

    /// The agent may read this line once more than it would.
    pub(super) fn excuse(&mut self, id: usize) {
        let line = &mut self.lines[id];
        line.settled = false;
        line.allowed += 1;
    }

    /// Everything that is held must have arrived.
    pub(super) fn judge(&mut self) {
        let lost: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line.held && !line.free && line.arrived == 0)
            .collect();
        if let Some(first) = lost.first() {
            let (count, first) = (lost.len(), shown(&first.text));
            self.fail(format!("{count} lines are lost, the first is {first}"));
        }
    }

    /// Something is wrong.
    pub(super) fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }

    /// Lines that were written, and events that arrived.
    pub(super) fn counts(&self) -> (usize, usize) {
        let arrived = self.lines.iter().map(|line| line.arrived).sum();
        (self.lines.len(), arrived)
    }
}

impl Line {
    fn once_more(&mut self) {
        if self.copies == 1 {
            self.allowed = self.arrived + 1;
        } else {
            self.allowed += 1;
        }
    }
}

/// The beginning of a line, for people.
fn shown(text: &[u8]) -> String {
    let end = text.len().min(40);
    format!(
        "{:?} ({} bytes)",
        String::from_utf8_lossy(&text[..end]),
        text.len()
    )
}
