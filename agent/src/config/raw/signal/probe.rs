//! `health`: what must answer for a signal to be told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use plimsoll_core::config::{Field, Section};

use super::super::super::{Probe, ProbeKind};
use super::super::is_absolute;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A single lost answer says nothing; two in a row do.
const FAILURES: u32 = 2;
const TIME_MIN: Duration = Duration::from_millis(100);
const TIME_MAX: Duration = Duration::from_mins(1);
const KINDS: &str = "expected one of: http, tcp, file, unit";
const URL: &str = "expected a URL such as \"http://127.0.0.1:8080/health\": http, and an IP \
                   address or localhost";

/// Reads the list; `None` if there is none.
pub(super) fn read(section: &mut Section<'_>) -> Option<Vec<Probe>> {
    let written = section.keys().any(|key| key == "health");
    let tables = section.take_sections("health");
    let probes = tables.into_iter().filter_map(|mut table| {
        let read = probe(&mut table);
        table.finish();
        read
    });
    let probes = probes.collect();
    written.then_some(probes)
}

fn probe(table: &mut Section<'_>) -> Option<Probe> {
    let (http, tcp) = (table.take_name("http"), table.take_name("tcp"));
    let (file, unit) = (table.take_name("file"), table.take_name("unit"));
    let written = ["http", "tcp", "file", "unit"];
    let written = written
        .into_iter()
        .filter(|kind| table.keys().any(|key| key == *kind));
    let written: Vec<&str> = written.collect();
    let interval = table.take_duration("interval", TIME_MIN..=TIME_MAX);
    let interval = interval.unwrap_or(INTERVAL);
    let timeout = table.take_duration("timeout", TIME_MIN..=TIME_MAX);
    let timeout = timeout.unwrap_or(TIMEOUT.min(interval));
    let failures = table.take_integer("failures", 1..=100);
    if timeout > interval {
        let found = format!("found {timeout:?} with an interval of {interval:?}");
        table.report(
            "timeout",
            &found,
            "expected no more than the interval",
            None,
        );
    }
    if written.len() != 1 {
        let found = match written.as_slice() {
            [] => "found none of them".to_owned(),
            several => format!("found {}", several.join(" and ")),
        };
        table.report(written.get(1).copied().unwrap_or(""), &found, KINDS, None);
        return None;
    }
    let kind = http
        .and_then(|url| http_of(table, &url))
        .or_else(|| tcp.and_then(|address| tcp_of(table, &address)))
        .or_else(|| {
            let path = file.filter(|path| is_absolute(table, path))?;
            Some(ProbeKind::File(PathBuf::from(path.value)))
        })
        .or_else(|| unit.and_then(|name| unit_of(table, name)))?;
    Some(Probe {
        kind,
        interval,
        timeout,
        failures: failures
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(FAILURES),
    })
}

fn http_of(table: &Section<'_>, url: &Field<String>) -> Option<ProbeKind> {
    let read = || {
        let uri: Uri = url.value.parse().ok()?;
        let authority = uri.authority()?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let ip = match bare {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            bare => bare.parse().ok()?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(ProbeKind::Http {
            address: SocketAddr::new(ip, authority.port_u16().unwrap_or(80)),
            host: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    };
    let kind = read();
    if kind.is_none() {
        // A password in it is not repeated.
        table.reject(url, "found another text", URL);
    }
    kind
}

fn tcp_of(table: &Section<'_>, address: &Field<String>) -> Option<ProbeKind> {
    let text = &address.value;
    let local = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    if let Ok(address) = local.as_deref().unwrap_or(text).parse() {
        return Some(ProbeKind::Tcp(address));
    }
    let expected = "expected an address with a port such as \"127.0.0.1:8080\"";
    table.reject(address, &format!("found \"{text}\""), expected);
    None
}

/// Source: systemd.unit(5): letters, digits and `:-_.\@`, with the type as suffix, at most 255.
fn unit_of(table: &Section<'_>, name: Field<String>) -> Option<ProbeKind> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let text = &name.value;
    if text.contains('.')
        && text.len() <= 255
        && text.chars().all(allowed)
        && !text.starts_with('-')
    {
        return Some(ProbeKind::Unit(name.value));
    }
    let expected = "expected the name of a unit such as \"app.service\"";
    table.reject(&name, &format!("found \"{text}\""), expected);
    None
}
