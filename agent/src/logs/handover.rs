//! What "handed over" means for logs.
//!
//! First the sources read everything that was there, then the sink settles all that it was sent,
//! then the positions go to the disk. What is denied or stuck is never passed over: the answer then
//! does not come, and who asks has a deadline.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::barrier::{Barrier, Questions};
use crate::checkpoint::Committer;

/// How often open batches leave while somebody waits: as often as when the end is near.
const HASTEN_INTERVAL: Duration = Duration::from_millis(500);
/// How soon positions are written again that the disk did not take, while somebody waits for them.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);

/// Answers each question once the sources have read everything that was there, all of that is
/// accepted or kept as a dead letter, and the positions say so on the disk.
pub(super) async fn answer(
    mut questions: Questions,
    sources: [Barrier; 2],
    sink: Barrier,
    committer: Committer,
) {
    while let Some(mut answer) = questions.recv().await {
        let [files, journal] = sources.clone();
        let sink = sink.clone();
        let settled = async {
            let read = async { tokio::join!(files.settled(), journal.settled()) };
            tokio::select! {
                _ = read => {}
                () = hasten(&sink) => {}
            }
            sink.settled().await;
            while !committer.commit().await {
                sleep(COMMIT_AGAIN).await;
            }
        };
        tokio::select! {
            () = settled => {
                // Who has given up meanwhile needs no answer.
                answer.send(()).ok();
            }
            () = answer.closed() => {}
        }
    }
}

/// Lets open batches leave twice a second: reading may wait for the room that they take.
async fn hasten(sink: &Barrier) {
    loop {
        // What is on its way need not be waited for.
        timeout(HASTEN_INTERVAL, sink.clone().settled()).await.ok();
        sleep(HASTEN_INTERVAL).await;
    }
}
