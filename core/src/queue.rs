//! A queue that is bounded in bytes, blocks when it is full, and counts what is still held.
//!
//! The bytes of an item stay booked until its [`Held`] wrapper is dropped, not merely until it is
//! received: a batch that is in flight still occupies memory, so it still counts. That makes one
//! number the bound of everything between a source and its sink.
//! When the queue is full the sender waits; nothing is ever dropped here.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Items that may wait in the channel itself. Bytes are the real bound; this one only keeps the
/// channel's own blocks small when items are tiny.
const ITEMS_MAX: usize = 1024;

/// Makes a queue that holds at most `bytes_max` bytes (at least one), in flight included.
#[must_use]
pub fn bounded<T>(bytes_max: u32) -> (Sender<T>, Receiver<T>) {
    let bytes_max = bytes_max.max(1);
    let (items, receiver) = mpsc::channel(ITEMS_MAX);
    let budget = Arc::new(Semaphore::new(bytes_max as usize));
    (
        Sender {
            items,
            budget,
            bytes_max,
        },
        Receiver { items: receiver },
    )
}

/// The side of a source.
#[derive(Debug)]
pub struct Sender<T> {
    items: mpsc::Sender<Held<T>>,
    budget: Arc<Semaphore>,
    bytes_max: u32,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            items: self.items.clone(),
            budget: Arc::clone(&self.budget),
            bytes_max: self.bytes_max,
        }
    }
}

/// The receiver is gone: whatever drains the queue has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed;

impl<T> Sender<T> {
    /// Waits until `bytes` are free, then sends. An item larger than the whole queue waits until
    /// the queue is empty and then takes all of it.
    ///
    /// # Errors
    /// [`Closed`] when the receiver is gone.
    pub async fn send(&self, item: T, bytes: usize) -> Result<(), Closed> {
        let wanted = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, self.bytes_max);
        let booked = Arc::clone(&self.budget);
        let booking = booked
            .acquire_many_owned(wanted)
            .await
            .map_err(|_| Closed)?;
        self.items
            .send(Held {
                item,
                _booking: booking,
            })
            .await
            .map_err(|_| Closed)
    }

    /// Bytes that are booked now: waiting, or received and not yet dropped.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        (self.bytes_max as usize).saturating_sub(self.budget.available_permits())
    }
}

/// The side of a sink.
#[derive(Debug)]
pub struct Receiver<T> {
    items: mpsc::Receiver<Held<T>>,
}

impl<T> Receiver<T> {
    /// The next item; `None` once every sender is gone and the queue is empty.
    pub async fn recv(&mut self) -> Option<Held<T>> {
        self.items.recv().await
    }

    /// The next item if one waits already. A sender may still be about to send another.
    pub fn try_recv(&mut self) -> Option<Held<T>> {
        self.items.try_recv().ok()
    }
}

/// An item that was received and whose bytes are still booked. Dropping it frees them.
#[derive(Debug)]
pub struct Held<T> {
    item: T,
    _booking: OwnedSemaphorePermit,
}

impl<T> Deref for Held<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const BLINK: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_blocks_until_a_received_item_is_dropped() {
        let (sender, mut receiver) = bounded::<&str>(10);
        sender.send("first", 10).await.unwrap();
        assert!(timeout(BLINK, sender.send("second", 1)).await.is_err());

        let held = receiver.recv().await.unwrap();
        assert_eq!(sender.bytes_held(), 10, "in flight still counts");
        assert!(timeout(BLINK, sender.send("second", 1)).await.is_err());

        drop(held);
        timeout(BLINK, sender.send("second", 1))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(sender.bytes_held(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_larger_than_the_queue_takes_all_of_it() {
        let (sender, mut receiver) = bounded::<()>(10);
        sender.send((), 1_000_000).await.unwrap();
        assert_eq!(sender.bytes_held(), 10);
        drop(receiver.recv().await);
        assert_eq!(sender.bytes_held(), 0);
    }

    #[tokio::test]
    async fn sending_to_an_ended_sink_is_an_error_and_not_a_hang() {
        let (sender, receiver) = bounded::<()>(10);
        drop(receiver);
        assert_eq!(sender.send((), 1).await, Err(Closed));
    }
}
