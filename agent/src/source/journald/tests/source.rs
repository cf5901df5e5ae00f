//! The whole source: its queue, its end, its thread.

use plimsoll_core::queue::{Receiver, bounded};
use plimsoll_core::shutdown::{Trigger, channel};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::{Rounds, Source, Thread};
use super::*;
use crate::barrier::{Asked, Barrier, barrier};
use crate::checkpoint::{Committer, Store};
use crate::config::Persistence;
use crate::fs::HostFs;

/// The whole source with a queue of `bytes`, and what tells it to stop.
fn start<R: Rounds + 'static>(
    rounds: R,
    ledger: &Arc<Ledger>,
    directory: &tempfile::TempDir,
    bytes: u32,
) -> (JoinHandle<()>, Receiver<Chunk>, Trigger, Barrier) {
    let (barrier, questions) = barrier();
    let persistence = Persistence::Directory(directory.path().to_owned());
    let (store, _) = Store::open(HostFs, &persistence).unwrap();
    let (queue, receiver) = bounded(bytes);
    let (trigger, shutdown) = channel();
    let source = Source {
        rounds,
        queue,
        committer: Committer::new(Arc::clone(ledger), store, Arc::default()),
        shutdown,
        asked: Asked::by(questions),
        gap: Duration::from_millis(100),
        once: false,
        last_bytes_max: usize::MAX,
    };
    (tokio::spawn(source.run()), receiver, trigger, barrier)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_the_queue_is_full_and_what_was_written_before_the_end_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let agent = Agent::new(target(StartPosition::Beginning));
    (0..20_000).for_each(|number| agent.log(&format!("{number:05}")));
    let (task, mut receiver, trigger, _barrier) =
        start(agent.reader, &agent.ledger, &directory, 1 << 17);
    sleep(MINUTE).await;
    let reads = agent.journals.state().reads;
    assert!((4000..=3 * 4096).contains(&reads), "{reads}");
    trigger.request();
    let mut arrived = 0;
    while let Some(chunk) = receiver.recv().await {
        arrived += chunk.count();
    }
    task.await.unwrap();
    assert_eq!(arrived, 20_000);
}

#[tokio::test]
async fn one_thread_makes_the_rounds_and_ends_with_the_source() {
    let directory = tempfile::tempdir().unwrap();
    let agent = Agent::new(target(StartPosition::Beginning));
    agent.log("one");
    let parts = parts(&agent.journals, &agent.target, &agent.ledger, &agent.health);
    let thread = Thread::start(parts).unwrap();
    let (task, mut receiver, trigger, _barrier) = start(thread, &agent.ledger, &directory, 1 << 17);
    assert_eq!(receiver.recv().await.unwrap().line(0), b"one");
    trigger.request();
    assert!(receiver.recv().await.is_none());
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_when_the_journal_is_read_to_the_end_that_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let agent = Agent::new(target(StartPosition::Beginning));
    (0..20_000).for_each(|number| agent.log(&format!("{number:05}")));
    let (_task, mut receiver, _trigger, barrier) =
        start(agent.reader, &agent.ledger, &directory, 1 << 17);
    let mut asked = Box::pin(barrier.settled());
    let early = tokio::time::timeout(MINUTE, &mut asked).await;
    assert!(early.is_err(), "nobody takes what is read");
    let (mut arrived, mut number) = (0, 20_000);
    loop {
        tokio::select! {
            () = &mut asked => break,
            Some(chunk) = receiver.recv() => {
                arrived += chunk.count();
                for _ in 0..chunk.count() {
                    agent.journals.write(&["SYSLOG_IDENTIFIER=app", "MESSAGE=later"]);
                    number += 1;
                }
            }
        }
    }
    while let Some(chunk) = receiver.try_recv() {
        arrived += chunk.count();
    }
    assert!(arrived >= 20_000, "{arrived}");
    assert!(arrived < number, "it did not wait for what came later");
}
