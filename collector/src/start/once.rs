//! One pass over a source that otherwise never ends.

use std::time::Duration;

use plimsoll_aws::{CostApi, Error, ObjectsApi, QueueApi, QueueMessage};
use plimsoll_core::shutdown::{self, Shutdown, Trigger};

use crate::source::cost::CostSource;
use crate::source::directory::Ended;
use crate::source::queue::QueueSource;

/// How long an empty queue is waited on. SQS asks all of its servers only in a long poll.
const EMPTY_WAIT: Duration = Duration::from_secs(2);

/// A queue that says when nothing is left in it, or when it cannot be read.
#[derive(Debug)]
pub(super) struct UntilEmpty<Q> {
    queue: Q,
    empty: Trigger,
}

/// Wraps a queue; the second part hears when it is empty.
pub(super) fn until_empty<Q: QueueApi>(queue: Q) -> (UntilEmpty<Q>, Shutdown) {
    let (trigger, empty) = shutdown::channel();
    let queue = UntilEmpty {
        queue,
        empty: trigger,
    };
    (queue, empty)
}

impl<Q: QueueApi> QueueApi for UntilEmpty<Q> {
    async fn receive(&self, url: &str, wait: Duration) -> Result<Vec<QueueMessage>, Error> {
        let received = self.queue.receive(url, wait.min(EMPTY_WAIT)).await;
        if received.as_ref().map_or(true, Vec::is_empty) {
            self.empty.request();
        }
        received
    }

    async fn delete(&self, url: &str, receipt: &str) -> Result<(), Error> {
        self.queue.delete(url, receipt).await
    }
}

/// Reads a queue until it is empty, or until a stop is asked for.
pub(super) async fn queue<Q: QueueApi, O: ObjectsApi>(
    source: QueueSource<UntilEmpty<Q>, O>,
    empty: Shutdown,
    mut stop: Shutdown,
) -> Result<(), Ended> {
    tokio::select! {
        // The source hears that the queue is empty, finishes what it has, and ends by itself.
        ended = source.run(empty) => ended,
        () = stop.requested() => Ok(()),
    }
}

/// Asks Cost Explorer if it is time to, and looks at what is known otherwise.
pub(super) async fn cost<C: CostApi>(source: CostSource<C>) -> Result<(), Ended> {
    source.look_again().await?;
    if source.due_in().await?.is_zero() {
        source.read_once().await?;
    }
    Ok(())
}
