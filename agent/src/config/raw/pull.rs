//! The tables `[[metrics.prometheus]]` and `[metrics.otlp]`: metrics over HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::config::{Field, Section};

use super::super::{Feed, MetricsConfig, OtlpConfig, PrometheusTarget};
use super::metrics::{filter, is_namespace};
use super::{is_absolute, shape};
use crate::scraper::NameFilter;
use crate::source::otlp::fold::OtlpRules;
use crate::source::prometheus::family::TargetRules;
use crate::source::told::LabelRules;

/// How long a scrape may take unless the file says otherwise.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_mins(1);
/// Each target is a task and a connection of its own.
const TARGETS_MAX: usize = 100;
/// The loopback interface: whoever may send decides what is paid for.
/// Source: OTLP specification 1.x, "OTLP/HTTP Default Port".
const OTLP_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);
/// The attribute that every program has.
const RESOURCE_ATTRIBUTES: [&str; 1] = ["service.name"];

/// Reads both.
pub(super) fn read(section: &mut Section<'_>, config: &mut MetricsConfig) {
    let targets = section.take_sections("prometheus");
    if targets.len() > TARGETS_MAX {
        let found = format!("found {} targets", targets.len());
        section.report(
            "prometheus",
            &found,
            &format!("expected at most {TARGETS_MAX}"),
            None,
        );
    }
    for mut table in targets {
        let read = target(&mut table, config);
        table.finish();
        config.applications.prometheus.extend(read);
    }
    if let Some(mut table) = section.take_section("otlp") {
        shape::common(&mut table, Feed::Otlp, config);
        config.applications.otlp = Some(otlp(&mut table));
        table.finish();
    }
}

fn target(table: &mut Section<'_>, config: &MetricsConfig) -> Option<PrometheusTarget> {
    let place = place(table);
    let name = table.take_name("name");
    let interval = shape::seconds(table, "interval");
    let timeout = timeout(table, interval.unwrap_or(config.interval));
    let (socket, token_file) = (path(table, "socket"), path(table, "token_file"));
    let namespace = table.take_name("namespace");
    let namespace = namespace.filter(|name| is_namespace(table, name));
    let rules = TargetRules {
        metrics: filter(table, &[]),
        labels: labels(table),
        namespace: namespace.map(|name| Arc::from(name.value)),
    };
    let Place {
        host,
        port,
        authority,
        path,
    } = place?;
    let name = match name {
        Some(name) => dimension_value(table, &name)?,
        // A socket tells its target apart better than a host that nobody is asked for.
        None => match &socket {
            Some(socket) => socket.display().to_string(),
            // A query may hold a key, which must stand in no log and in no dimension.
            None => format!("{authority}{}", path.split('?').next().unwrap_or_default()),
        },
    };
    let mut known = config.applications.prometheus.iter();
    if known.any(|known| known.name == name) {
        let found = format!("found \"{name}\" twice");
        table.report(
            "name",
            &found,
            "expected another name for each target",
            None,
        );
    }
    Some(PrometheusTarget {
        name,
        host,
        port,
        authority,
        path,
        socket,
        interval,
        timeout,
        token_file,
        rules,
    })
}

fn place(table: &mut Section<'_>) -> Option<Place> {
    let url = table.take_name("url");
    if url.is_none() && table.keys().all(|key| key != "url") {
        table.report_missing("url", URL);
    }
    Place::of(table, &url?)
}

fn timeout(table: &mut Section<'_>, interval: Duration) -> Duration {
    let written = table.take_duration("timeout", TIMEOUT_MIN..=TIMEOUT_MAX);
    let timeout = written.unwrap_or(TIMEOUT.min(interval));
    if timeout > interval {
        let found = format!("found {timeout:?} with an interval of {interval:?}");
        table.report(
            "timeout",
            &found,
            "expected no more than the interval",
            None,
        );
    }
    timeout
}

fn path(table: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let path = table.take_name(key)?;
    is_absolute(table, &path).then(|| PathBuf::from(path.value))
}

const URL: &str = "expected a URL such as \"http://127.0.0.1:9100/metrics\"";

/// The parts of a URL.
struct Place {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Place {
    fn of(table: &Section<'_>, url: &Field<String>) -> Option<Self> {
        // A password in it is not repeated.
        let reject = |found: &str, expected: &str| {
            table.reject(url, found, expected);
            None
        };
        let Ok(uri) = url.value.parse::<Uri>() else {
            return reject("found no URL", URL);
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return reject("found no URL with a host", URL);
        };
        if scheme != "http" {
            let expected = "expected http: a target on this host or in its network";
            return reject(&format!("found {scheme}"), expected);
        }
        if authority.as_str().contains('@') {
            return reject(
                "found a user",
                "expected no user; a bearer token goes into token_file",
            );
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return reject("found no host", URL);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    }
}

fn otlp(table: &mut Section<'_>) -> OtlpConfig {
    let mut address = OTLP_ADDRESS;
    if let Some(written) = table.take_name("address") {
        match written.value.parse() {
            Ok(parsed) => address = parsed,
            Err(_) => table.reject(
                &written,
                &format!("found \"{}\"", written.value),
                "expected an address with a port such as \"127.0.0.1:4318\" or \"[::1]:4318\"",
            ),
        }
    }
    let written = table.keys().any(|key| key == "resource_attributes");
    let names = table.take_strings("resource_attributes").into_iter();
    let names = names.map(|name| name.value).collect();
    let default = || RESOURCE_ATTRIBUTES.map(str::to_owned).to_vec();
    OtlpConfig {
        address,
        rules: OtlpRules {
            resource_attributes: if written { names } else { default() },
            labels: labels(table),
        },
    }
}

/// The table `labels`.
fn labels(table: &mut Section<'_>) -> LabelRules {
    let Some(mut labels) = table.take_section("labels") else {
        return LabelRules {
            kept: NameFilter::new(&["*"], &[] as &[&str]).unwrap_or_default(),
            ..LabelRules::default()
        };
    };
    let rules = LabelRules {
        kept: filter(&mut labels, &[]),
        rename: labels.take_string_map("rename"),
        add: labels.take_string_map("add"),
    };
    for (key, name) in [
        (
            "rename",
            rules.rename.values().find(|name| !is_dimension_name(name)),
        ),
        (
            "add",
            rules.add.keys().find(|name| !is_dimension_name(name)),
        ),
    ] {
        if let Some(name) = name {
            let expected = "expected the name of a dimension: up to 255 characters of ASCII";
            labels.report(key, &format!("found \"{name}\""), expected, None);
        }
    }
    if let Some(value) = rules.add.values().find(|value| !is_dimension_value(value)) {
        let expected = "expected a value of up to 1024 characters of ASCII that is not blank";
        labels.report("add", &format!("found \"{value}\""), expected, None);
    }
    labels.finish();
    rules
}

fn dimension_value(table: &Section<'_>, name: &Field<String>) -> Option<String> {
    if is_dimension_value(&name.value) {
        return Some(name.value.clone());
    }
    let expected = "expected up to 1024 characters of ASCII";
    table.reject(name, &format!("found \"{}\"", name.value), expected);
    None
}

/// Source: CloudWatch API reference, `Dimension`.
fn is_dimension_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::DIMENSION_NAME_MAX
        && !name.starts_with(':')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Source: CloudWatch API reference, `Dimension`.
fn is_dimension_value(value: &str) -> bool {
    !value.trim().is_empty()
        && value.len() <= limits::DIMENSION_VALUE_MAX
        && value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
