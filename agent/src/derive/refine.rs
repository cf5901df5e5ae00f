//! What a target wants done with each event: its time, whether it is sent, and what it says.
//!
//! One pass over the events of a turn. Times are told first, by what the file says; then events are
//! left out; then texts are rewritten. As long as no text is rewritten nothing is copied.

use std::ops::Range;

use plimsoll_core::clock::UnixMillis;

use crate::derive::emf::{self, Document, Emf, Fault, Faults, Whole};
use crate::derive::filter::Filter;
use crate::derive::json::{Json, Missing, Object};
use crate::derive::measure::{Measured, Measures, Unmeasured};
use crate::derive::redact::{Kind, Redactor, Replaced, key_rows, tag};
use crate::derive::sample::Sampler;
use crate::derive::timestamp::{OutOfWindow, Resolver, Timestamps};
use crate::derive::{Events, Text};
use crate::record::Line;

/// Everything that a target wants done. Compiled once and shared by its files.
#[derive(Debug, Default)]
pub(crate) struct Refiner {
    /// How events tell their time; without it they have the time of reading.
    pub(crate) timestamps: Option<Timestamps>,
    /// What is done with documents of embedded metric format.
    pub(crate) emf: Emf,
    /// What is measured of events, sent or not.
    pub(crate) measures: Option<Measures>,
    /// Whether no event is sent.
    pub(crate) unshipped: bool,
    /// Which events are sent.
    pub(crate) filter: Filter,
    /// What is looked for in events that are JSON objects.
    pub(crate) json: Option<Json>,
    /// Of which events only a share is sent.
    pub(crate) sampler: Option<Sampler>,
    /// What is replaced in their texts.
    pub(crate) redactor: Option<Redactor>,
}

/// Two refiners are the same if they were configured the same; patterns show their text.
impl PartialEq for Refiner {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// What was done with the events of a turn, to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refined {
    /// Events that a filter left out.
    pub(crate) filtered: u64,
    /// Events that were left out by sampling.
    pub(crate) sampled: u64,
    /// Documents of embedded metric format whose metrics were taken out.
    pub(crate) emf: u64,
    /// Events that were only measured.
    pub(crate) not_shipped: u64,
    /// Documents beyond the first of each that was split.
    pub(crate) pieces: u64,
    /// What documents of embedded metric format break of its rules.
    pub(crate) emf_faults: Faults,
    /// What could not be measured.
    pub(crate) unmeasured: Unmeasured,
    /// Events that are no JSON object.
    pub(crate) json_invalid: u64,
    /// JSON objects without the field that is to be sent.
    pub(crate) json_field_missing: u64,
    /// Events without a stamp.
    pub(crate) timestamp_missing: u64,
    /// Events whose stamp CloudWatch Logs would refuse, and which got the time of reading.
    pub(crate) timestamp_out_of_window: u64,
    /// What was replaced.
    pub(crate) replaced: Replaced,
}

impl Refined {
    /// Events that were left out on purpose.
    pub(crate) fn dropped(&self) -> [(&'static str, u64); 4] {
        [
            ("filtered", self.filtered),
            ("sampled", self.sampled),
            ("emf", self.emf),
            ("not_shipped", self.not_shipped),
        ]
    }

    /// What was not as it should be.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let own = [
            ("json_invalid", self.json_invalid),
            ("json_field_missing", self.json_field_missing),
            ("redaction_failed", self.replaced.whole),
            ("timestamp_missing", self.timestamp_missing),
            ("timestamp_out_of_window", self.timestamp_out_of_window),
            ("log_metric_value", self.unmeasured.value),
            ("log_metric_time", self.unmeasured.time),
            ("access_log_unreadable", self.unmeasured.access),
        ];
        own.into_iter().chain(self.emf_faults.counts())
    }
}

impl Refiner {
    /// Whether metrics are taken out of events.
    pub(crate) fn has_metrics(&self) -> bool {
        self.measures.is_some() || self.emf == Emf::Extract
    }

    /// The namespaces that its metrics name; `*` stands for those of documents.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        let documents = (self.emf == Emf::Extract).then_some("*");
        let measures = self.measures.iter().flat_map(Measures::namespaces);
        measures.chain(documents)
    }

    /// Whether there is nothing to do but with documents of embedded metric format.
    fn is_idle(&self) -> bool {
        self.timestamps.is_none()
            && !self.unshipped
            && self.measures.is_none()
            && self.filter.is_empty()
            && self.redactor.is_none()
            && self.sampler.is_none()
            && self.json.is_none()
    }

    /// Works on the events that were found in `raw`, which was read at `now`.
    pub(crate) fn refine(&self, raw: &[u8], now: UnixMillis, events: &mut Events) -> Refined {
        let said = events.text.as_ref().map_or(raw, |text| &text.bytes);
        let mut lines = events.lines.iter();
        if self.is_idle() && !lines.any(|line| emf::is_meant(text_of(said, line))) {
            return Refined::default();
        }
        let found = std::mem::take(&mut events.lines);
        let text = events.text.take();
        let source = text.as_ref().map_or(raw, |text| &text.bytes);
        let keys = self
            .redactor
            .as_ref()
            .filter(|redactor| redactor.wants_keys());
        let rows = keys.and_then(|_| key_rows(source, &found));
        let mut pass = Pass {
            refiner: self,
            source,
            now,
            resolver: self
                .timestamps
                .as_ref()
                .map(|timestamps| Resolver::new(&timestamps.zone, now)),
            before: None,
            lines: Vec::with_capacity(found.len()),
            starts: Vec::with_capacity(found.len()),
            written: None,
            measured: Measured::default(),
            refined: Refined::default(),
        };
        for (index, line) in found.into_iter().enumerate() {
            let start = match &text {
                Some(text) => text.starts.get(index).copied().unwrap_or_default(),
                None => line.start,
            };
            let row = rows.as_ref().and_then(|rows| rows.get(index)).copied();
            pass.event(line, start, row.unwrap_or_default());
        }
        let Pass {
            lines,
            starts,
            written,
            measured,
            refined,
            ..
        } = pass;
        events.measured = measured;
        events.lines = lines;
        let bytes = written.or(text.map(|text| text.bytes));
        events.text = bytes.map(|bytes| Text { bytes, starts });
        refined
    }
}

/// One pass over the events of a turn.
struct Pass<'a> {
    refiner: &'a Refiner,
    /// What the events that were found are ranges of.
    source: &'a [u8],
    now: UnixMillis,
    resolver: Option<Resolver<'a>>,
    /// The time of the event before, if a stamp told it.
    before: Option<UnixMillis>,
    lines: Vec<Line>,
    /// Where each of `lines` begins in what was read.
    starts: Vec<u32>,
    /// What `lines` are ranges of, once a text was rewritten.
    written: Option<Vec<u8>>,
    measured: Measured,
    refined: Refined,
}

impl<'a> Pass<'a> {
    /// Takes one event, which begins at `start` of what was read. A `row` of a private key is
    /// replaced whole.
    fn event(&mut self, mut line: Line, start: u32, row: bool) {
        let text = self.text(&line);
        let json = self.refiner.json.as_ref();
        let object = json.and_then(|json| json.read(text));
        if json.is_some() && object.is_none() {
            self.refined.json_invalid += 1;
        }
        let (time, stamp) = self.time(text, object.as_ref(), line.time);
        line.time = time;
        self.measure(text, line.time);
        let meant = emf::is_meant(text);
        if meant && self.refiner.emf == Emf::Extract && self.extract_metrics(text) {
            self.refined.emf += 1;
            return;
        }
        if self.refiner.unshipped {
            self.refined.not_shipped += 1;
            return;
        }
        if !self.refiner.filter.admits(text) {
            self.refined.filtered += 1;
            return;
        }
        if !self.sampled_in(text, object.as_ref()) {
            self.refined.sampled += 1;
            return;
        }
        let extracted = object.and_then(|object| self.extracted(&object));
        if meant && extracted.is_none() && self.refiner.emf == Emf::Ship {
            let pieces = self.pieces(text);
            self.refined.pieces += (pieces.len() as u64).saturating_sub(1);
            for piece in &pieces {
                let redacted = self.redacted(piece, row);
                self.keep(line, start, Some(redacted.as_deref().unwrap_or(piece)));
            }
            if !pieces.is_empty() {
                return;
            }
        }
        let extracted = extracted.or_else(|| without(text, stamp?));
        let redacted = self.redacted(extracted.as_deref().unwrap_or(text), row);
        self.keep(line, start, redacted.or(extracted).as_deref());
    }

    /// What is sent instead of a text that holds what must not be sent.
    fn redacted(&mut self, said: &[u8], row: bool) -> Option<Vec<u8>> {
        let redactor = self.refiner.redactor.as_ref()?;
        if row {
            self.refined.replaced.add(Kind::PrivateKeys);
            return Some(tag(Kind::PrivateKeys).to_vec());
        }
        redactor.redact(said, &mut self.refined.replaced)
    }

    /// Takes the metrics that the configuration wants out of an event, sent or not.
    fn measure(&mut self, text: &[u8], time: UnixMillis) {
        let Some(measures) = &self.refiner.measures else {
            return;
        };
        let unmeasured = &mut self.refined.unmeasured;
        if !Timestamps::in_window(time, self.now) {
            unmeasured.time += 1;
            return;
        }
        let redactor = self.refiner.redactor.as_ref();
        let one = measures.measure(text, time, redactor, &mut self.measured);
        unmeasured.value += one.value;
        unmeasured.access += one.access;
    }

    /// Takes the metrics out of a document; whether there were any.
    fn extract_metrics(&mut self, text: &[u8]) -> bool {
        match Document::read(text, self.now) {
            Ok(document) => {
                self.refined.emf_faults.merge(document.faults);
                let before = self.measured.readings.len();
                self.measured.readings.extend(document.readings());
                self.measured.readings.len() > before
            }
            Err(fault) => {
                self.refined.emf_faults.add(fault);
                false
            }
        }
    }

    /// The documents that are sent instead of one with too many metrics; none if it is sent as it
    /// is.
    fn pieces(&mut self, text: &[u8]) -> Vec<Vec<u8>> {
        let document = match Document::read(text, self.now) {
            Ok(document) => document,
            Err(fault) => {
                self.refined.emf_faults.add(fault);
                return Vec::new();
            }
        };
        self.refined.emf_faults.merge(document.faults);
        match document.pieces() {
            Ok(pieces) if document.faults.is_empty() => pieces,
            Err(Whole::TooLarge) => {
                self.refined.emf_faults.add(Fault::TooManyMetrics);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whether sampling keeps an event.
    fn sampled_in(&self, text: &[u8], object: Option<&Object<'_>>) -> bool {
        let Some(sampler) = &self.refiner.sampler else {
            return true;
        };
        let field = self.refiner.json.as_ref().map(|json| json.level.as_str());
        let level = object
            .zip(field)
            .and_then(|(object, field)| object.text(field));
        sampler.keeps(text, level.as_deref())
    }

    /// What of a JSON object is sent; `None` if all of it is.
    fn extracted(&mut self, object: &Object<'_>) -> Option<Vec<u8>> {
        let rewritten = self.refiner.json.as_ref()?.rewrite(object);
        rewritten.unwrap_or_else(|Missing| {
            self.refined.json_field_missing += 1;
            None
        })
    }

    /// Keeps an event, and what it says instead of its text in the source. The first one that says
    /// something else makes a copy of all.
    fn keep(&mut self, mut line: Line, start: u32, said: Option<&[u8]>) {
        if said.is_some() && self.written.is_none() {
            let mut written = Vec::with_capacity(self.source.len());
            let mut lines = std::mem::take(&mut self.lines);
            for line in &mut lines {
                *line = append(&mut written, self.text(line), line.time);
            }
            self.lines = lines;
            self.written = Some(written);
        }
        let text = self.text(&line);
        if let Some(written) = &mut self.written {
            line = append(written, said.unwrap_or(text), line.time);
        }
        self.lines.push(line);
        self.starts.push(start);
    }

    fn text(&self, line: &Line) -> &'a [u8] {
        text_of(self.source, line)
    }

    /// The time of an event that was read at `read`, and where in its text a stamp is that is to be
    /// taken out. Without a stamp of its own it has the time of the event before it, of which it
    /// may well be a part.
    fn time(
        &mut self,
        text: &[u8],
        object: Option<&Object<'_>>,
        read: UnixMillis,
    ) -> (UnixMillis, Option<Range<usize>>) {
        let refiner = self.refiner;
        let (Some(timestamps), Some(resolver)) = (&refiner.timestamps, &mut self.resolver) else {
            return (read, None);
        };
        let field = refiner
            .json
            .as_ref()
            .and_then(|json| json.timestamp.as_deref());
        let told = match object.zip(field) {
            Some((object, field)) => object
                .text(field)
                .and_then(|text| timestamps.of_field(&text, resolver))
                .map(|time| (time, None)),
            None => timestamps
                .of_text(text, resolver)
                .map(|(time, place)| (time, Some(place))),
        };
        let Some((time, stamp)) = told else {
            self.refined.timestamp_missing += 1;
            return (self.before.unwrap_or(read), None);
        };
        let refused = !Timestamps::in_window(time, self.now);
        let time = if refused && timestamps.out_of_window == OutOfWindow::Now {
            self.refined.timestamp_out_of_window += 1;
            self.now
        } else {
            time
        };
        self.before = Some(time);
        (time, stamp.filter(|_| timestamps.trim))
    }
}

fn text_of<'a>(source: &'a [u8], line: &Line) -> &'a [u8] {
    let start = line.start as usize;
    let text = source.get(start..start + line.len as usize);
    text.unwrap_or(&[])
}

/// A text without the stamp in it; `None` if nothing else is left, for an event may not be empty.
/// Source: CloudWatch Logs API reference, `InputLogEvent`, `message`: at least one character.
fn without(text: &[u8], stamp: Range<usize>) -> Option<Vec<u8>> {
    let before = text.get(..stamp.start)?;
    let rest = [before, text.get(stamp.end..)?].concat();
    (!rest.trim_ascii().is_empty()).then_some(rest)
}

/// Writes a text behind the others; gives where it is. Texts of a turn are a few megabytes at most.
fn append(written: &mut Vec<u8>, text: &[u8], time: UnixMillis) -> Line {
    let narrow = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let start = narrow(written.len());
    written.extend_from_slice(text);
    Line {
        start,
        len: narrow(text.len()),
        time,
    }
}

#[cfg(test)]
mod tests;
