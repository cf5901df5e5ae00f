//! The tables `[metrics.statsd]` and `[metrics.collectd]`.

use std::net::SocketAddr;

use plimsoll_core::config::Section;

use super::super::{CollectdConfig, CollectdSecurity, Feed, MetricsConfig, StatsdConfig};
use super::{is_absolute, shape};

/// Who sends over UDP is on this host, unless the file says otherwise.
const STATSD_ADDRESS: SocketAddr = SocketAddr::new(LOOPBACK, 8125);
const COLLECTD_ADDRESS: SocketAddr = SocketAddr::new(LOOPBACK, 25826);
const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// Some 5,000 small datagrams, 25 ms at 200,000 a second. The kernel takes memory only for what is
/// waiting.
const RECEIVE_BUFFER: u64 = 4 * 1024 * 1024;
const RECEIVE_BUFFER_MIN: u64 = 4 * 1024;
const RECEIVE_BUFFER_MAX: u64 = 256 * 1024 * 1024;
/// Applications run as any user.
const SOCKET_MODE: u32 = 0o666;
const COLLECTD_PREFIX: &str = "collectd_";
/// Where collectd and the amazon-cloudwatch-agent have it.
const AUTH_FILE: &str = "/etc/collectd/auth_file";
/// As the schema of the amazon-cloudwatch-agent.
const TYPES_FILES_MAX: usize = 10;
/// Source: `Path of sun_path`, unix(7): 108 bytes with the zero at the end.
const SOCKET_PATH_MAX: usize = 107;

/// Reads both tables.
pub(super) fn read(section: &mut Section<'_>, config: &mut MetricsConfig) {
    if let Some(mut table) = section.take_section("statsd") {
        shape::common(&mut table, Feed::Statsd, config);
        config.applications.statsd = Some(statsd(&mut table));
        table.finish();
    }
    if let Some(mut table) = section.take_section("collectd") {
        shape::common(&mut table, Feed::Collectd, config);
        config.applications.collectd = Some(collectd(&mut table));
        table.finish();
    }
}

fn statsd(table: &mut Section<'_>) -> StatsdConfig {
    let socket = table.take_name("socket").filter(|path| {
        let fits = path.value.len() <= SOCKET_PATH_MAX;
        if !fits {
            let found = format!("found {} bytes", path.value.len());
            let expected = format!("expected at most {SOCKET_PATH_MAX}, the kernel's limit");
            table.reject(path, &found, &expected);
        }
        is_absolute(table, path) && fits
    });
    let default = socket.is_none().then_some(STATSD_ADDRESS);
    StatsdConfig {
        address: address(table).or(default),
        socket: socket.map(|path| path.value.into()),
        socket_mode: mode(table),
        receive_buffer_bytes: receive_buffer(table),
        prefix: text(table, "prefix").unwrap_or_default(),
        separator: text(table, "separator"),
        keep_gauges: table.take_bool("keep_gauges").unwrap_or(false),
    }
}

fn collectd(table: &mut Section<'_>) -> CollectdConfig {
    const LEVELS: [(&str, CollectdSecurity); 3] = [
        ("none", CollectdSecurity::None),
        ("sign", CollectdSecurity::Sign),
        ("encrypt", CollectdSecurity::Encrypt),
    ];
    let auth_file = table.take_name("auth_file");
    let auth_file = auth_file.filter(|path| is_absolute(table, path));
    let written = table.keys().any(|key| key == "types_db");
    let mut types_db = table.take_string_or_list("types_db");
    types_db.retain(|path| is_absolute(table, path));
    if types_db.len() > TYPES_FILES_MAX {
        let found = format!("found {} files", types_db.len());
        let expected = format!("expected at most {TYPES_FILES_MAX}");
        table.report("types_db", &found, &expected, None);
    }
    let types_db = types_db.into_iter().map(|path| path.value.into());
    CollectdConfig {
        address: address(table).unwrap_or(COLLECTD_ADDRESS),
        receive_buffer_bytes: receive_buffer(table),
        prefix: text(table, "prefix").unwrap_or_else(|| COLLECTD_PREFIX.to_owned()),
        security: table
            .take_choice("security_level", &LEVELS)
            .unwrap_or_default(),
        auth_file: auth_file.map_or_else(|| AUTH_FILE.into(), |path| path.value.into()),
        types_db: written.then(|| types_db.collect()),
    }
}

fn address(table: &mut Section<'_>) -> Option<SocketAddr> {
    let written = table.take_name("address")?;
    let address = written.value.parse().ok();
    if address.is_none() {
        let found = format!("found \"{}\"", written.value);
        let expected = "expected an IP address and a port such as \"127.0.0.1:8125\", or \
                        \"0.0.0.0:8125\" for every network of the host";
        table.reject(&written, &found, expected);
    }
    address
}

fn receive_buffer(table: &mut Section<'_>) -> usize {
    let bytes = table.take_size("receive_buffer", RECEIVE_BUFFER_MIN..=RECEIVE_BUFFER_MAX);
    usize::try_from(bytes.unwrap_or(RECEIVE_BUFFER)).unwrap_or(usize::MAX)
}

/// Permissions as chmod takes them, at most for reading and writing.
fn mode(table: &mut Section<'_>) -> u32 {
    let Some(written) = table.take_name("socket_mode") else {
        return SOCKET_MODE;
    };
    let mode = u32::from_str_radix(&written.value, 8).ok();
    let mode = mode.filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        let found = format!("found \"{}\"", written.value);
        let expected = "expected permissions in octal such as \"0666\"";
        table.reject(&written, &found, expected);
    }
    mode.unwrap_or(SOCKET_MODE)
}

/// A piece of a name; may be empty.
fn text(table: &mut Section<'_>, key: &'static str) -> Option<String> {
    let written = table.take_string(key)?;
    let is_text = |c: char| c == ' ' || c.is_ascii_graphic();
    if !written.value.chars().all(is_text) {
        let found = format!("found \"{}\"", written.value);
        table.reject(&written, &found, "expected printable ASCII");
    }
    Some(written.value)
}
