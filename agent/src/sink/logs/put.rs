//! One batch, one try: write the request, call, and settle what the answer says.
//!
//! Whether and when to try again is not decided here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use plimsoll_aws::limits::logs::EVENT_OVERHEAD;
use plimsoll_aws::{Action, Error, LogBatch, LogClass, LogsApi, Refused};
use plimsoll_core::logging::message;
use tokio::time::Instant;

use crate::batch::logs::{BODY_BYTES, Batch, INLINE_BYTES_MAX};
use crate::checkpoint::Ledger;
use crate::deadletter::{DeadLetter, DeadLetters};
use crate::health::Health;
use crate::record::Buffers;
use crate::sink::logs::create::Creator;

/// Written requests whose memory waits to be used again: as many as are under way by
/// default, so they add nothing to the peak.
const SPARE_BODIES_MAX: usize = 4;
/// How often a stream is made for one try. More than once only if someone deletes it meanwhile or
/// the service has not noticed yet.
const CREATE_MAX: usize = 2;
/// Single events of one original batch that are refused, before the rest of it is given up: if
/// none of it was ever accepted, the cause is not in the events, and halving a batch of 10,000
/// down to each of them would take 20,000 calls.
const HOPELESS_EVENTS: usize = 16;

/// What a try needs.
#[derive(Debug)]
pub(crate) struct Putter<A> {
    pub(crate) api: Arc<A>,
    pub(crate) creator: Creator,
    pub(crate) encoder: Encoder,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) health: Arc<Health>,
}

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Work {
    /// Tells batches apart.
    pub(crate) number: u64,
    /// The batch, sealed.
    pub(crate) batch: Arc<Batch>,
    /// When its first event came to the sink.
    pub(crate) since: Instant,
    /// Tries that failed.
    pub(crate) failures: u32,
    /// The service asked not to be called before, in its last answer.
    pub(crate) not_before: Option<Instant>,
    /// What the service has answered, if refused events could not be kept yet.
    answered: Option<Answer>,
    family: Arc<Family>,
}

/// What the service said for good, so that the batch must not be sent again.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// It took the batch, but for events outside its window of time.
    Taken(Refused),
    /// It takes none of it.
    Refused,
}

/// What batches have in common that were halved from one.
#[derive(Debug, Default)]
struct Family {
    accepted: AtomicBool,
    refused: AtomicUsize,
}

/// What a try came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every event was accepted or set aside.
    Settled(Work),
    /// Something in it is refused; its halves are to be tried.
    Halved(Work, [Arc<Batch>; 2]),
    /// Try again later.
    Failed(Work, Error),
    /// Events were refused and could not be kept. Try to keep them again later.
    Unkept(Work, io::Error),
}

impl Work {
    /// A batch that was not tried yet.
    pub(crate) fn new(number: u64, batch: Batch, since: Instant) -> Self {
        Self {
            number,
            since,
            batch: Arc::new(batch),
            failures: 0,
            not_before: None,
            answered: None,
            family: Arc::default(),
        }
    }

    /// Whether it was answered before, so that no call is made for it.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// A half of a batch that was refused.
    pub(crate) fn half(&self, number: u64, batch: Arc<Batch>) -> Self {
        Self {
            number,
            since: self.since,
            batch,
            failures: 0,
            not_before: None,
            answered: None,
            family: Arc::clone(&self.family),
        }
    }
}

impl<A: LogsApi> Putter<A> {
    /// One try.
    pub(crate) async fn put(self: Arc<Self>, mut work: Work) -> Outcome {
        if let Some(answer) = work.answered {
            return self.conclude(work, answer).await;
        }
        // Written anew for each try: a request that waited for the next one would hold the bytes of
        // its lines a second time, in an outage for every stream at once.
        let body = self.encoder.encode(&work.batch).await;
        let stream = Arc::clone(work.batch.stream());
        let mut created = 0;
        let error = loop {
            let made = stream.made.load(Ordering::Acquire);
            self.health.calls.add("PutLogEvents", 1);
            match self.api.put_log_events(&body).await {
                Ok(refused) => {
                    self.accepted(&work, refused);
                    return self.conclude(work, Answer::Taken(refused)).await;
                }
                Err(error) if error.action() == Action::SetAside => {
                    return self.refused(work, &error).await;
                }
                Err(error) if error.action() == Action::Create && created < CREATE_MAX => {
                    created += 1;
                    let ensured = self.creator.ensure(&*self.api, &self.health, &stream, made);
                    if let Err(error) = ensured.await {
                        break error;
                    }
                }
                Err(error) => break error,
            }
        };
        work.failures += 1;
        Outcome::Failed(work, error)
    }

    /// Counts a batch that was taken, but for events that lie outside the service's window of time.
    fn accepted(&self, work: &Work, refused: Refused) {
        work.family.accepted.store(true, Ordering::Relaxed);
        let batch = &work.batch;
        let (mut sent, mut billed) = (batch.events(), batch.billed_bytes());
        if refused != Refused::default() {
            for (index, (chunk, line)) in batch.lines().enumerate() {
                if let Some(reason) = reason(refused, index) {
                    sent -= 1;
                    billed -= chunk.billed(line) + EVENT_OVERHEAD;
                    self.health.events_rejected.add(reason, 1);
                }
            }
        }
        self.health.events_sent.add(sent as u64);
        let class = match batch.stream().group.class {
            LogClass::Standard => &self.health.log_bytes_standard,
            LogClass::InfrequentAccess => &self.health.log_bytes_infrequent,
        };
        class.add(billed as u64);
    }

    /// The request was refused as a whole. One event must be the cause, or the whole request.
    async fn refused(&self, work: Work, error: &Error) -> Outcome {
        let (family, events) = (&work.family, work.batch.events());
        let hopeless = !family.accepted.load(Ordering::Relaxed)
            && family.refused.load(Ordering::Relaxed) >= HOPELESS_EVENTS;
        if events > 1 && !hopeless {
            let halves = work.batch.halves().map(Arc::new);
            return Outcome::Halved(work, halves);
        }
        family.refused.fetch_add(events, Ordering::Relaxed);
        if self.health.events_rejected.add("rejected", events as u64) {
            log::error!(
                message_id = message::AGENT_DEAD_LETTER.id;
                "an event is set aside in the dead-letter file: {error}"
            );
        }
        self.conclude(work, Answer::Refused).await
    }

    /// Keeps what was refused, then settles the batch. It never does the second without the first:
    /// a position that moves on must leave nothing behind.
    async fn conclude(&self, mut work: Work, answer: Answer) -> Outcome {
        let none = matches!(answer, Answer::Taken(refused) if refused == Refused::default());
        if !none && let Err(error) = self.set_aside(&work.batch, answer).await {
            if work.answered.replace(answer).is_none() {
                work.failures = 0;
            }
            work.failures += 1;
            return Outcome::Unkept(work, error);
        }
        for span in work.batch.settled() {
            self.ledger
                .acknowledge(span.file, span.from, span.to, span.guard);
        }
        Outcome::Settled(work)
    }

    /// Keeps the events that were refused as dead letters.
    async fn set_aside(&self, batch: &Arc<Batch>, answer: Answer) -> io::Result<()> {
        let (batch, letters) = (Arc::clone(batch), Arc::clone(&self.dead_letters));
        let taps = Arc::clone(&self.health.taps);
        let keep = move || {
            let refused = refused_events(&batch, answer);
            letters.keep(&refused)?;
            taps.refused(&refused);
            Ok(())
        };
        tokio::task::spawn_blocking(keep)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// The refused events of a batch as dead letters, a line each.
fn refused_events(batch: &Batch, answer: Answer) -> String {
    let mut text = String::new();
    for (index, (chunk, line)) in batch.lines().enumerate() {
        let reason = match answer {
            Answer::Taken(refused) => reason(refused, index),
            Answer::Refused => Some("rejected"),
        };
        let Some(reason) = reason else { continue };
        let letter = DeadLetter {
            time: line.time,
            group: &batch.stream().group_name,
            stream: &batch.stream().name,
            file: &chunk.path.to_string_lossy(),
            offset: chunk.offset_of(line),
            reason,
            message: chunk.text(line),
        };
        letter.write(&mut text);
    }
    text
}

/// Writes requests, large ones away from the runtime and one after the other: side by side they
/// would be no sooner done, since the calls wait for the network, and each thread that ever wrote
/// one keeps an arena of the allocator.
#[derive(Debug)]
pub(crate) struct Encoder {
    turn: tokio::sync::Mutex<()>,
    buffers: Arc<Buffers>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            turn: tokio::sync::Mutex::default(),
            buffers: Arc::new(Buffers::new(BODY_BYTES, SPARE_BODIES_MAX)),
        }
    }
}

impl Encoder {
    /// Frees what waits to be used again, when nothing is going on.
    pub(crate) fn rest(&self) {
        self.buffers.keep(0);
    }

    async fn encode(&self, batch: &Arc<Batch>) -> LogBatch {
        if batch.billed_bytes() <= INLINE_BYTES_MAX {
            return batch.encode_in(&self.buffers);
        }
        let _turn = self.turn.lock().await;
        let (shared, buffers) = (Arc::clone(batch), Arc::clone(&self.buffers));
        match tokio::task::spawn_blocking(move || shared.encode_in(&buffers)).await {
            Ok(body) => body,
            Err(_) => batch.encode_in(&self.buffers),
        }
    }
}

/// Why an accepted batch did not take the event at `index`.
pub(crate) fn reason(refused: Refused, index: usize) -> Option<&'static str> {
    let before = |end: Option<usize>| end.is_some_and(|end| index < end);
    if before(refused.too_old_until) {
        Some("too_old")
    } else if before(refused.expired_until) {
        Some("expired")
    } else if refused.too_new_from.is_some_and(|start| index >= start) {
        Some("too_new")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refused_index_has_its_reason() {
        let refused = Refused {
            too_old_until: Some(1),
            expired_until: Some(2),
            too_new_from: Some(3),
        };
        let reasons: Vec<_> = (0..5).map(|index| reason(refused, index)).collect();
        assert_eq!(
            reasons,
            [
                Some("too_old"),
                Some("expired"),
                None,
                Some("too_new"),
                Some("too_new")
            ]
        );
        assert_eq!(reason(Refused::default(), 0), None);
    }
}
