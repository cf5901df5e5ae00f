//! Where data enters, and how far each source is behind.
//!
//! Looking at files blocks, so it is done away from the runtime. A file is behind by the bytes
//! beyond its position, and since the oldest line was read that is not settled; where nothing was
//! read yet, at least since the file was last written. A line without its end is not late.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use plimsoll_ops::protocol::object;
use serde_json::Value;
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
    pub(super) stuck: BTreeSet<String>,
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
    let files: Vec<File> = followed
        .into_iter()
        .map(|one| File::look(one, &mut finder, now, instant))
        .collect();
    let stuck: BTreeSet<String> = files.iter().filter_map(File::stuck).collect();
    let lag_bytes = files.iter().filter_map(|file| file.lag_bytes).sum();
    let read = ledger.map_or_else(Vec::new, Ledger::followed_journals);
    let of_journal = journals.iter().map(|journal| {
        let read = read.iter().find(|one| one.key == journal.key);
        journal.told(read, now)
    });
    let of_metrics = receivers.iter().map(|one| {
        object([
            ("kind", one.kind.into()),
            ("source", one.place.clone().into()),
        ])
    });
    let total = files.len() + journals.len() + receivers.len();
    let all = of_journal.chain(most_behind(&files).map(File::told));
    Surveyed {
        sources: all.chain(of_metrics).take(SOURCES_MAX).collect(),
        total,
        lag_bytes,
        stuck,
    }
}

/// Those first that are the most behind: by seconds, then by bytes. Numbers are sorted rather than
/// files, since each kind of thing that is sorted costs twenty kilobytes of program.
fn most_behind(files: &[File]) -> impl Iterator<Item = &File> {
    let key = |(index, file): (usize, &File)| {
        let seconds = file
            .lag
            .map_or(0, |lag| lag.as_secs().min(u64::from(u32::MAX)));
        let bytes = file.lag_bytes.unwrap_or(0);
        let forward = u128::from(seconds) << 96 | u128::from(bytes) << 32;
        // Of two that are equal the older one comes first.
        forward | u128::from(u32::MAX - u32::try_from(index).unwrap_or(u32::MAX))
    };
    let mut keys: Vec<u128> = files.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    let index = |key: u128| {
        let index = u32::try_from(key & u128::from(u32::MAX)).unwrap_or(u32::MAX);
        files.get((u32::MAX - index) as usize)
    };
    keys.into_iter().rev().filter_map(index)
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
        object([
            ("kind", "file".into()),
            ("source", self.path.display().to_string().into()),
            ("group", stream.map(|stream| &*stream.group_name).into()),
            ("stream", stream.map(|stream| &*stream.name).into()),
            ("state", self.state().into()),
            ("position", self.followed.entry.offset.into()),
            ("size", self.size.into()),
            ("lag_bytes", self.lag_bytes.into()),
            ("lag_seconds", self.lag.map(|lag| lag.as_secs()).into()),
        ])
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
        let reached = reached.map(|at| time(at.realtime_us).to_string());
        object([
            ("kind", "journald".into()),
            ("source", "journal".into()),
            ("group", self.group.clone().into()),
            ("stream", self.stream.clone().into()),
            ("state", state.into()),
            ("delivered_to", reached.into()),
            ("lag_bytes", Value::Null),
            ("lag_seconds", read.map(|_| lag).into()),
        ])
    }
}

/// The time since a file was written, in nanoseconds since the epoch.
fn since(written: i128, now: UnixMillis) -> Duration {
    let millis = i64::try_from(written / NANOS_PER_MILLI).unwrap_or(i64::MAX);
    now.since(UnixMillis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Cursor, Snapshot};
    use crate::config::Config;
    use crate::fs::LogFs;
    use crate::record::{Guard, Stream};
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    fn text(source: &Value, name: &str) -> String {
        source[name].as_str().unwrap_or("-").to_owned()
    }

    #[test]
    fn files_are_told_by_what_they_lack_those_first_that_are_the_most_behind() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(Snapshot::default());
        let group = plimsoll_aws::LogGroup {
            name: "g".to_owned(),
            ..plimsoll_aws::LogGroup::default()
        };
        let stream = Arc::new(Stream::new(1, group.clone(), "s"));
        let stuck = Arc::new(Stream::new(2, group, "stuck"));
        stuck.stuck.store(true, Ordering::Relaxed);
        let read = Instant::now();
        let follow = |name: &str, content: &str, offset: u64, stream: &Arc<Stream>| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            let identity = HostFs.stat(&path).unwrap().identity;
            let id = ledger.open(identity, &path, offset, Guard::default());
            ledger.sends_to(id, stream);
            id
        };
        follow("all", "one\n", 4, &stream);
        follow("rest", "one\ntw", 4, &stream);
        let behind = follow("behind", "one\ntwo\n", 4, &stream);
        ledger.read(behind, 8, &stream, read);
        let fails = follow("fails", "one\ntwo\nthree\n", 0, &stuck);
        ledger.read(fails, 4, &stuck, read - Duration::from_mins(1));
        follow("gone", "one\n", 4, &stream);
        std::fs::remove_file(directory.path().join("gone")).unwrap();
        std::fs::rename(directory.path().join("all"), directory.path().join("all.1")).unwrap();

        let instant = read + Duration::from_secs(10);
        let surveyed = survey(Some(&ledger), &[], &[], (UnixMillis(0), instant));
        let told: Vec<_> = surveyed
            .sources
            .iter()
            .map(|one| {
                let source = text(one, "source");
                let name = source.rsplit('/').next().unwrap_or_default().to_owned();
                (
                    name,
                    text(one, "state"),
                    one["lag_bytes"].as_u64(),
                    one["lag_seconds"].as_u64(),
                )
            })
            .collect();
        let row = |name: &str, state: &str, bytes, seconds| {
            (name.to_owned(), state.to_owned(), bytes, seconds)
        };
        assert_eq!(
            told,
            [
                row("fails", "calls_fail", Some(14), Some(70)),
                row("behind", "behind", Some(4), Some(10)),
                row("rest", "unfinished_line", Some(2), Some(0)),
                row("all.1", "delivered", Some(0), Some(0)),
                row("gone", "gone", None, None),
            ]
        );
        assert_eq!((surveyed.total, surveyed.lag_bytes), (5, 20));
        assert_eq!(surveyed.stuck, BTreeSet::from(["g/stuck".to_owned()]));
        assert_eq!(text(&surveyed.sources[0], "group"), "g");
    }

    #[test]
    fn a_journal_is_behind_while_entries_wait_for_an_answer() {
        let ledger = Ledger::new(Snapshot::default());
        let names = [Journal {
            key: 7,
            group: "g".to_owned(),
            stream: "s".to_owned(),
        }];
        let told = || {
            let now = (UnixMillis(60_000), Instant::now());
            let source = survey(Some(&ledger), &names, &[], now).sources.remove(0);
            let lag = source["lag_seconds"].as_u64();
            (text(&source, "state"), text(&source, "delivered_to"), lag)
        };
        let state = |state: &str, to: &str, lag| (state.to_owned(), to.to_owned(), lag);
        assert_eq!(told(), state("unread", "-", None));
        let (id, _) = ledger.follow_journal(7);
        let cursor = |realtime_us| Cursor {
            boot: 1,
            realtime_us,
            text: "c".to_owned(),
        };
        ledger.mark(id, 2, cursor(50_000_000));
        assert_eq!(told(), state("behind", "-", Some(10)));
        ledger.acknowledge(id, 0, 2, Guard::default());
        assert_eq!(
            told(),
            state("delivered", "1970-01-01T00:00:50.000Z", Some(0))
        );
    }

    #[test]
    fn receivers_are_told_without_the_query_of_their_url() {
        let config = "[metrics]\n[metrics.statsd]\nsocket = \"/run/s.sock\"\n[metrics.collectd]\n\
                      [metrics.emf]\ntcp = \"127.0.0.1:25888\"\n[metrics.otlp]\n\
                      [[metrics.prometheus]]\nurl = \"http://127.0.0.1:9/metrics?key=secret\"\n";
        let config = Config::from_text("agent.toml", config).unwrap();
        let receivers = receivers(&config.metrics.unwrap());
        let told: Vec<_> = receivers
            .iter()
            .map(|one| format!("{} {}", one.kind, one.place))
            .collect();
        assert_eq!(
            told,
            [
                "statsd /run/s.sock",
                "collectd 127.0.0.1:25826",
                "emf tcp 127.0.0.1:25888",
                "otlp 127.0.0.1:4318",
                "prometheus 127.0.0.1:9/metrics",
            ]
        );
    }
}
