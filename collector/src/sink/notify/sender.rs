//! Sends what is written down, oldest first, and marks it.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Action, Error, NotifyApi};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::counter::{Counter, Tally};
use plimsoll_core::logging::message;
use tokio::sync::mpsc;

use super::notification;
use crate::health::Pulse;
use crate::state::{State, StateError, Tx, Waiting};

/// The longest wait between two tries of one notification. An incident is no less urgent because
/// the topic was away for an hour.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// The shortest. A zero wait would try again in the same pass.
const WAIT_MIN: Duration = Duration::from_millis(200);
/// How long to wait when someone has to act first: make the topic, or allow the call.
const DENIED_WAIT: Duration = Duration::from_mins(1);
/// How often to look for what is due when nothing new was announced.
const LOOK: Duration = Duration::from_secs(1);
/// How long sending may go on after the last input, at the end of the program.
const DRAIN: Duration = Duration::from_secs(10);

/// What became of one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Accepted by SNS.
    pub sent: u64,
    /// Put off.
    pub put_off: u64,
    /// Never to be tried again.
    pub refused: u64,
}

/// Sends notifications. Holds one at a time in memory.
#[derive(Debug)]
pub struct Notifier<N> {
    api: N,
    state: Arc<State>,
    clock: Arc<dyn Clock>,
    sent: Arc<Counter>,
    failures: Arc<Tally>,
    pulse: Arc<Pulse>,
    rng: fastrand::Rng,
}

impl<N: NotifyApi> Notifier<N> {
    /// A notifier over `state`. Accepted notifications are counted in `sent`, failed calls in
    /// `failures` by reason; `pulse` feels both.
    #[must_use]
    pub fn new(
        api: N,
        state: Arc<State>,
        clock: Arc<dyn Clock>,
        sent: Arc<Counter>,
        failures: Arc<Tally>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            api,
            state,
            clock,
            sent,
            failures,
            pulse,
            rng: fastrand::Rng::new(),
        }
    }

    /// Sends whatever is due, whenever `announced` says that something was written down, and
    /// while something waits. Ends when the other side of `announced` is gone, after one more
    /// attempt at what is left.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn run(mut self, mut announced: mpsc::Receiver<()>) -> Result<(), StateError> {
        loop {
            self.pass().await?;
            tokio::select! {
                more = announced.recv() => if more.is_none() { break },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.drain(DRAIN).await.map(drop)
    }

    /// Sends until nothing waits or `within` has passed; gives how many are left.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn drain(&mut self, within: Duration) -> Result<u64, StateError> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            self.pass().await?;
            let left = self.state.run(|tx: &Tx<'_>| tx.letters_waiting()).await?;
            if left == 0 || tokio::time::Instant::now() + WAIT_MIN >= deadline {
                return Ok(left);
            }
            tokio::time::sleep(WAIT_MIN).await;
        }
    }

    /// Sends everything that is due now.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn pass(&mut self) -> Result<Sent, StateError> {
        let mut done = Sent::default();
        loop {
            let now = self.clock.now();
            let Some(waiting) = self.state.run(move |tx| tx.next_letter(now)).await? else {
                return Ok(done);
            };
            self.send(waiting, &mut done).await?;
        }
    }

    async fn send(&mut self, waiting: Waiting, done: &mut Sent) -> Result<(), StateError> {
        let Waiting {
            number,
            letter,
            attempts,
        } = waiting;
        let published = match notification(&letter) {
            Ok(notification) => self.api.publish(&letter.topic, &notification).await,
            Err(error) => Err(Error::Rejected {
                call: "Publish",
                code: "Unreadable".to_owned(),
                why: error.to_string(),
            }),
        };
        let now = self.clock.now();
        let Err(error) = published else {
            done.sent += 1;
            self.pulse.worked();
            self.sent.add(1);
            log::info!(incident:% = letter.incident, severity:% = letter.severity; "a notification was sent");
            return self.state.run(move |tx| tx.letter_sent(number, now)).await;
        };
        self.failures.add(error.reason(), 1);
        self.pulse.failed(&error);
        let Some(wait) = self.wait(&error, attempts) else {
            done.refused += 1;
            log::error!(message_id = message::COLLECTOR_UNTOLD.id, incident:% = letter.incident; "a notification was refused for good: {error}");
            return self
                .state
                .run(move |tx| tx.letter_refused(number, now))
                .await;
        };
        done.put_off += 1;
        log::warn!(incident:% = letter.incident; "a notification waits and is sent again: {error}");
        let until: UnixMillis = now + wait;
        self.state
            .run(move |tx| tx.letter_later(number, until))
            .await
    }

    /// How long to wait before the next try; `None` when there must be none.
    fn wait(&mut self, error: &Error, attempts: u32) -> Option<Duration> {
        match error.action() {
            Action::RetryLater => {
                let drawn = Backoff::default().delay(attempts, &mut self.rng);
                Some(drawn.clamp(WAIT_MIN, WAIT_MAX))
            }
            Action::Create | Action::AskForPermission => Some(DENIED_WAIT),
            Action::SetAside => None,
        }
    }
}
