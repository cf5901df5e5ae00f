//! The network protocol of collectd: what its plugins have measured, in binary packets over UDP.
//!
//! [`packet`] reads a packet; this puts its values into the window of the time that they carry.
//! With the names of the amazon-cloudwatch-agent values are told as they are. Otherwise what counts
//! up becomes a rate per second, as everywhere else in this agent, because a number that only grows
//! says nothing on a graph.

mod packet;
mod secret;
mod types;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::limits::metrics::VALUE_MAX;
use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use crate::aggregate::{How, Intake, SeriesKey, Windows};
use crate::config::CollectdConfig;
use crate::health::Health;
use crate::sample::{GivenMetric, Labels, as_value};
use crate::scraper::Style;
use crate::source::datagram::{Mailbox, OpenError, Taker};
use crate::source::series::{KnownSeries, NotTaken};
use crate::sys::mmsg::Datagram;
use packet::{Item, Malformed, Names, Times, Value};
pub(crate) use secret::Secrets;
use types::Types;

/// Opens the socket and reads the file of users.
///
/// # Errors
/// When the address cannot be received at, or packets have to be proven and the file cannot be
/// read.
pub(crate) fn open(config: &CollectdConfig) -> Result<(Vec<Mailbox>, Secrets), OpenError> {
    let (path, level) = (&config.auth_file, config.security);
    let secrets = Secrets::read(level, path).map_err(|source| OpenError {
        key: "metrics.collectd.auth_file",
        place: path.display().to_string(),
        source,
    })?;
    let (key, bytes) = ("metrics.collectd.address", config.receive_buffer_bytes);
    Ok((vec![Mailbox::udp(key, config.address, bytes)?], secrets))
}

/// Puts values into an intake.
#[derive(Debug)]
pub(crate) struct Collectd {
    secrets: Secrets,
    intake: Intake,
    health: Arc<Health>,
    known: KnownSeries<Seen>,
    naming: Naming,
    /// The bytes that name the series of the present value.
    name: Vec<u8>,
}

/// What series are called.
#[derive(Debug)]
struct Naming {
    style: Style,
    prefix: String,
    types: Types,
    own_host: String,
}

/// The value before, and its time in milliseconds.
#[derive(Debug, Default)]
struct Seen(Option<(i64, Value)>);

impl Collectd {
    /// Puts values into `intake` with the names of `style`.
    pub(crate) fn new(
        config: &CollectdConfig,
        secrets: Secrets,
        style: Style,
        intake: Intake,
        health: Arc<Health>,
    ) -> Self {
        Self {
            secrets,
            naming: Naming {
                style,
                prefix: config.prefix.clone(),
                types: Types::read(config.types_db.as_deref(), &health),
                own_host: own_host(),
            },
            intake,
            health,
            known: KnownSeries::default(),
            name: Vec::new(),
        }
    }

    fn take_packet(&mut self, windows: &mut Windows, packet: &[u8], now: UnixMillis) {
        let Self {
            secrets,
            known,
            naming,
            name,
            health,
            ..
        } = self;
        let read = packet::read(packet, secrets, &mut |item| {
            let time = match item.times.time_ms {
                0 => now,
                told => UnixMillis(told),
            };
            let window = windows.window(time);
            Naming::bytes(&item, name);
            let make = || Ok(naming.series(&item));
            let found = known.find(name, window, make);
            let found = found.map_err(|error| match error {
                NotTaken::Wrong(wrong) => wrong,
                NotTaken::TooManyBytes => Malformed::Oversized,
            })?;
            let number = match (naming.style, found.state) {
                (Style::CloudWatchAgent, _) => Some(raw(item.value)),
                (Style::Plimsoll, Some(seen)) => seen.rate(time, item.times, item.value),
                // Without the value before there is no rate.
                (Style::Plimsoll, None) => None,
            };
            match number {
                Some(number) if number.abs() <= VALUE_MAX => window.add(found.slot, number, 1.0),
                Some(_) => {
                    health.problems.add("collectd_value", 1);
                }
                None => {}
            }
            Ok(())
        });
        if let Err(wrong) = read
            && health.problems.add(wrong.reason(), 1)
        {
            log::warn!(
                reason = wrong.reason(), bytes = packet.len();
                "a packet of collectd, or the rest of it, is not taken; more of this kind are only \
                 counted"
            );
        }
    }
}

impl Taker for Collectd {
    fn take<'b>(&mut self, datagrams: impl Iterator<Item = Datagram<'b>>, now: UnixMillis) {
        let intake = self.intake.clone();
        let mut windows = intake.hold();
        for datagram in datagrams {
            self.take_packet(&mut windows, datagram.bytes, now);
        }
    }

    fn due(&mut self, _now: UnixMillis) -> Option<Duration> {
        None
    }

    fn lost(&self) -> &'static str {
        "collectd_lost"
    }
}

impl Naming {
    /// The bytes that tell one series from all others.
    fn bytes(item: &Item<'_>, out: &mut Vec<u8>) {
        let names = &item.names;
        out.clear();
        for name in [
            names.host,
            names.plugin,
            names.plugin_instance,
            names.kind,
            names.type_instance,
        ] {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
        }
        out.extend_from_slice(&item.place.to_be_bytes());
        out.push(match item.value {
            Value::Counter(_) => 0,
            Value::Gauge(_) => 1,
            Value::Derive(_) => 2,
            Value::Absolute(_) => 3,
        });
    }

    fn series(&self, item: &Item<'_>) -> SeriesKey {
        let names: &Names<'_> = &item.names;
        let source = self.types.name(names.kind, item.place, item.count);
        let name = format!("{}{}_{source}", self.prefix, names.plugin);
        let (how, host) = match self.style {
            Style::CloudWatchAgent => (How::Distribution, names.host),
            Style::Plimsoll => (How::Statistics, self.foreign(names.host)),
        };
        let labels = [
            ("host", host),
            ("instance", names.plugin_instance),
            ("type", names.kind),
            ("type_instance", names.type_instance),
        ];
        let told = labels.into_iter().filter(|(_, value)| !value.is_empty());
        SeriesKey {
            metric: GivenMetric::new(&name, Unit::None).into(),
            labels: Labels::new(told.map(|(name, value)| (name.into(), value.into()))),
            how,
        }
    }

    /// The name of a host, empty if it is this one: then the dimensions say which it is.
    fn foreign<'n>(&self, host: &'n str) -> &'n str {
        let short = |name: &str| name.split('.').next().map(str::to_ascii_lowercase);
        let is_own = short(host) == short(&self.own_host) || host == "localhost";
        if is_own { "" } else { host }
    }
}

/// What this host calls itself.
fn own_host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

impl Seen {
    /// The value as it is, or by how much it has grown per second. `None` for the first value of
    /// what counts up, and after a reset: what came between is not known.
    fn rate(&mut self, time: UnixMillis, times: Times, value: Value) -> Option<f64> {
        if let Value::Gauge(value) = value {
            return Some(value);
        }
        let (before_ms, before) = self.0.replace((time.0, value)).unzip();
        let seconds = before_ms
            .map(|before| as_value(time.0.saturating_sub(before).try_into().unwrap_or(0)) / 1000.0);
        let (grown, seconds) = match (before, value) {
            (Some(Value::Counter(before)), Value::Counter(now)) => {
                (now.checked_sub(before)?, seconds?)
            }
            (Some(Value::Derive(before)), Value::Derive(now)) if now >= before => {
                (now.abs_diff(before), seconds?)
            }
            (_, Value::Absolute(now)) => {
                let told = Some(times.interval).filter(|interval| *interval > 0.0);
                (now, told.or(seconds)?)
            }
            _ => return None,
        };
        (seconds > 0.0).then(|| as_value(grown) / seconds)
    }
}

/// The value as it is.
#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch stores doubles; above 2^53 the last digits do not matter to anyone"
)]
fn raw(value: Value) -> f64 {
    match value {
        Value::Counter(value) | Value::Absolute(value) => as_value(value),
        Value::Gauge(value) => value,
        Value::Derive(value) => value as f64,
    }
}

/// Reads `data` as a packet, with users and without.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_anything(data: &[u8]) {
    for secrets in [
        Secrets::default(),
        Secrets::new(crate::config::CollectdSecurity::Sign, "u: p"),
    ] {
        let read = packet::read(data, &secrets, &mut |_| Ok(()));
        read.ok();
    }
}

#[cfg(test)]
mod tests;
