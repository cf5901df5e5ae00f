//! One batch, one try: write the request, call, and settle what the answer says.
//!
//! Whether and when to try again is not decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use plimsoll_aws::{Action, Error, LogBatch, LogClass, LogsApi, Refused};

use crate::batch::logs::Batch;
use crate::checkpoint::Ledger;
use crate::deadletter::{DeadLetter, DeadLetters};
use crate::health::Health;
use crate::sink::logs::create::Creator;

/// Requests larger than this are written away from the runtime: at one gigabyte a second, this
/// takes less than a tenth of a millisecond.
const INLINE_BYTES_MAX: usize = 64 * 1024;
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
    /// Tries that failed.
    pub(crate) failures: u32,
    family: Arc<Family>,
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
}

impl Work {
    /// A batch that was not tried yet.
    pub(crate) fn new(number: u64, batch: Batch) -> Self {
        Self {
            number,
            batch: Arc::new(batch),
            failures: 0,
            family: Arc::default(),
        }
    }

    /// A half of a batch that was refused.
    pub(crate) fn half(&self, number: u64, batch: Arc<Batch>) -> Self {
        Self {
            number,
            batch,
            failures: 0,
            family: Arc::clone(&self.family),
        }
    }
}

impl<A: LogsApi> Putter<A> {
    /// One try.
    pub(crate) async fn put(self: Arc<Self>, mut work: Work) -> Outcome {
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
                    self.accepted(&work, refused).await;
                    return Outcome::Settled(work);
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

    /// The batch was taken, but for events that lie outside the service's window of time.
    async fn accepted(&self, work: &Work, refused: Refused) {
        work.family.accepted.store(true, Ordering::Relaxed);
        let batch = &work.batch;
        let (mut sent, mut billed) = (0, batch.billed_bytes());
        for (index, (chunk, line)) in batch.lines().enumerate() {
            if refused == Refused::default() {
                sent = batch.events();
                break;
            }
            match reason(refused, index) {
                None => sent += 1,
                Some(_) => {
                    billed -= chunk.billed(line) + plimsoll_aws::limits::logs::EVENT_OVERHEAD;
                }
            }
        }
        self.health.events_sent.add(sent as u64);
        let class = match batch.stream().group.class {
            LogClass::Standard => &self.health.log_bytes_standard,
            LogClass::InfrequentAccess => &self.health.log_bytes_infrequent,
        };
        class.add(billed as u64);
        if sent < batch.events() {
            self.set_aside(batch, move |index| reason(refused, index))
                .await;
        }
        self.settle(batch);
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
        if self.set_aside(&work.batch, |_| Some("rejected")).await {
            log::error!("an event was set aside in the dead-letter file: {error}");
        }
        self.settle(&work.batch);
        Outcome::Settled(work)
    }

    /// Keeps the events that have a reason as dead letters. Says whether one of the reasons is new.
    async fn set_aside(
        &self,
        batch: &Arc<Batch>,
        reason: impl Fn(usize) -> Option<&'static str> + Send + 'static,
    ) -> bool {
        let (batch, letters) = (Arc::clone(batch), Arc::clone(&self.dead_letters));
        let health = Arc::clone(&self.health);
        let keep = move || {
            let mut text = String::new();
            let mut new = false;
            for (index, (chunk, line)) in batch.lines().enumerate() {
                let Some(reason) = reason(index) else {
                    continue;
                };
                new |= health.events_rejected.add(reason, 1);
                let letter = DeadLetter {
                    time: line.time,
                    group: &batch.stream().group_name,
                    stream: &batch.stream().name,
                    file: &chunk.path.to_string_lossy(),
                    offset: chunk.offset + u64::from(line.start.saturating_sub(chunk.lead)),
                    reason,
                    message: chunk.text(line),
                };
                letter.write(&mut text);
            }
            letters.keep(&text);
            new
        };
        tokio::task::spawn_blocking(keep).await.unwrap_or(true)
    }

    fn settle(&self, batch: &Batch) {
        for span in batch.settled() {
            self.ledger
                .acknowledge(span.file, span.from, span.to, span.guard);
        }
    }
}

/// Writes requests, large ones away from the runtime and one after the other: side by side they
/// would be no sooner done, since the calls wait for the network, and each thread that ever wrote
/// one keeps an arena of the allocator.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    turn: tokio::sync::Mutex<()>,
}

impl Encoder {
    async fn encode(&self, batch: &Arc<Batch>) -> LogBatch {
        if batch.billed_bytes() <= INLINE_BYTES_MAX {
            return batch.encode();
        }
        let _turn = self.turn.lock().await;
        let shared = Arc::clone(batch);
        match tokio::task::spawn_blocking(move || shared.encode()).await {
            Ok(body) => body,
            Err(_) => batch.encode(),
        }
    }
}

/// Why an accepted batch did not take the event at `index`.
fn reason(refused: Refused, index: usize) -> Option<&'static str> {
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
