//! StatsD and DogStatsD: metrics that applications send as text, over UDP or a Unix socket.
//!
//! [`mod@line`] reads one line; this puts its values into the window of the time of its arrival, or of
//! the time that the line names. What a line is about is looked up by its bytes (see
//! [`series`](super::series)), so a metric that comes again costs one look and one addition. A line
//! that cannot be read costs nothing but itself: it is counted, and the first of each kind is told.

pub(crate) mod line;

use std::hash::{DefaultHasher, Hasher as _};
use std::str;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use crate::aggregate::{How, Intake, SeriesKey, Window, Windows};
use crate::config::StatsdConfig;
use crate::health::Health;
use crate::sample::{GivenMetric, Labels};
use crate::scraper::Style;
use crate::source::datagram::{Mailbox, OpenError, Taker};
use crate::source::series::{KnownSeries, NotTaken};
use crate::sys::mmsg::Datagram;
use line::{Kind, Line, Malformed, Read, Value};

/// What a tag without a value has: that it is there.
const PRESENT: &str = "true";
/// The same as the amazon-cloudwatch-agent says it, and what an empty value becomes, since
/// CloudWatch has none.
const EMPTY: &str = "<empty>";
/// The dimension that the amazon-cloudwatch-agent tells the kind with.
const METRIC_TYPE: &str = "metric_type";
/// Bytes of a malformed line that are told.
const EXCERPT_BYTES: usize = 120;

/// Opens the sockets that the configuration names.
///
/// # Errors
/// When one of them cannot be opened.
pub(crate) fn open(config: &StatsdConfig) -> Result<Vec<Mailbox>, OpenError> {
    let mut mailboxes = Vec::new();
    let bytes = config.receive_buffer_bytes;
    if let Some(address) = config.address {
        mailboxes.push(Mailbox::udp("metrics.statsd.address", address, bytes)?);
    }
    if let Some(path) = &config.socket {
        let (key, mode) = ("metrics.statsd.socket", config.socket_mode);
        mailboxes.push(Mailbox::unix(key, path, mode, bytes)?);
    }
    Ok(mailboxes)
}

/// Puts lines into an intake.
#[derive(Debug)]
pub(crate) struct Statsd {
    style: Style,
    prefix: String,
    separator: Option<String>,
    keep_gauges: bool,
    interval: Duration,
    intake: Intake,
    health: Arc<Health>,
    known: KnownSeries<Shown>,
    /// The bytes that name the series of the present line.
    name: Vec<u8>,
    /// When kept gauges were told last.
    kept: Option<UnixMillis>,
}

/// What a gauge has shown last, and in which window.
#[derive(Debug, Default)]
struct Shown(Option<(u64, f64)>);

impl Statsd {
    /// Puts lines into `intake`, whose windows are `interval` long, with the names of `style`.
    pub(crate) fn new(
        config: &StatsdConfig,
        style: Style,
        interval: Duration,
        intake: Intake,
        health: Arc<Health>,
    ) -> Self {
        Self {
            style,
            prefix: config.prefix.clone(),
            separator: config.separator.clone().or_else(|| match style {
                Style::Plimsoll => None,
                Style::CloudWatchAgent => Some("_".to_owned()),
            }),
            keep_gauges: config.keep_gauges,
            interval,
            intake,
            health,
            known: KnownSeries::default(),
            name: Vec::new(),
            kept: None,
        }
    }

    fn take_datagram(&mut self, windows: &mut Windows, datagram: Datagram<'_>, now: UnixMillis) {
        let mut lines = datagram.bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(text) = lines.next() {
            if !datagram.is_whole && lines.peek().is_none() {
                self.tell(Malformed::Oversized.reason(), text);
                break;
            }
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.is_empty() {
                continue;
            }
            let taken = match line::read(text) {
                Ok(Read::Metric(line)) => self.take_line(windows, &line, now),
                Ok(Read::Other) => Err("statsd_event"),
                Err(wrong) => Err(wrong.reason()),
            };
            if let Err(reason) = taken {
                self.tell(reason, text);
            }
        }
    }

    fn take_line(
        &mut self,
        windows: &mut Windows,
        line: &Line<'_>,
        now: UnixMillis,
    ) -> Result<(), &'static str> {
        let told = line
            .time
            .map(|seconds| UnixMillis(seconds.saturating_mul(1000)));
        let window = windows.window(told.unwrap_or(now));
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        name.extend_from_slice(line.name);
        // No name holds a colon, so it parts name and kind, and the kind is one byte.
        name.extend_from_slice(&[b':', kind_byte(line.kind)]);
        name.extend_from_slice(line.tags);
        let added = self.add(window, line, &name);
        self.name = name;
        added
    }

    fn add(
        &mut self,
        window: &mut Window,
        line: &Line<'_>,
        name: &[u8],
    ) -> Result<(), &'static str> {
        let Self {
            style,
            prefix,
            separator,
            known,
            ..
        } = self;
        let make = || series(line, *style, prefix, separator.as_deref());
        let found = known.find(name, window, make);
        let found = found.map_err(|error| match error {
            NotTaken::Wrong(wrong) => wrong.reason(),
            NotTaken::TooManyBytes => Malformed::Oversized.reason(),
        })?;
        let (slot, state) = (found.slot, found.state);
        if let Kind::Gauge = line.kind {
            let shown = state.ok_or("statsd_gauge_unknown")?;
            let from_nothing = matches!(style, Style::CloudWatchAgent);
            let value = shown.after(line, window.generation(), from_nothing)?;
            window.add(slot, value, 1.0);
            return Ok(());
        }
        for value in line.values() {
            match value.map_err(Malformed::reason)? {
                Value::Number(value) | Value::Change(value) => {
                    window.add(slot, value, 1.0 / line.rate);
                }
                Value::Member(member) => {
                    let mut hasher = DefaultHasher::new();
                    hasher.write(member);
                    window.add_member(slot, hasher.finish());
                }
            }
        }
        Ok(())
    }

    fn tell(&self, reason: &'static str, text: &[u8]) {
        if self.health.problems.add(reason, 1) {
            let excerpt = text.get(..EXCERPT_BYTES).unwrap_or(text).escape_ascii();
            log::warn!(
                reason = reason, line:% = excerpt;
                "a line of StatsD is not taken; more of this kind are only counted"
            );
        }
    }
}

impl Shown {
    /// What the gauge shows after the values of a line. A change of a gauge that has shown nothing
    /// begins at zero, as StatsD has it; `from_nothing`, so does the first one in each window.
    fn after(
        &mut self,
        line: &Line<'_>,
        generation: u64,
        from_nothing: bool,
    ) -> Result<f64, &'static str> {
        let before = self.0.filter(|(of, _)| *of == generation || !from_nothing);
        let mut shown = before.map_or(0.0, |(_, value)| value);
        for value in line.values() {
            match value.map_err(Malformed::reason)? {
                Value::Change(by) => shown += by,
                Value::Number(value) => shown = value,
                Value::Member(_) => {}
            }
        }
        self.0 = Some((generation, shown));
        Ok(shown)
    }
}

impl Taker for Statsd {
    fn take<'b>(&mut self, datagrams: impl Iterator<Item = Datagram<'b>>, now: UnixMillis) {
        let intake = self.intake.clone();
        let mut windows = intake.hold();
        for datagram in datagrams {
            self.take_datagram(&mut windows, datagram, now);
        }
    }

    /// Tells kept gauges once in each window, until they change.
    fn due(&mut self, now: UnixMillis) -> Option<Duration> {
        if !self.keep_gauges {
            return None;
        }
        let begin = now.align_down(self.interval);
        if self.kept != Some(begin) {
            self.kept = Some(begin);
            let mut windows = self.intake.hold();
            let window = windows.window(now);
            let generation = window.generation();
            self.known.add_to(window, |shown| {
                let (of, value) = shown.0?;
                shown.0 = Some((generation, value));
                (of != generation).then_some(value)
            });
        }
        Some((begin + self.interval).since(now))
    }

    fn lost(&self) -> &'static str {
        "statsd_lost"
    }
}

/// What a line is about, as a series.
fn series(
    line: &Line<'_>,
    style: Style,
    prefix: &str,
    separator: Option<&str>,
) -> Result<SeriesKey, Malformed> {
    let name = str::from_utf8(line.name).map_err(|_| Malformed::Shape)?;
    let mut name = format!("{prefix}{name}");
    if let Some(separator) = separator {
        name = name.replace('.', separator);
    }
    let unit = match (line.kind, style) {
        // The protocol's timers are milliseconds; the amazon-cloudwatch-agent does not say so.
        (Kind::Timer, Style::Plimsoll) => Unit::Milliseconds,
        _ => Unit::None,
    };
    let (how, word) = match line.kind {
        Kind::Counter => (How::Sum, "counter"),
        Kind::Gauge => (How::Last, "gauge"),
        Kind::Timer => (How::Distribution, "timing"),
        Kind::Histogram => (How::Distribution, "histogram"),
        Kind::Distribution => (How::Distribution, "distribution"),
        Kind::Set => (How::Unique, "set"),
    };
    let mut labels: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for (name, value) in line.tags() {
        let name = str::from_utf8(name).map_err(|_| Malformed::Shape)?;
        let value = match (value, style) {
            (None, Style::Plimsoll) => PRESENT,
            (None | Some(b""), _) => EMPTY,
            (Some(value), _) => str::from_utf8(value).map_err(|_| Malformed::Shape)?,
        };
        labels.push((name.into(), value.into()));
    }
    if let Style::CloudWatchAgent = style {
        labels.push((METRIC_TYPE.into(), word.into()));
    }
    Ok(SeriesKey {
        metric: GivenMetric::new(&name, unit).into(),
        labels: Labels::new(labels),
        how,
    })
}

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Counter => b'c',
        Kind::Gauge => b'g',
        Kind::Timer => b'm',
        Kind::Histogram => b'h',
        Kind::Distribution => b'd',
        Kind::Set => b's',
    }
}

#[cfg(test)]
mod tests;
