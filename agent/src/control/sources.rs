//! Where data enters, and how far each source is behind.
//!
//! Looking at files blocks, so it is done away from the runtime. A file is behind by the bytes
//! beyond its position, and since the oldest line was read that is not settled; where nothing was
//! read yet, at least since the file was last written. A line without its end is not late.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::checkpoint::{Finder, Followed, FollowedJournal, Ledger};
use crate::config::{LogsConfig, MetricsConfig};
use crate::fs::HostFs;
use crate::unsent::is_unfinished;

/// Sources that are told one by one: those that are the most behind. About 300 bytes each.
const SOURCES_MAX: usize = 1000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// What metrics come in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    kind: &'static str,
    place: String,
}

/// A target of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    key: u64,
    group: String,
    stream: String,
}

/// What applications send to, and what is scraped. A target is told by its name, which holds no
/// query of its URL: there may be a key in it.
pub(super) fn receivers(metrics: &MetricsConfig) -> Vec<Receiver> {
    let of = &metrics.applications;
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let path = |path: &PathBuf| path.display().to_string();
    if let Some(statsd) = &of.statsd {
        all.extend(statsd.address.map(|at| ("statsd", at.to_string())));
        all.extend(statsd.socket.iter().map(|at| ("statsd", path(at))));
    }
    if let Some(collectd) = &of.collectd {
        all.push(("collectd", collectd.address.to_string()));
    }
    if let Some(emf) = &of.emf {
        all.extend(emf.tcp.map(|at| ("emf", format!("tcp {at}"))));
        all.extend(emf.udp.map(|at| ("emf", format!("udp {at}"))));
        all.extend(emf.socket.iter().map(|at| ("emf", path(at))));
    }
    if let Some(otlp) = &of.otlp {
        all.push(("otlp", otlp.address.to_string()));
    }
    let scraped = of.prometheus.iter();
    all.extend(scraped.map(|target| ("prometheus", target.name.clone())));
    let all = all.into_iter();
    all.map(|(kind, place)| Receiver { kind, place }).collect()
}

/// The targets of the journal with their names.
pub(crate) fn journals(logs: &LogsConfig) -> Vec<Journal> {
    let targets = logs.journald.iter().map(|target| Journal {
        key: target.key,
        group: target.group.name.clone(),
        stream: target.stream.clone(),
    });
    targets.collect()
}

/// All sources.
#[derive(Debug)]
pub(super) struct Surveyed {
    /// Each, those first that are the most behind.
    pub(super) sources: Vec<Value>,
    /// How many there are, told or not.
    pub(super) total: usize,
    /// Bytes that are not delivered, over all files.
    pub(super) lag_bytes: u64,
    /// Streams whose calls keep failing.
    pub(super) stuck: Vec<String>,
}

/// Looks at all files. It blocks.
pub(super) fn survey(
    ledger: Option<&Ledger>,
    journals: &[Journal],
    receivers: &[Receiver],
    (now, instant): (UnixMillis, Instant),
) -> Surveyed {
    let followed = ledger.map_or_else(Vec::new, Ledger::followed);
    let mut finder = Finder::new(&HostFs);
    let mut files: Vec<File> = followed
        .into_iter()
        .map(|one| File::look(one, &mut finder, now, instant))
        .collect();
    files.sort_by_key(|file| std::cmp::Reverse((file.lag, file.lag_bytes)));
    let mut stuck: Vec<String> = files.iter().filter_map(File::stuck).collect();
    stuck.sort_unstable();
    stuck.dedup();
    let lag_bytes = files.iter().filter_map(|file| file.lag_bytes).sum();
    let read = ledger.map_or_else(Vec::new, Ledger::followed_journals);
    let of_journal = journals.iter().map(|journal| {
        let read = read.iter().find(|one| one.key == journal.key);
        journal.told(read, now)
    });
    let of_metrics = receivers
        .iter()
        .map(|one| json!({ "kind": one.kind, "source": one.place }));
    let total = files.len() + journals.len() + receivers.len();
    let all = of_journal.chain(files.iter().map(File::told));
    Surveyed {
        sources: all.chain(of_metrics).take(SOURCES_MAX).collect(),
        total,
        lag_bytes,
        stuck,
    }
}

/// A file, looked at.
struct File {
    followed: Followed,
    path: PathBuf,
    size: Option<u64>,
    lag_bytes: Option<u64>,
    lag: Option<Duration>,
    unfinished: bool,
}

impl File {
    fn look(
        followed: Followed,
        finder: &mut Finder<'_, HostFs>,
        now: UnixMillis,
        instant: Instant,
    ) -> Self {
        let found = finder.find(&followed.entry);
        let size = found.as_ref().map(|(_, stat)| stat.shape.size);
        // A file that is shorter than its position was truncated, which the next turn will notice.
        let lag_bytes = size.map(|size| size.saturating_sub(followed.entry.offset));
        let waits = followed.oldest.map(|at| instant.duration_since(at));
        let written = found.as_ref().map(|(_, stat)| stat.shape.written);
        let quiet = written.map(|written| since(written, now));
        let path = found.map_or_else(|| followed.entry.path.clone(), |(path, _)| path);
        let unfinished = match lag_bytes {
            Some(bytes) if bytes > 0 && waits.is_none() => {
                is_unfinished(&path, followed.entry.offset, bytes).unwrap_or(false)
            }
            _ => false,
        };
        let lag = match lag_bytes {
            Some(0) => Some(Duration::ZERO),
            Some(_) if unfinished => Some(Duration::ZERO),
            Some(_) => waits.max(quiet),
            None => waits,
        };
        Self {
            followed,
            path,
            size,
            lag_bytes,
            lag,
            unfinished,
        }
    }

    fn told(&self) -> Value {
        let stream = self.followed.stream.as_ref();
        json!({
            "kind": "file",
            "source": self.path.display().to_string(),
            "group": stream.map(|stream| &*stream.group_name),
            "stream": stream.map(|stream| &*stream.name),
            "state": self.state(),
            "position": self.followed.entry.offset,
            "size": self.size,
            "lag_bytes": self.lag_bytes,
            "lag_seconds": self.lag.map(|lag| lag.as_secs()),
        })
    }

    fn state(&self) -> &'static str {
        match (self.size, self.lag_bytes) {
            (None, _) => "gone",
            _ if self.followed.is_stuck() => "calls_fail",
            (_, Some(0)) => "delivered",
            _ if self.unfinished => "unfinished_line",
            _ => "behind",
        }
    }

    fn stuck(&self) -> Option<String> {
        let stream = self.followed.stream.as_ref()?;
        let named = format!("{}/{}", stream.group_name, stream.name);
        self.followed.is_stuck().then_some(named)
    }
}

impl Journal {
    fn told(&self, read: Option<&FollowedJournal>, now: UnixMillis) -> Value {
        let time = |us: u64| UnixMillis(i64::try_from(us / 1000).unwrap_or(i64::MAX));
        let waits = read.and_then(|read| read.waits_us).map(time);
        let reached = read.and_then(|read| read.position.as_ref());
        let state = match (read, waits) {
            (None, _) => "unread",
            (_, Some(_)) => "behind",
            (_, None) => "delivered",
        };
        let lag = waits.map_or(0, |waits| now.since(waits).as_secs());
        json!({
            "kind": "journald",
            "source": "journal",
            "group": self.group,
            "stream": self.stream,
            "state": state,
            "delivered_to": reached.map(|at| time(at.realtime_us).to_string()),
            "lag_bytes": Value::Null,
            "lag_seconds": read.map(|_| lag),
        })
    }
}

/// The time since a file was written, in nanoseconds since the epoch.
fn since(written: i128, now: UnixMillis) -> Duration {
    let millis = i64::try_from(written / NANOS_PER_MILLI).unwrap_or(i64::MAX);
    now.since(UnixMillis(millis))
}
