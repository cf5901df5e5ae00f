//! The answer to `status`: all that is known of the agent now, as one object.
//!
//! Fields are added, never renamed: scripts read them. Nothing of the credentials is in it, and
//! every text that came from elsewhere has its secrets masked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::counter::Tally;
use plimsoll_core::logging::{Spoken, recent, scrub};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::sources::{Surveyed, survey};
use super::verdict::{Facts, reasons};
use super::{Control, Told, VERSION};
use crate::identity::Host;
use crate::sample::as_value;
use crate::scraper::{CLOCK_TICKS_PER_SECOND, processor_ticks, resident_bytes};
use crate::signal::SignalRecord;
use crate::{deadletter, spool};

/// How long files may take to be looked at. A file system that hangs must not keep the rest of the
/// answer waiting; whoever asks next waits for the same look.
const LOOK_WAIT: Duration = Duration::from_secs(5);

/// The answer.
pub(super) async fn tell(control: &Arc<Control>) -> Value {
    let told = control.told().clone();
    let looked = look(control, &told).await;
    let now = SystemClock.now();
    let recent = recent();
    let signals = signals(control, &told);
    let health = &control.health;
    let oldest = Duration::from_millis(health.oldest_unsent_ms.value());
    let facts = Facts {
        refused: told.refused.as_ref().map(|refused| refused.at),
        stuck: looked.as_ref().map_or(&[], |looked| &looked.files.stuck),
        files_hang: looked.is_none(),
        oldest,
        metrics_failures: health.metrics_failures.value(),
        withheld: signals
            .iter()
            .filter_map(|(name, record)| Some((&**name, record.withheld?)))
            .collect(),
        recent: &recent,
    };
    let why = reasons(&facts, now);
    let uptime = control.begun.elapsed();
    let mut answer = json!({
        "v": VERSION,
        "health": if why.is_empty() { "ok" } else { "degraded" },
        "why": why,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "now": now.to_string(),
        "started": control.started.to_string(),
        "uptime_seconds": uptime.as_secs(),
        "uptime_ms": u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
        "configuration": configuration(&told),
        "identity": identity(&control.known.borrow()),
        "signals": signals.iter().map(|(name, record)| signal(name, record)).collect::<Vec<_>>(),
        "process": process(uptime),
        "recent": recent.iter().map(spoken).collect::<Vec<_>>(),
    });
    if let Value::Object(fields) = &mut answer {
        fields.extend(counters(control));
        fields.extend(stored(looked, &told));
    }
    answer
}

/// What the disk says.
struct Looked {
    files: Surveyed,
    spool_bytes: u64,
    dead_letter_bytes: u64,
}

/// Looks at files, or `None` if they do not answer.
async fn look(control: &Control, told: &Told) -> Option<Looked> {
    let (told, time) = (told.clone(), (SystemClock.now(), Instant::now()));
    let looking = Arc::clone(&control.looking);
    timeout(LOOK_WAIT, async move {
        let permit = looking.acquire_owned().await.ok()?;
        let look = move || {
            let _permit = permit;
            let directory = &told.state_dir;
            Looked {
                files: survey(
                    told.ledger.as_deref(),
                    &told.journals,
                    &told.receivers,
                    time,
                ),
                spool_bytes: bytes_in(&directory.join(spool::DIRECTORY)),
                dead_letter_bytes: deadletter::bytes(directory),
            }
        };
        tokio::task::spawn_blocking(look).await.ok()
    })
    .await
    .ok()
    .flatten()
}

/// The files of a directory, in bytes; zero if it is not there.
fn bytes_in(directory: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(directory) else {
        return 0;
    };
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum()
}

fn configuration(told: &Told) -> Value {
    let refused = told.refused.as_ref();
    json!({
        "file": told.file.as_ref().map(|file| file.display().to_string()),
        "state_dir": told.state_dir.display().to_string(),
        "loaded": told.loaded.to_string(),
        "reloads": told.reloads,
        "refused": refused.map(|refused| json!({
            "at": refused.at.to_string(),
            "mistakes": refused.mistakes,
        })),
    })
}

fn identity(host: &Host) -> Value {
    let of = host.instance.as_ref();
    json!({
        "host": host.name,
        "region": of.map(|of| &of.region).or(host.region.as_ref()),
        "instance_id": of.map(|of| &of.instance_id),
        "instance_type": of.map(|of| &of.instance_type),
        "availability_zone": of.map(|of| &of.availability_zone),
        "account_id": of.map(|of| &of.account_id),
        "auto_scaling_group": of.and_then(|of| of.auto_scaling_group.as_ref()),
    })
}

/// All signals that are configured, also those of which nothing was heard.
fn signals(control: &Control, told: &Told) -> Vec<(Arc<str>, SignalRecord)> {
    let mut records = control.health.signals.records();
    let names = told.signals.iter();
    names
        .map(|name| (Arc::clone(name), records.remove(name).unwrap_or_default()))
        .collect()
}

fn signal(name: &str, record: &SignalRecord) -> Value {
    let age = record.taken.map(|taken| taken.elapsed().as_secs_f64());
    json!({
        "name": name,
        "value": record.value,
        "age_seconds": age.map(|age| (age * 10.0).round() / 10.0),
        "withheld": record.withheld,
        "gaps": record.gaps,
    })
}

fn tally(tally: &Tally) -> Value {
    let counts: BTreeMap<&str, u64> = tally.snapshot().into_iter().collect();
    json!(counts)
}

/// What the agent counts since it started.
fn counters(control: &Control) -> [(String, Value); 6] {
    let health = &control.health;
    [
        (
            "logs",
            json!({
                "files": health.files.value(),
                "lines_read": health.lines_read.value(),
                "bytes_read": health.bytes_read.value(),
                "events_sent": health.events_sent.value(),
                "events_rejected": tally(&health.events_rejected),
                "events_dropped": tally(&health.events_dropped),
                "redactions": tally(&health.redactions),
                "unsent_bytes": health.queue_bytes.value(),
                "oldest_unsent_seconds": as_value(health.oldest_unsent_ms.value()) / 1000.0,
            }),
        ),
        (
            "metrics",
            json!({
                "datums_sent": health.datums_sent.value(),
                "datums_dropped": tally(&health.datums_dropped),
                "series": health.series.value(),
                "failures_in_a_row": health.metrics_failures.value(),
            }),
        ),
        ("calls", tally(&health.calls)),
        ("retries", health.retries.value().into()),
        ("throttles", health.throttles.value().into()),
        ("problems", tally(&health.problems)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// What waits on the disk, in files and beside them. Without an answer of the files, nothing is
/// told of them.
fn stored(looked: Option<Looked>, told: &Told) -> [(String, Value); 5] {
    let (spool, dead) = match &looked {
        Some(looked) => (Some(looked.spool_bytes), Some(looked.dead_letter_bytes)),
        None => (None, None),
    };
    let (total, lag) = match &looked {
        Some(looked) => (Some(looked.files.total), Some(looked.files.lag_bytes)),
        None => (None, None),
    };
    [
        (
            "spool",
            json!({ "bytes": spool, "bytes_max": told.spool_bytes_max }),
        ),
        (
            "dead_letters",
            json!({ "bytes": dead, "bytes_max": told.dead_letter_bytes_max }),
        ),
        ("sources_total", json!(total)),
        ("lag_bytes", json!(lag)),
        (
            "sources",
            looked.map_or(Value::Null, |looked| looked.files.sources.into()),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// Memory and processor time of this process.
fn process(uptime: Duration) -> Value {
    let read = |name| std::fs::read_to_string(Path::new("/proc/self").join(name)).ok();
    let worked = read("stat").and_then(|stat| processor_ticks(&stat));
    let worked = worked.map(|ticks| as_value(ticks) / CLOCK_TICKS_PER_SECOND);
    let percent = worked.map(|worked| {
        let percent = worked * 100.0 / uptime.as_secs_f64().max(1.0);
        (percent * 100.0).round() / 100.0
    });
    json!({
        "resident_bytes": read("status").and_then(|status| resident_bytes(&status)),
        "cpu_seconds": worked,
        "cpu_percent": percent,
    })
}

fn spoken(one: &Spoken) -> Value {
    json!({
        "level": one.level.as_str().to_ascii_lowercase(),
        "first": one.first.to_string(),
        "last": one.last.to_string(),
        "count": one.count,
        "text": scrub(&one.text),
    })
}
