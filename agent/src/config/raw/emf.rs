//! The section `[metrics.emf]`, and `[metrics.logs]`, which has no keys of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use plimsoll_core::config::Section;

use super::super::{EmfListeners, Feed, MetricsConfig};
use super::{is_absolute, shape};

/// Where clients of embedded metric format look for an agent.
/// Source: CloudWatch user guide, "Using the CloudWatch agent to send embedded metric format logs".
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 25_888);

/// Reads both tables.
pub(super) fn read(section: &mut Section<'_>, config: &mut MetricsConfig) {
    if let Some(mut table) = section.take_section("emf") {
        shape::common(&mut table, Feed::Emf, config);
        config.applications.emf = Some(listeners(&mut table));
        table.finish();
    }
    if let Some(mut table) = section.take_section("logs") {
        shape::common(&mut table, Feed::Logs, config);
        table.finish();
    }
}

fn listeners(table: &mut Section<'_>) -> EmfListeners {
    let told = ["tcp", "udp", "socket"];
    let usual = table.keys().all(|key| !told.contains(&key));
    let usual = usual.then_some(ADDRESS);
    deliver(table);
    EmfListeners {
        tcp: address(table, "tcp").or(usual),
        udp: address(table, "udp").or(usual),
        socket: socket(table),
    }
}

/// Records of a socket cannot wait in a file as log lines do, so they are not sent as log events.
fn deliver(table: &mut Section<'_>) {
    let Some(word) = table.take_name("deliver") else {
        return;
    };
    if word.value != "metrics" {
        let found = format!("found \"{}\"", word.value);
        let expected = "expected \"metrics\": a record from a socket would be lost with the \
                        process, so it is not sent as a log event; let the application write to a \
                        file and follow that with [[logs.file]]";
        table.reject(&word, &found, expected);
    }
}

fn address(table: &mut Section<'_>, key: &'static str) -> Option<SocketAddr> {
    let written = table.take_name(key)?;
    let address = written.value.parse().ok();
    if address.is_none() {
        let found = format!("found \"{}\"", written.value);
        let expected = "expected an IP address and a port such as \"127.0.0.1:25888\", or \
                        \"0.0.0.0:25888\" for every network of the host";
        table.reject(&written, &found, expected);
    }
    address
}

fn socket(table: &mut Section<'_>) -> Option<PathBuf> {
    let path = table.take_name("socket")?;
    is_absolute(table, &path).then(|| path.value.into())
}
