//! A queue in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::script::{Script, lock};
use crate::{Error, QueueApi, QueueMessage, limits};

/// One queue, whatever URL it is asked by. A message that was received stays hidden until
/// [`redeliver`](Self::redeliver) plays the end of the visibility timeout.
#[derive(Clone, Debug, Default)]
pub struct FakeQueue(Arc<State>);

#[derive(Debug, Default)]
struct State {
    script: Script<()>,
    messages: Mutex<Vec<Entry>>,
    sent: Mutex<usize>,
    deleted: Mutex<Vec<String>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Entry {
    id: String,
    body: String,
    deliveries: usize,
    hidden: bool,
}

impl FakeQueue {
    /// Sends a message; gives its id.
    #[expect(clippy::must_use_candidate, reason = "a test rarely needs the id")]
    pub fn send(&self, body: &str) -> String {
        let mut sent = lock(&self.0.sent);
        *sent += 1;
        let id = format!("message-{}", *sent);
        lock(&self.0.messages).push(Entry {
            id: id.clone(),
            body: body.to_owned(),
            deliveries: 0,
            hidden: false,
        });
        self.0.arrived.notify_waiters();
        id
    }

    /// Lays down the answer of the next receive that has none yet.
    pub fn answer(&self, answer: Result<(), Error>) {
        self.0.script.push(Some(answer));
    }

    /// Shows again whatever was received but not deleted.
    pub fn redeliver(&self) {
        for entry in lock(&self.0.messages).iter_mut() {
            entry.hidden = false;
        }
        self.0.arrived.notify_waiters();
    }

    /// How many messages are left, hidden or not.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0.messages).len()
    }

    /// Whether no message is left, hidden or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of deleted messages, in order.
    #[must_use]
    pub fn deleted(&self) -> Vec<String> {
        lock(&self.0.deleted).clone()
    }

    /// Hides and gives up to ten visible messages.
    fn take(&self) -> Vec<QueueMessage> {
        let most = usize::try_from(limits::queue::RECEIVE_MAX).unwrap_or(1);
        lock(&self.0.messages)
            .iter_mut()
            .filter(|entry| !entry.hidden)
            .take(most)
            .map(|entry| {
                entry.hidden = true;
                entry.deliveries += 1;
                QueueMessage {
                    id: entry.id.clone(),
                    receipt: format!("{}#{}", entry.id, entry.deliveries),
                    body: entry.body.clone(),
                }
            })
            .collect()
    }
}

impl QueueApi for FakeQueue {
    async fn receive(&self, _: &str, wait: Duration) -> Result<Vec<QueueMessage>, Error> {
        self.0.script.next().transpose()?;
        let end = Instant::now() + wait.min(limits::queue::WAIT_MAX);
        loop {
            // Listen before looking, so that a message sent in between is not missed.
            let arrived = self.0.arrived.notified();
            let messages = self.take();
            if !messages.is_empty() || timeout_at(end, arrived).await.is_err() {
                return Ok(messages);
            }
        }
    }

    async fn delete(&self, _: &str, receipt: &str) -> Result<(), Error> {
        let mut messages = lock(&self.0.messages);
        let found = messages
            .iter()
            .position(|entry| format!("{}#{}", entry.id, entry.deliveries) == receipt);
        // A receipt of an earlier delivery deletes nothing and is not an error, as in SQS.
        if let Some(place) = found {
            lock(&self.0.deleted).push(messages.remove(place).id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_comes_back_until_it_is_deleted_by_its_last_receipt() {
        let queue = FakeQueue::default();
        queue.send("body");
        let wait = Duration::from_secs(20);
        let first = queue.receive("url", wait).await.expect("one");
        assert_eq!(queue.receive("url", wait).await, Ok(vec![]));
        queue.redeliver();
        let second = queue.receive("url", wait).await.expect("again");
        assert_eq!(first[0].id, second[0].id);
        queue.delete("url", &first[0].receipt).await.expect("taken");
        assert_eq!(queue.len(), 1);
        queue
            .delete("url", &second[0].receipt)
            .await
            .expect("taken");
        assert!(queue.is_empty());
    }
}
