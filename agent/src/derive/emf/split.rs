//! A document with more metrics than CloudWatch Logs takes as several that it takes.
//!
//! Together they say what the one said: each metric value is in one of them, with the dimensions
//! that it needs; every other member is in the first one only, so that nothing is paid or counted
//! twice. Values are written as they were.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_aws::limits::logs::{BATCH_BYTES_MAX, EVENT_OVERHEAD};
use serde_json::value::RawValue;

use super::{Directive, Document, METRICS_MAX, Metric, VALUES_MAX};

/// A metric of a directive, with those of its values that a document holds.
#[derive(Clone, Copy)]
struct Share<'d, 't> {
    directive: usize,
    metric: &'d Metric<'t>,
    /// Some values of a list; `None` for a single number.
    values: Option<&'d [&'t RawValue]>,
}

/// Why a document is not split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It has no more metrics than it may.
    Small,
    /// Its dimensions are so long that the documents together would not fit one call.
    TooLarge,
}

impl<'t> Document<'t> {
    /// The documents to send instead. All of them fit one call, so that they are accepted together.
    ///
    /// # Errors
    /// Why it is sent as it is.
    pub(crate) fn pieces(&self) -> Result<Vec<Vec<u8>>, Whole> {
        let metrics = self.directives.iter().map(|one| one.metrics.len());
        let all = self.directives.iter().flat_map(|one| &one.metrics);
        let lists = all.filter_map(|metric| metric.written.as_ref());
        let longest = lists.map(Vec::len).max().unwrap_or(1);
        if metrics.sum::<usize>() <= METRICS_MAX && longest <= VALUES_MAX {
            return Err(Whole::Small);
        }
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        for round in 0..longest.div_ceil(VALUES_MAX) {
            let shares: Vec<_> = self.shares(round).collect();
            for group in shares.chunks(METRICS_MAX) {
                let piece = self.piece(group, pieces.is_empty());
                bytes += piece.len() + EVENT_OVERHEAD;
                if bytes > BATCH_BYTES_MAX {
                    return Err(Whole::TooLarge);
                }
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }

    /// Every metric with the values of a round: a hundred of each list.
    fn shares(&self, round: usize) -> impl Iterator<Item = Share<'_, 't>> {
        let directives = self.directives.iter().enumerate();
        let all = directives.flat_map(|(index, directive)| {
            directive.metrics.iter().map(move |metric| (index, metric))
        });
        all.filter_map(move |(directive, metric)| {
            let values = match &metric.written {
                Some(written) => Some(written.chunks(VALUES_MAX).nth(round)?),
                None if round == 0 => None,
                None => return None,
            };
            Some(Share {
                directive,
                metric,
                values,
            })
        })
    }

    fn piece(&self, shares: &[Share<'_, 't>], first: bool) -> Vec<u8> {
        let mut json = Json::default();
        json.open(b'{');
        json.name("_aws");
        json.open(b'{');
        for (name, raw) in &self.metadata {
            if name != "CloudWatchMetrics" {
                json.member(name, raw);
            }
        }
        json.name("CloudWatchMetrics");
        json.open(b'[');
        let mut needed: BTreeSet<&str> = BTreeSet::new();
        for own in shares.chunk_by(|one, next| one.directive == next.directive) {
            let directive = own
                .first()
                .and_then(|one| self.directives.get(one.directive));
            if let Some(directive) = directive {
                json.item();
                write_directive(&mut json, directive, own);
                needed.extend(directive.keys.iter().map(String::as_str));
            }
        }
        json.close(b']');
        json.close(b'}');
        let targets: BTreeMap<&str, &Share<'_, 't>> = shares
            .iter()
            .map(|share| (&*share.metric.given.name, share))
            .collect();
        let others = first.then(|| self.named());
        for (name, raw) in self.members.iter().filter(|(name, _)| *name != "_aws") {
            let name = name.as_str();
            let is_other = || others.as_ref().is_some_and(|named| !named.contains(name));
            match targets.get(name) {
                Some(share) => json.target(name, raw, share),
                None if needed.contains(name) || is_other() => json.member(name, raw),
                None => {}
            }
        }
        json.close(b'}');
        json.written
    }

    /// Every member that is a dimension or a metric.
    fn named(&self) -> BTreeSet<&str> {
        let keys = self.directives.iter().flat_map(|one| &one.keys);
        let metrics = self.directives.iter().flat_map(|one| &one.metrics);
        let metrics = metrics.map(|metric| &*metric.given.name);
        keys.map(String::as_str).chain(metrics).collect()
    }
}

fn write_directive(json: &mut Json, directive: &Directive<'_>, shares: &[Share<'_, '_>]) {
    json.open(b'{');
    for (name, raw) in &directive.members {
        if name != "Metrics" {
            json.member(name, raw);
        }
    }
    json.name("Metrics");
    json.open(b'[');
    for share in shares {
        json.item();
        json.raw(share.metric.definition);
    }
    json.close(b']');
    json.close(b'}');
}

/// Writes JSON without a space.
#[derive(Default)]
struct Json {
    written: Vec<u8>,
}

impl Json {
    fn open(&mut self, bracket: u8) {
        self.written.push(bracket);
    }

    fn close(&mut self, bracket: u8) {
        self.written.push(bracket);
    }

    /// A comma, unless this is the first of its list or object.
    fn item(&mut self) {
        if !matches!(self.written.last(), Some(b'{' | b'[')) {
            self.written.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.item();
        let quoted = serde_json::to_string(name).unwrap_or_default();
        self.written.extend_from_slice(quoted.as_bytes());
        self.written.push(b':');
    }

    fn raw(&mut self, raw: &RawValue) {
        self.written.extend_from_slice(raw.get().as_bytes());
    }

    fn member(&mut self, name: &str, raw: &RawValue) {
        self.name(name);
        self.raw(raw);
    }

    fn target(&mut self, name: &str, raw: &RawValue, share: &Share<'_, '_>) {
        let Some(values) = share.values else {
            return self.member(name, raw);
        };
        self.name(name);
        self.open(b'[');
        for value in values {
            self.item();
            self.raw(value);
        }
        self.close(b']');
    }
}
