//! What access logs tell: requests, responses by class, bytes and latency.
//!
//! Lines are taken apart by hand, in one pass and without a copy: these logs are the largest that a
//! host writes. Sources of the formats: nginx, `ngx_http_log_module`, "combined"; Apache,
//! `mod_log_config`, "Combined Log Format"; Elastic Load Balancing, "Access log entries".

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2};
use plimsoll_core::catalog::Unit;

use super::{Line, Measured, metric};
use crate::aggregate::{How, SeriesKey};
use crate::sample::{GivenMetric, Labels, MetricName};

/// The metrics, in the order of their series. The four classes follow the requests, so that they
/// are zero where a request had another.
const METRICS: [(&str, Unit, How); 8] = [
    ("Requests", Unit::Count, How::Sum),
    ("Responses2xx", Unit::Count, How::Sum),
    ("Responses3xx", Unit::Count, How::Sum),
    ("Responses4xx", Unit::Count, How::Sum),
    ("Responses5xx", Unit::Count, How::Sum),
    ("ResponseBytes", Unit::Bytes, How::Sum),
    ("RequestBytes", Unit::Bytes, How::Sum),
    ("Latency", Unit::Seconds, How::Distribution),
];
const RESPONSE_BYTES: u32 = 5;
const REQUEST_BYTES: u32 = 6;
const LATENCY: u32 = 7;
/// Methods that are told apart. Others are mistakes and attacks, and would each be a series.
/// Source: RFC 9110, section 9, and RFC 5789.
const METHODS: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// A format of access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The combined format of nginx, with `$request_time` behind it or not.
    Nginx,
    /// The common or combined format of Apache, with `%D` behind it or not.
    Apache,
    /// Application Load Balancer.
    Alb,
}

/// What is measured of an access log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: Format,
    by_method: bool,
    by_host: bool,
    labels: Vec<(Arc<str>, Arc<str>)>,
    metrics: Vec<(Arc<GivenMetric>, How)>,
}

/// What a line tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Access<'l> {
    pub(crate) method: &'l [u8],
    pub(crate) host: &'l [u8],
    pub(crate) status: u16,
    pub(crate) response_bytes: Option<f64>,
    pub(crate) request_bytes: Option<f64>,
    pub(crate) seconds: Option<f64>,
}

impl AccessLog {
    /// Measures logs of a format, together or by method and by host.
    pub(crate) fn new(
        format: Format,
        (by_method, by_host): (bool, bool),
        labels: Vec<(Arc<str>, Arc<str>)>,
        namespace: Option<&Arc<str>>,
    ) -> Self {
        let metrics = METRICS.map(|(name, unit, how)| (metric(name, unit, namespace), how));
        Self {
            format,
            by_method,
            by_host,
            labels,
            metrics: metrics.into(),
        }
    }

    /// What its metrics are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.metrics.iter().map(|(metric, _)| &*metric.name)
    }

    /// The namespace of all of them, if it is not that of the feed.
    pub(super) fn namespace(&self) -> Option<&str> {
        let (metric, _) = self.metrics.first()?;
        metric.namespace.as_deref()
    }

    /// Measures a line; whether it is one of the format.
    pub(super) fn measure(&self, line: &Line<'_>, measured: &mut Measured) -> bool {
        let Some(access) = self.format.read(line.text) else {
            return false;
        };
        let method = if METHODS.contains(&access.method) {
            access.method
        } else {
            b"other"
        };
        measured.begin_key(line.index);
        if self.by_method {
            measured.extend_key(method);
            measured.extend_key(b"\x1f");
        }
        if self.by_host {
            measured.extend_key(access.host);
        }
        let first = measured.series(|| self.series(line, method, access.host));
        measured.add(first, line.time, 1.0);
        let class = u32::from(access.status / 100);
        if (2..=5).contains(&class) {
            measured.add(first + class - 1, line.time, 1.0);
        }
        for (number, value) in [
            (RESPONSE_BYTES, access.response_bytes),
            (REQUEST_BYTES, access.request_bytes),
            (LATENCY, access.seconds),
        ] {
            if let Some(value) = value {
                measured.add(first + number, line.time, value);
            }
        }
        true
    }

    fn series(&self, line: &Line<'_>, method: &[u8], host: &[u8]) -> Vec<(SeriesKey, u32)> {
        let mut labels = self.labels.clone();
        for (wanted, name, value) in [
            (self.by_method, "Method", method),
            (self.by_host, "VirtualHost", host),
        ] {
            if wanted {
                labels.push((Arc::from(name), line.told(value)));
            }
        }
        let labels = Labels::new(labels);
        let key = |(index, (metric, how)): (usize, &(Arc<GivenMetric>, How))| {
            let key = SeriesKey {
                metric: MetricName::Given(Arc::clone(metric)),
                labels: labels.clone(),
                how: *how,
            };
            (key, if index == 0 { RESPONSE_BYTES - 1 } else { 0 })
        };
        self.metrics.iter().enumerate().map(key).collect()
    }
}

impl Format {
    /// What a line tells; `None` if it is none of the format.
    pub(crate) fn read(self, line: &[u8]) -> Option<Access<'_>> {
        match self {
            Self::Nginx => combined(line, 1.0),
            Self::Apache => combined(line, 1e-6),
            Self::Alb => balancer(line),
        }
    }
}

/// `[host ]address - user [time] "request" status bytes`, and behind it quoted fields and numbers,
/// the first of which is a time in units of `seconds`.
fn combined(line: &[u8], seconds: f64) -> Option<Access<'_>> {
    let bracket = memchr(b'[', line)?;
    let (before, rest) = line.split_at_checked(bracket)?;
    let rest = rest.get(memchr(b']', rest)? + 1..)?;
    let rest = rest.strip_prefix(b" \"")?;
    let (request, rest) = quoted(rest)?;
    let (status, rest) = word(rest.strip_prefix(b" ")?);
    let (bytes, rest) = word(rest);
    // A virtual host stands before the three words of the common format.
    let host = match memchr_iter(b' ', before).count() {
        0..=3 => &[],
        _ => without_port(word(before).0),
    };
    Some(Access {
        method: word(request).0,
        host,
        status: status_of(status)?,
        response_bytes: if bytes == b"-" {
            Some(0.0)
        } else {
            Some(whole(bytes)?)
        },
        request_bytes: None,
        seconds: timed(rest).map(|time| time * seconds),
    })
}

/// The first number behind the fields of the format; also as `rt=` or `request_time=`.
fn timed(mut rest: &[u8]) -> Option<f64> {
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix(b"\"") {
            rest = quoted(inside)?.1;
            continue;
        }
        let (field, after) = word(rest);
        rest = after;
        let named = field.strip_prefix(b"rt=");
        let named = named.or_else(|| field.strip_prefix(b"request_time="));
        if let Some(time) = decimal(named.unwrap_or(field)) {
            return Some(time);
        }
    }
}

/// See the order of fields in "Access log entries" of the guide of Application Load Balancers.
fn balancer(line: &[u8]) -> Option<Access<'_>> {
    let mut rest = line;
    let mut next = || {
        let (field, after) = word(rest);
        rest = after;
        field
    };
    // type, time, load balancer, client, target
    for _ in 0..5 {
        next();
    }
    let times = [next(), next(), next()];
    let status = status_of(next())?;
    next();
    let (received, sent) = (whole(next())?, whole(next())?);
    let (request, rest) = quoted(rest.strip_prefix(b"\"")?)?;
    let url = word(word(request).1).0;
    // Minus one stands for a step that was not taken: then the whole has no time.
    let times: Option<Vec<f64>> = times.into_iter().map(decimal).collect();
    // user agent, cipher, protocol, target group, trace id, and then the name that was asked for
    let domain = quoted_field(rest, 5).unwrap_or(b"-");
    Some(Access {
        method: word(request).0,
        host: if domain == b"-" { host_of(url) } else { domain },
        status,
        response_bytes: Some(sent),
        request_bytes: Some(received),
        seconds: times.map(|times| times.iter().sum()),
    })
}

/// The field behind `skipped` others, each of which may be quoted.
fn quoted_field(mut rest: &[u8], skipped: usize) -> Option<&[u8]> {
    let mut field: &[u8] = &[];
    for _ in 0..=skipped {
        rest = rest.trim_ascii_start();
        (field, rest) = match rest.strip_prefix(b"\"") {
            Some(inside) => quoted(inside)?,
            None => word(rest),
        };
    }
    Some(field)
}

/// The host of a URL such as `https://www.example.com:443/`.
fn host_of(url: &[u8]) -> &[u8] {
    let start = memchr::memmem::find(url, b"://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or(&[]);
    let end = memchr(b'/', rest).unwrap_or(rest.len());
    without_port(rest.get(..end).unwrap_or(rest))
}

fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(at) => host.get(..at).unwrap_or(host),
        None => host,
    }
}

/// Up to the next space, and what is behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text) {
        Some(at) => (
            text.get(..at).unwrap_or(text),
            text.get(at + 1..).unwrap_or(&[]),
        ),
        None => (text, &[]),
    }
}

/// Up to the quote that ends a field, and what is behind it. A backslash takes the next one along.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        at += 2;
    }
}

/// Three digits.
fn status_of(text: &[u8]) -> Option<u16> {
    let [a, b, c] = text else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let status = digit(a)? * 100 + digit(b)? * 10 + digit(c)?;
    (100..600).contains(&status).then_some(status)
}

/// Digits alone.
fn whole(text: &[u8]) -> Option<f64> {
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    let digits = text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum * 10 + digit)
    });
    digits.map(crate::sample::as_value)
}

/// Digits, and behind a point more of them.
fn decimal(text: &[u8]) -> Option<f64> {
    let plain = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    if text.is_empty() || text.len() > 18 || !text.iter().all(plain) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
