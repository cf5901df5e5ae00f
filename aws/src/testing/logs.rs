//! CloudWatch Logs in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use plimsoll_core::clock::UnixMillis;
use serde::Deserialize;

use super::script::{Script, lock, rejected};
use crate::{Error, LogBatch, LogGroup, LogsApi, Refused};

/// Keeps accepted batches, decoded. [`strict`](Self::strict) ones refuse batches for groups and
/// streams that were not made; others take any.
#[derive(Clone, Debug, Default)]
pub struct FakeLogs(Arc<State>);

#[derive(Debug, Default)]
struct State {
    strict: bool,
    puts: AtomicUsize,
    script: Script<Refused>,
    batches: Mutex<Vec<StoredBatch>>,
    groups: Mutex<BTreeMap<String, LogGroup>>,
    streams: Mutex<BTreeSet<(String, String)>>,
}

/// A batch that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The log group that the body names.
    pub group: String,
    /// The log stream that the body names.
    pub stream: String,
    /// Time and message of each event, in the order of the body.
    pub events: Vec<(UnixMillis, String)>,
    /// What the caller said that it is billed.
    pub billed_bytes: usize,
}

impl FakeLogs {
    /// A fake in which groups and streams must be made before a batch is taken.
    #[must_use]
    pub fn strict() -> Self {
        Self(Arc::new(State {
            strict: true,
            ..State::default()
        }))
    }

    /// Lays down the answer of the next put that has none yet. A scripted `Ok` stores the batch;
    /// a scripted error does not.
    pub fn answer(&self, answer: Result<Refused, Error>) {
        self.0.script.push(Some(answer));
    }

    /// Lets the next put that has no answer yet through, to script the ones after it.
    pub fn answer_by_itself(&self) {
        self.0.script.push(None);
    }

    /// How many puts were made, whatever their answer.
    #[must_use]
    pub fn puts(&self) -> usize {
        self.0.puts.load(Ordering::Relaxed)
    }

    /// All accepted batches in the order of their arrival.
    #[must_use]
    pub fn batches(&self) -> Vec<StoredBatch> {
        lock(&self.0.batches).clone()
    }

    /// All events of one stream in the order of their arrival.
    #[must_use]
    pub fn events(&self, group: &str, stream: &str) -> Vec<(UnixMillis, String)> {
        lock(&self.0.batches)
            .iter()
            .filter(|batch| batch.group == group && batch.stream == stream)
            .flat_map(|batch| batch.events.iter().cloned())
            .collect()
    }

    /// The groups that were made.
    #[must_use]
    pub fn groups(&self) -> Vec<LogGroup> {
        lock(&self.0.groups).values().cloned().collect()
    }

    /// The streams that were made, as (group, stream).
    #[must_use]
    pub fn streams(&self) -> Vec<(String, String)> {
        lock(&self.0.streams).iter().cloned().collect()
    }
}

impl LogsApi for FakeLogs {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        self.0.puts.fetch_add(1, Ordering::Relaxed);
        let refused = self.0.script.next().transpose()?.unwrap_or_default();
        let stored = decode(batch)?;
        let key = (stored.group.clone(), stored.stream.clone());
        if self.0.strict && !lock(&self.0.streams).contains(&key) {
            return Err(Error::NotFound {
                call: "PutLogEvents",
                why: "The specified log group or log stream does not exist.".to_owned(),
            });
        }
        lock(&self.0.batches).push(stored);
        Ok(refused)
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        let mut groups = lock(&self.0.groups);
        if let Some(stored) = groups.get_mut(&group.name) {
            stored.retention_days = group.retention_days;
        } else {
            groups.insert(group.name.clone(), group.clone());
        }
        Ok(())
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        if self.0.strict && !lock(&self.0.groups).contains_key(group) {
            return Err(Error::NotFound {
                call: "CreateLogStream",
                why: "The specified log group does not exist.".to_owned(),
            });
        }
        lock(&self.0.streams).insert((group.to_owned(), stream.to_owned()));
        Ok(())
    }
}

/// Reads the body back. A body that is not what PutLogEvents takes, or that disagrees with the
/// batch around it, is refused like CloudWatch Logs would.
fn decode(batch: &LogBatch) -> Result<StoredBatch, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "logGroupName")]
        group: String,
        #[serde(rename = "logStreamName")]
        stream: String,
        #[serde(rename = "logEvents")]
        events: Vec<Event>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Event {
        timestamp: i64,
        message: String,
    }

    let body: Body = serde_json::from_slice(&batch.body)
        .map_err(|_| rejected("PutLogEvents", "SerializationException"))?;
    let agrees = body.group == *batch.group
        && body.stream == *batch.stream
        && body.events.len() == batch.events;
    if !agrees {
        return Err(rejected("PutLogEvents", "InvalidParameterException"));
    }
    Ok(StoredBatch {
        group: body.group,
        stream: body.stream,
        events: body
            .events
            .into_iter()
            .map(|event| (UnixMillis(event.timestamp), event.message))
            .collect(),
        billed_bytes: batch.billed_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PutLogEventsBody;

    fn batch() -> LogBatch {
        let mut body = PutLogEventsBody::new("g", "s", 0);
        body.push(UnixMillis(5), b"hello");
        LogBatch {
            group: "g".into(),
            stream: "s".into(),
            events: body.events(),
            body: body.finish(),
            billed_bytes: 31,
        }
    }

    #[tokio::test]
    async fn a_strict_fake_takes_a_batch_once_group_and_stream_exist() {
        let logs = FakeLogs::strict();
        let missing = logs.put_log_events(&batch()).await.map_err(|e| e.action());
        assert_eq!(missing, Err(crate::Action::Create));
        assert!(logs.create_log_stream("g", "s").await.is_err());
        let group = LogGroup {
            name: "g".to_owned(),
            ..LogGroup::default()
        };
        logs.create_log_group(&group).await.expect("made");
        logs.create_log_stream("g", "s").await.expect("made");
        logs.put_log_events(&batch()).await.expect("taken");
        assert_eq!(logs.events("g", "s"), [(UnixMillis(5), "hello".to_owned())]);
        assert_eq!(logs.puts(), 2);
    }

    #[tokio::test]
    async fn a_batch_that_disagrees_with_its_body_is_refused() {
        let wrong = LogBatch {
            events: 2,
            ..batch()
        };
        assert!(FakeLogs::default().put_log_events(&wrong).await.is_err());
    }
}
