//! Messages of an SQS queue: files in S3 that it tells of, and events that it carries.
//!
//! A message is deleted when the effects of everything it stands for are stored, and not before.
//! What becomes of a message that cannot be handled depends on whether waiting may help:
//! - the service is busy or away, or access is denied: the message stays, comes back after the
//!   queue's visibility timeout, and goes to the queue's dead-letter queue in the end if it has one;
//! - the message cannot be understood, or the object does not exist or is too large: it is kept
//!   aside in the state with the reason, and deleted, because no later try can end differently.
//!
//! A message that comes twice costs nothing: objects that were read are remembered, events and
//! findings are recognised by their ids.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::limits::queue::WAIT_MAX;
use plimsoll_aws::{Action, Error, ObjectsApi, QueueApi, QueueMessage};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::counter::Tally;
use plimsoll_core::logging::message;
use plimsoll_core::shutdown::Shutdown;

use super::directory::{Ended, Format, read_bytes};
use super::envelope::{Contents, Object, open};
use super::json::sample;
use super::{
    Closed, Gather, Outlet, Problem, Progress, Reason, Unit, activity, cloudtrail, guardduty,
};
use crate::health::Pulse;
use crate::signal::Signal;
use crate::state::State;

/// How long to wait after a denied call: a person has to act, and each try is billed.
const DENIED_WAIT: Duration = Duration::from_mins(1);

/// The source.
#[derive(Debug)]
pub struct QueueSource<Q, O> {
    url: String,
    queue: Arc<Q>,
    objects: Arc<O>,
    state: Arc<State>,
    outlet: Outlet,
    failures: Arc<Tally>,
    pulse: Arc<Pulse>,
    rng: fastrand::Rng,
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Everything it stands for is stored.
    Delete,
    /// It must come back; the wait says how long to leave the service alone.
    Leave(Error),
}

/// What became of the messages of one answer.
#[derive(Debug, Default)]
struct Batch {
    /// How many are done and deleted.
    handled: usize,
    /// The last failure.
    failed: Option<Error>,
}

impl<Q: QueueApi, O: ObjectsApi> QueueSource<Q, O> {
    /// Reads the queue at `url`. Failed calls are counted in `failures` by reason; `pulse` feels both.
    #[must_use]
    pub fn new(
        url: String,
        queue: Arc<Q>,
        objects: Arc<O>,
        state: Arc<State>,
        outlet: Outlet,
        failures: Arc<Tally>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            url,
            queue,
            objects,
            state,
            outlet,
            failures,
            pulse,
            rng: fastrand::Rng::new(),
        }
    }

    /// Reads until it is asked to stop. A message under way is finished first.
    ///
    /// # Errors
    /// See [`Ended`].
    pub async fn run(mut self, mut shutdown: Shutdown) -> Result<(), Ended> {
        let mut attempt = 0;
        loop {
            let received = tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                received = self.queue.receive(&self.url, WAIT_MAX) => received,
            };
            let batch = match received {
                Ok(messages) => self.messages(messages, &shutdown).await?,
                Err(error) => Batch {
                    failed: Some(error),
                    ..Batch::default()
                },
            };
            let Some(error) = batch.failed else {
                attempt = 0;
                self.pulse.worked();
                continue;
            };
            let wait = self.note(&error, attempt);
            if batch.handled > 0 {
                // The service answers: what failed comes back by itself, and the rest goes on.
                attempt = 0;
                continue;
            }
            attempt = attempt.saturating_add(1);
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Handles what was received.
    async fn messages(
        &self,
        messages: Vec<QueueMessage>,
        shutdown: &Shutdown,
    ) -> Result<Batch, Ended> {
        let mut batch = Batch::default();
        for message in messages {
            if shutdown.is_requested() {
                // The rest of the answer comes back to whoever reads the queue next.
                return Ok(Batch::default());
            }
            match self.message(&message).await? {
                Verdict::Leave(error) => batch.failed = Some(error),
                Verdict::Delete => match self.queue.delete(&self.url, &message.receipt).await {
                    Ok(()) => batch.handled += 1,
                    Err(error) => batch.failed = Some(error),
                },
            }
        }
        Ok(batch)
    }

    /// Counts and tells a failure, and says how long to wait.
    fn note(&mut self, error: &Error, attempt: u32) -> Duration {
        self.failures.add(error.reason(), 1);
        self.pulse.failed(error);
        match error.action() {
            Action::RetryLater => {
                log::warn!(queue:% = self.url; "a call failed and is repeated: {error}");
                Backoff::default().delay(attempt, &mut self.rng)
            }
            Action::Create | Action::AskForPermission | Action::SetAside => {
                log::error!(message_id = message::COLLECTOR_QUEUE_UNREAD.id, queue:% = self.url; "the queue or its objects cannot be read: {error}");
                DENIED_WAIT
            }
        }
    }

    async fn message(&self, message: &QueueMessage) -> Result<Verdict, Ended> {
        let origin = format!("{} message {}", self.url, message.id);
        match open(&message.body) {
            Contents::Objects(objects) => {
                for object in objects {
                    if let Verdict::Leave(error) = self.object(object).await? {
                        return Ok(Verdict::Leave(error));
                    }
                }
            }
            Contents::Record(record) => {
                let read = activity::read(record).map(|read| Signal::Activity(Box::new(read)));
                self.event(read, &origin, &message.body).await?;
            }
            Contents::Finding(finding) => {
                let read = guardduty::finding(finding).map(|read| Signal::Finding(Box::new(read)));
                self.event(read, &origin, &message.body).await?;
            }
            Contents::Nothing(reason) => {
                let skipped = BTreeMap::from([(reason, 1)]);
                let unit = Unit {
                    skipped,
                    ..Unit::default()
                };
                self.outlet.submit(unit).await?;
            }
            Contents::Unknown(why) => {
                let read = Err((Reason::UnknownShape, why));
                self.event(read, &origin, &message.body).await?;
            }
        }
        Ok(Verdict::Delete)
    }

    /// Hands over the one signal of a message, or why there is none.
    async fn event(
        &self,
        read: Result<Signal, (Reason, String)>,
        origin: &str,
        body: &str,
    ) -> Result<(), Closed> {
        let mut unit = Unit::default();
        match read {
            Ok(signal) => unit.signals.push(signal),
            Err((reason, detail)) => unit.problems.push(Problem {
                reason,
                origin: origin.to_owned(),
                place: String::new(),
                detail,
                sample: sample(body).to_owned(),
            }),
        }
        self.outlet.submit(unit).await
    }

    /// Reads an object, unless that was done before.
    async fn object(&self, object: Object) -> Result<Verdict, Ended> {
        let Object { bucket, key } = object;
        let origin = format!("s3://{bucket}/{key}");
        if cloudtrail::holds_no_records(&key) {
            let mut unit = Unit::default();
            unit.skipped.insert("no_records", 1);
            self.outlet.submit(unit).await?;
            return Ok(Verdict::Delete);
        }
        let (asked_bucket, asked_key) = (bucket.clone(), key.clone());
        let done = self
            .state
            .run(move |tx| tx.object_is_done(&asked_bucket, &asked_key))
            .await?;
        if done {
            return Ok(Verdict::Delete);
        }
        let progress = Progress::Object {
            bucket: bucket.clone(),
            key: key.clone(),
        };
        // The turn is taken before the object is: waiting ones are not in memory.
        let turn = self.outlet.turn().await?;
        match self.objects.get_object(&bucket, &key).await {
            Ok(bytes) => {
                let outlet = self.outlet.clone();
                tokio::task::spawn_blocking(move || {
                    let mut gather = Gather::new(&outlet);
                    read_bytes(&bytes, format_of(&key), &origin, &mut gather)?;
                    gather.progress(progress);
                    gather.flush()
                })
                .await
                .map_err(|_| Ended::Interrupted)??;
                drop(turn);
                Ok(Verdict::Delete)
            }
            Err(error) => match error.action() {
                Action::RetryLater | Action::AskForPermission => Ok(Verdict::Leave(error)),
                Action::Create | Action::SetAside => {
                    self.set_aside(origin, &error, progress).await?;
                    Ok(Verdict::Delete)
                }
            },
        }
    }

    /// Keeps the place of an object aside that no later try can read.
    async fn set_aside(
        &self,
        origin: String,
        error: &Error,
        progress: Progress,
    ) -> Result<(), Closed> {
        let reason = match error.action() {
            Action::Create => Reason::Missing,
            _ => Reason::Unreadable,
        };
        let problem = Problem {
            reason,
            origin,
            place: String::new(),
            detail: error.to_string(),
            sample: String::new(),
        };
        let unit = Unit {
            problems: vec![problem],
            progress: vec![progress],
            ..Unit::default()
        };
        self.outlet.submit(unit).await
    }
}

/// What an object holds, by its key. GuardDuty exports into a tree of its own.
/// Source: Amazon GuardDuty user guide, "Exporting findings to Amazon S3".
fn format_of(key: &str) -> Format {
    if key.split('/').any(|part| part == "GuardDuty") {
        Format::GuardDuty
    } else {
        Format::CloudTrail
    }
}

#[cfg(test)]
mod tests;
