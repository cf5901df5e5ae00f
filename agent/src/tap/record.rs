//! What passes, as lines of JSON. None of this runs unless somebody looks on.

use std::time::Duration;

use plimsoll_aws::{Datum, DatumValue, Error};
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::json::escape_lossy;
use plimsoll_core::logging::scrub;
use serde_json::Value;

use super::{Stage, Taps};
use crate::record::{Chunk, Line};
use plimsoll_ops::protocol::object;

/// Bytes of an event that are shown.
const TEXT_BYTES_MAX: usize = 4096;

impl Taps {
    /// Events, as they will be sent.
    pub(crate) fn events<'c>(&self, chunks: impl Iterator<Item = &'c Chunk>) {
        if self.wants(Stage::Logs) {
            chunks.for_each(|chunk| self.show_events(chunk));
        }
    }

    #[cold]
    fn show_events(&self, chunk: &Chunk) {
        self.each(Stage::Logs, |tap| {
            if !tap.selection.is_of(&chunk.path) {
                return;
            }
            for line in &chunk.lines {
                let admitted = tap.selection.admits(chunk.text(line));
                if admitted && !tap.add(|out| event(out, chunk, line)) {
                    return;
                }
            }
        });
    }

    /// Refused events, as the lines that are kept of them.
    pub(crate) fn refused(&self, letters: &str) {
        if self.wants(Stage::Refused) {
            for letter in letters.lines() {
                let rest = letter.strip_prefix('{').unwrap_or_default();
                self.show(Stage::Refused, &format!("{{\"stage\":\"refused\",{rest}"));
            }
        }
    }

    /// A call, and why it failed if it did.
    pub(crate) fn call(&self, call: &Call<'_>, failed: Option<&Error>) {
        if self.wants(Stage::Calls) {
            self.show_call(call, failed);
        }
    }

    #[cold]
    fn show_call(&self, call: &Call<'_>, failed: Option<&Error>) {
        let outcome = failed.map_or_else(|| "accepted".to_owned(), ToString::to_string);
        let millis = u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX);
        let record = object([
            ("stage", "calls".into()),
            ("call", call.name.into()),
            ("to", Vec::from(call.to).into()),
            ("items", call.items.into()),
            ("ms", millis.into()),
            ("outcome", scrub(&outcome).into()),
        ]);
        self.show(Stage::Calls, &record.to_string());
    }

    /// Datums of a call that was made.
    pub(crate) fn datums(&self, namespace: &str, datums: &[Datum]) {
        if self.wants(Stage::Metrics) {
            self.show_datums(namespace, datums);
        }
    }

    #[cold]
    fn show_datums(&self, namespace: &str, datums: &[Datum]) {
        for one in datums {
            self.show(Stage::Metrics, &datum(namespace, one).to_string());
        }
    }

    /// A signal on its tick: its value, or why it is withheld.
    pub(crate) fn signal(&self, name: &str, tick: UnixMillis, told: Result<f64, &str>) {
        if self.wants(Stage::Signals) {
            self.show_signal(name, tick, told);
        }
    }

    #[cold]
    fn show_signal(&self, name: &str, tick: UnixMillis, told: Result<f64, &str>) {
        let record = object([
            ("stage", "signals".into()),
            ("name", name.into()),
            ("time", tick.to_string().into()),
            ("value", told.ok().into()),
            ("withheld", told.err().into()),
        ]);
        self.show(Stage::Signals, &record.to_string());
    }

    fn show(&self, stage: Stage, record: &str) {
        self.each(stage, |tap| {
            if tap.selection.admits(record.as_bytes()) {
                tap.add(|out| out.extend_from_slice(record.as_bytes()));
            }
        });
    }
}

/// A call that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'c> {
    /// The operation.
    pub(crate) name: &'static str,
    /// Group and stream, or the namespace.
    pub(crate) to: [&'c str; 2],
    /// Events or datums.
    pub(crate) items: usize,
    /// How long the answer took.
    pub(crate) took: Duration,
}

fn event(out: &mut Vec<u8>, chunk: &Chunk, line: &Line) {
    let text = chunk.text(line);
    let shown = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    let cut = text.len() - shown.len();
    let time = line.time.to_string();
    let path = chunk.path.as_os_str().as_encoded_bytes();
    let fields: [(&str, &[u8]); 6] = [
        ("{\"stage\":\"", b"logs"),
        ("\",\"source\":\"", path),
        ("\",\"group\":\"", chunk.stream.group_name.as_bytes()),
        ("\",\"stream\":\"", chunk.stream.name.as_bytes()),
        ("\",\"time\":\"", time.as_bytes()),
        ("\",\"text\":\"", shown),
    ];
    for (name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        escape_lossy(out, value);
    }
    out.extend_from_slice(format!("\",\"bytes_cut\":{cut}}}").as_bytes());
}

fn datum(namespace: &str, datum: &Datum) -> Value {
    let dimensions = datum.dimensions().iter();
    let dimensions = dimensions.map(|(name, value)| (name.to_string(), Value::from(&**value)));
    let value = match &datum.value {
        DatumValue::One(value) => (*value).into(),
        DatumValue::Statistics {
            count,
            sum,
            min,
            max,
        } => object([
            ("count", (*count).into()),
            ("sum", (*sum).into()),
            ("min", (*min).into()),
            ("max", (*max).into()),
        ]),
        DatumValue::Distribution(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(value, count)| vec![*value, *count].into());
            object([("values_and_counts", Value::Array(pairs.collect()))])
        }
    };
    object([
        ("stage", "metrics".into()),
        ("namespace", namespace.into()),
        ("name", datum.name().into()),
        ("unit", datum.unit().as_str().into()),
        ("dimensions", Value::Object(dimensions.collect())),
        ("time", datum.time.to_string().into()),
        ("value", value),
    ])
}
