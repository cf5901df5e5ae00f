//! Reads one line of StatsD or DogStatsD. Pure, and makes nothing: what is read points into the
//! datagram.
//!
//! Sources: the page on metric types of the StatsD project; Datadog's page on the datagram format of DogStatsD.

use plimsoll_aws::limits::metrics::VALUE_MAX;

/// Bytes of a name and its tags together. CloudWatch would take 30 dimensions of 1,279 bytes; what
/// people name is a few hundred bytes, and what is longer is a mistake or an attack.
const NAME_AND_TAGS_MAX: usize = 2_048;
/// Values of one line. A datagram of Datadog's clients holds at most 8,192 bytes.
const VALUES_MAX: usize = 4_096;

/// What kind of metric a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `c`: how often something happened.
    Counter,
    /// `g`: how things are.
    Gauge,
    /// `ms`: how long something took.
    Timer,
    /// `h`: a value of which percentiles are wanted.
    Histogram,
    /// `d`: the same, of all hosts together.
    Distribution,
    /// `s`: something of which the different ones are counted.
    Set,
}

/// One line that says something about a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line<'d> {
    /// The name.
    pub(crate) name: &'d [u8],
    /// What kind of metric it is.
    pub(crate) kind: Kind,
    /// The share of what happened that was sent: above 0, at most 1.
    pub(crate) rate: f64,
    /// The tags as they are written, without `#`.
    pub(crate) tags: &'d [u8],
    /// The time that the line names, in seconds since the epoch.
    pub(crate) time: Option<i64>,
    values: &'d [u8],
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Read<'d> {
    /// It is about a metric.
    Metric(Line<'d>),
    /// It tells an event, `_e{`, or a service check, `_sc`; there is no place for them in
    /// CloudWatch metrics.
    Other,
}

/// One value of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'d> {
    /// A number.
    Number(f64),
    /// A number to be added to what a gauge has shown before.
    Change(f64),
    /// A member of a set.
    Member(&'d [u8]),
}

/// Why a line is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It lacks a name, a value or a type, or has a field that is wrong.
    Shape,
    /// A value that is no number, or none that CloudWatch stores.
    Number,
    /// It is longer than anything that is useful.
    Oversized,
}

impl Malformed {
    /// The reason to count it under.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Shape => "statsd_malformed",
            Self::Number => "statsd_value",
            Self::Oversized => "statsd_oversized",
        }
    }
}

/// Reads one line, without its end.
///
/// # Errors
/// When it is not of the format. Nothing of such a line is used, not even the values that are
/// right.
pub(crate) fn read(line: &[u8]) -> Result<Read<'_>, Malformed> {
    if line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
        return Ok(Read::Other);
    }
    let (name, rest) = split(line, b':').ok_or(Malformed::Shape)?;
    let mut fields = rest.split(|byte| *byte == b'|');
    let values = fields.next().unwrap_or_default();
    let kind = match fields.next() {
        Some(b"c") => Kind::Counter,
        Some(b"g") => Kind::Gauge,
        Some(b"ms") => Kind::Timer,
        Some(b"h") => Kind::Histogram,
        Some(b"d") => Kind::Distribution,
        Some(b"s") => Kind::Set,
        _ => return Err(Malformed::Shape),
    };
    let mut read = Line {
        name,
        kind,
        rate: 1.0,
        tags: &[],
        time: None,
        values,
    };
    for field in fields {
        match field {
            [b'@', rate @ ..] => {
                let rate = number(rate).ok().filter(|rate| *rate > 0.0 && *rate <= 1.0);
                read.rate = rate.ok_or(Malformed::Shape)?;
            }
            [b'#', tags @ ..] => read.tags = tags,
            [b'T', time @ ..] => {
                let time = std::str::from_utf8(time).ok();
                let time = time.and_then(|time| time.parse().ok());
                read.time = Some(time.ok_or(Malformed::Shape)?);
            }
            // Container ids, external data, and whatever comes next: clients may be newer than we.
            _ => {}
        }
    }
    if name.is_empty() || values.is_empty() {
        return Err(Malformed::Shape);
    }
    if name.len() + read.tags.len() > NAME_AND_TAGS_MAX {
        return Err(Malformed::Oversized);
    }
    // All are read before any is used, so that a line counts as a whole or not at all.
    let mut count = 0;
    for value in read.values() {
        value?;
        count += 1;
        if count > VALUES_MAX {
            return Err(Malformed::Oversized);
        }
    }
    Ok(Read::Metric(read))
}

impl<'d> Line<'d> {
    /// The values, each with what is wrong with it.
    pub(crate) fn values(&self) -> impl Iterator<Item = Result<Value<'d>, Malformed>> {
        let kind = self.kind;
        // A member of a set may hold a colon, so sets are not packed.
        let whole = matches!(kind, Kind::Set);
        let values = self.values.split(move |byte| *byte == b':' && !whole);
        values.map(move |value| match (kind, value) {
            (Kind::Set, member) => Ok(Value::Member(member)),
            (Kind::Gauge, [b'+' | b'-', ..]) => number(value).map(Value::Change),
            _ => number(value).map(Value::Number),
        })
    }

    /// The tags in their order, each with its value if it has one.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&'d [u8], Option<&'d [u8]>)> {
        let tags = self.tags.split(|byte| *byte == b',');
        let tags = tags.filter(|tag| !tag.is_empty());
        tags.map(|tag| match split(tag, b':') {
            Some((name, value)) => (name, Some(value)),
            None => (tag, None),
        })
    }
}

/// A number that CloudWatch stores.
fn number(text: &[u8]) -> Result<f64, Malformed> {
    // Rust also reads "inf" and "nan"; a number begins with a digit, a sign or a point.
    let begins = matches!(text, [b'0'..=b'9' | b'+' | b'-' | b'.', ..]);
    let text = std::str::from_utf8(text).map_err(|_| Malformed::Number)?;
    let number = text.parse::<f64>().ok().filter(|_| begins);
    number
        .filter(|number| number.abs() <= VALUE_MAX)
        .ok_or(Malformed::Number)
}

/// What stands before and after the first `at`.
fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = memchr::memchr(at, text)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        match read(line.as_bytes()) {
            Err(wrong) => wrong.reason().to_owned(),
            Ok(Read::Other) => "other".to_owned(),
            Ok(Read::Metric(line)) => {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                let values: Vec<String> = line
                    .values()
                    .map(|value| match value.unwrap() {
                        Value::Number(number) => number.to_string(),
                        Value::Change(number) => format!("by {number}"),
                        Value::Member(member) => text(member),
                    })
                    .collect();
                let tags = line.tags().map(|(name, value)| match value {
                    Some(value) => format!(" {}={}", text(name), text(value)),
                    None => format!(" {}", text(name)),
                });
                let (name, tags) = (text(line.name), tags.collect::<String>());
                let values = values.join(" ");
                let time = line.time.map(|time| format!(" at {time}"));
                let time = time.unwrap_or_default();
                format!("{:?} {name} {values} x{}{tags}{time}", line.kind, line.rate)
            }
        }
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (line, expected) in [
            ("a.b:1|c", "Counter a.b 1 x1"),
            ("a:-2.5e3|c|@0.25", "Counter a -2500 x0.25"),
            ("a:12|g", "Gauge a 12 x1"),
            ("a:+3|g", "Gauge a by 3 x1"),
            ("a:-3:4|g", "Gauge a by -3 4 x1"),
            ("a:320|ms|@0.1", "Timer a 320 x0.1"),
            ("a:1:2:3|ms|#x:y", "Timer a 1 2 3 x1 x=y"),
            ("a:.5|h", "Histogram a 0.5 x1"),
            (
                "a:1|d|#env:prod,canary,url:http://x",
                "Distribution a 1 x1 env=prod canary url=http://x",
            ),
            ("a:user:7|s", "Set a user:7 x1"),
            (
                "a:1|c|#k:,,|c:ci-1234|T1700000000|e:it-x|card:low",
                "Counter a 1 x1 k= at 1700000000",
            ),
            ("größe:1|c", "Counter größe 1 x1"),
            ("_e{5,4}:title|text", "other"),
            ("_sc|db|0", "other"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_reason() {
        for (line, expected) in [
            ("a", "statsd_malformed"),
            ("a:1", "statsd_malformed"),
            (":1|c", "statsd_malformed"),
            ("a:|c", "statsd_malformed"),
            ("a:1|", "statsd_malformed"),
            ("a:1|x", "statsd_malformed"),
            ("a:1|c|@0", "statsd_malformed"),
            ("a:1|c|@1.5", "statsd_malformed"),
            ("a:1|c|@-1", "statsd_malformed"),
            ("a:1|c|@nan", "statsd_malformed"),
            ("a:1|c|Tnow", "statsd_malformed"),
            ("a:one|c", "statsd_value"),
            ("a:1:two|ms", "statsd_value"),
            ("a:nan|g", "statsd_value"),
            ("a:-inf|g", "statsd_value"),
            ("a:infinity|ms", "statsd_value"),
            ("a:1e400|ms", "statsd_value"),
            ("a:1e109|ms", "statsd_value"),
            ("a:0x10|ms", "statsd_value"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
        let many: Vec<String> = (0..10_000).map(|n| format!("t{n}:v")).collect();
        let many = format!("a:1|c|#{}", many.join(","));
        assert_eq!(told(&many), "statsd_oversized");
        assert_eq!(
            told(&format!("{}:1|c", "x".repeat(3000))),
            "statsd_oversized"
        );
        let packed = format!("a:{}|ms", vec!["1"; 5000].join(":"));
        assert_eq!(told(&packed), "statsd_oversized");
    }
}
