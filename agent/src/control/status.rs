//! The answer to `status`: all that is known of the agent now, as one object.
//!
//! Fields are added, never renamed: scripts read them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::counter::Counter;
use plimsoll_core::logging::recent;
use plimsoll_ops::protocol::{gather, object};
use plimsoll_ops::status::{self, counts, tally};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::sources::{Surveyed, survey};
use super::verdict::{Facts, reasons};
use super::{Control, Told};
use crate::SERVICE;
use crate::identity::Host;
use crate::sample::as_value;
use crate::signal::SignalRecord;
use crate::{deadletter, spool};

/// How long files may take to be looked at. A file system that hangs must not keep the rest of the
/// answer waiting; whoever asks next waits for the same look.
const LOOK_WAIT: Duration = Duration::from_secs(5);

/// The answer.
pub(super) async fn tell(control: &Arc<Control>) -> Value {
    let told = control.told().clone();
    let looked = look(control, &told).await;
    let recent = recent();
    let signals = signals(control, &told);
    let health = &control.health;
    let oldest = Duration::from_millis(health.oldest_unsent_ms.value());
    let facts = Facts {
        stuck: looked.as_ref().map(|looked| &looked.files.stuck),
        files_hang: looked.is_none(),
        oldest,
        metrics_failures: health.metrics_failures.value(),
        withheld: signals
            .iter()
            .filter_map(|(name, record)| Some((&**name, record.withheld?)))
            .collect(),
    };
    let mut why: Vec<String> = told.configured.reason().into_iter().collect();
    why.extend(reasons(&facts));
    why.extend(status::errors(&recent, SystemClock.now()));
    let uptime = control.begun.elapsed();
    let state_dir = told.state_dir.display().to_string();
    let configuration = told.configured.told(vec![("state_dir", state_dir.into())]);
    let mut fields = status::head(&SERVICE, why, control.started, uptime);
    fields.extend([
        ("configuration", configuration),
        ("identity", identity(&control.known.borrow())),
        ("recent", status::recent(&recent)),
    ]);
    let told_signals = signals.iter().map(|(name, record)| signal(name, record));
    fields.push(("signals", told_signals.collect::<Vec<_>>().into()));
    fields.extend(counters(control));
    fields.extend(stored(looked, &told));
    gather(fields)
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

fn identity(host: &Host) -> Value {
    let of = host.instance.as_ref();
    let text = |text: Option<&String>| text.cloned().into();
    object([
        ("host", text(Some(&host.name))),
        (
            "region",
            text(of.map(|of| &of.region).or(host.region.as_ref())),
        ),
        ("instance_id", text(of.map(|of| &of.instance_id))),
        ("instance_type", text(of.map(|of| &of.instance_type))),
        (
            "availability_zone",
            text(of.map(|of| &of.availability_zone)),
        ),
        ("account_id", text(of.map(|of| &of.account_id))),
        (
            "auto_scaling_group",
            text(of.and_then(|of| of.auto_scaling_group.as_ref())),
        ),
    ])
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
    object([
        ("name", name.into()),
        ("value", record.value.into()),
        (
            "age_seconds",
            age.map(|age| (age * 10.0).round() / 10.0).into(),
        ),
        ("withheld", record.withheld.into()),
        (
            "gaps",
            counts(record.gaps.iter().map(|(reason, count)| (*reason, *count))),
        ),
    ])
}

/// What the agent counts since it started.
fn counters(control: &Control) -> [(&'static str, Value); 6] {
    let health = &control.health;
    let of = |counter: &Counter| counter.value().into();
    let oldest = as_value(health.oldest_unsent_ms.value()) / 1000.0;
    let logs = object([
        ("files", of(&health.files)),
        ("lines_read", of(&health.lines_read)),
        ("bytes_read", of(&health.bytes_read)),
        ("events_sent", of(&health.events_sent)),
        ("events_rejected", tally(&health.events_rejected)),
        ("events_dropped", tally(&health.events_dropped)),
        ("redactions", tally(&health.redactions)),
        ("unsent_bytes", of(&health.queue_bytes)),
        ("oldest_unsent_seconds", oldest.into()),
    ]);
    let metrics = object([
        ("datums_sent", of(&health.datums_sent)),
        ("datums_dropped", tally(&health.datums_dropped)),
        ("series", of(&health.series)),
        ("failures_in_a_row", of(&health.metrics_failures)),
    ]);
    [
        ("logs", logs),
        ("metrics", metrics),
        ("calls", tally(&health.calls)),
        ("retries", of(&health.retries)),
        ("throttles", of(&health.throttles)),
        ("problems", tally(&health.problems)),
    ]
}

/// What waits on the disk, in files and beside them. Without an answer of the files, nothing is
/// told of them.
fn stored(looked: Option<Looked>, told: &Told) -> [(&'static str, Value); 5] {
    let of = |bytes: Option<u64>, bytes_max: u64| {
        object([("bytes", bytes.into()), ("bytes_max", bytes_max.into())])
    };
    let seen = looked.as_ref();
    let spool = seen.map(|looked| looked.spool_bytes);
    let dead = seen.map(|looked| looked.dead_letter_bytes);
    let lag = seen.map(|looked| looked.files.lag_bytes);
    let total = seen.map(|looked| looked.files.total);
    [
        ("spool", of(spool, told.spool_bytes_max)),
        ("dead_letters", of(dead, told.dead_letter_bytes_max)),
        ("sources_total", total.into()),
        ("lag_bytes", lag.into()),
        ("sources", looked.map(|looked| looked.files.sources).into()),
    ]
}
