//! Refused events are sent again, through the same batches as all others.
//!
//! What is accepted is taken out of the files at once, so that an interrupted retry sends little
//! twice; whatever is not accepted stays where it is. Nothing is ever added to the files here.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plimsoll_aws::{Action, Error, LogGroup, LogsApi, Refused};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::queue::{Held, bounded};

use super::{Kept, Selection, read, remove};
use crate::batch::logs::Batch;
use crate::health::Health;
use crate::record::{Chunk, ChunkParts, FileId, Line, Stream};
use crate::sink::logs::{Creator, reason};

/// Text that is put into one chunk: enough for several full batches.
const CHUNK_BYTES: usize = 8 << 20;
/// How often one call is tried while the service is busy or away: about a minute in all.
const TRIES_MAX: u32 = 8;
/// How often a missing stream is made for one batch.
const CREATE_MAX: u32 = 2;
/// Single events of one batch that are refused before the rest of it is given up, if none of it was
/// accepted: the cause is then not in the events.
const HOPELESS_EVENTS: usize = 16;

/// Sends events again.
#[derive(Debug)]
pub(crate) struct Sender<A> {
    /// Where to.
    pub(crate) api: Arc<A>,
    /// The groups of the configuration, which tell how to make them.
    pub(crate) groups: Vec<LogGroup>,
    /// The time that events are stamped with; `None` keeps their own.
    pub(crate) now: Option<UnixMillis>,
    /// Waits between tries.
    pub(crate) backoff: Backoff,
}

/// What a retry came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retried {
    /// Events that were accepted and taken out.
    pub(crate) accepted: u64,
    /// Events that were refused again and stay, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Events that were not tried or not answered, and stay.
    pub(crate) left: u64,
    /// Lines that cannot be read, and stay.
    pub(crate) torn: u64,
    /// Why not all were tried.
    pub(crate) stopped: Option<Error>,
}

impl<A: LogsApi> Sender<A> {
    /// Sends what `selection` means.
    ///
    /// # Errors
    /// Those of the files. What was accepted until then may be sent again by the next retry.
    pub(crate) async fn retry(
        &self,
        directory: &Path,
        selection: &Selection,
    ) -> io::Result<Retried> {
        let mut streams: BTreeMap<(String, String), Vec<Kept>> = BTreeMap::new();
        let mut done = Retried::default();
        done.torn = read(directory, selection, |kept| {
            let key = (kept.letter.group.clone(), kept.letter.stream.clone());
            done.left += 1;
            streams.entry(key).or_default().push(kept);
        })?;
        let creator = Creator::default();
        for ((group, name), kept) in streams {
            let known = self.groups.iter().find(|known| known.name == group);
            let group = known.cloned().unwrap_or_else(|| LogGroup {
                name: group,
                ..LogGroup::default()
            });
            let stream = Arc::new(Stream::new(0, group, &name));
            for batch in batches(&stream, &kept, self.now).await {
                self.send(&creator, batch, &kept, directory, &mut done)
                    .await?;
                if done.stopped.is_some() {
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }

    /// Sends one batch, and its halves if it is refused.
    async fn send(
        &self,
        creator: &Creator,
        batch: Batch,
        kept: &[Kept],
        directory: &Path,
        done: &mut Retried,
    ) -> io::Result<()> {
        let (mut waiting, mut alone, mut some) = (vec![batch], 0, false);
        while let Some(batch) = waiting.pop() {
            match self.call(creator, &batch).await {
                Ok(refused) => {
                    some = true;
                    let accepted = answered(&batch, kept, refused, done);
                    done.accepted += remove(directory, accepted.into_iter())?;
                }
                Err(error) if error.action() == Action::SetAside => {
                    if batch.events() == 1 || (!some && alone >= HOPELESS_EVENTS) {
                        let count = batch.events() as u64;
                        alone += 1;
                        done.left -= count;
                        *done.refused.entry("rejected").or_insert(0) += count;
                    } else {
                        let [first, second] = batch.halves();
                        waiting.extend([second, first]);
                    }
                }
                Err(error) => {
                    done.stopped = Some(error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// One call, tried again while that may help.
    async fn call(&self, creator: &Creator, batch: &Batch) -> Result<Refused, Error> {
        let (body, stream) = (batch.encode(), batch.stream());
        let health = Health::default();
        let mut rng = fastrand::Rng::new();
        let (mut tries, mut created) = (0, 0);
        loop {
            let made = stream.made.load(Ordering::Acquire);
            let mut result = self.api.put_log_events(&body).await;
            if let Err(error) = &result
                && error.action() == Action::Create
                && created < CREATE_MAX
            {
                created += 1;
                match creator.ensure(&*self.api, &health, stream, made).await {
                    Ok(()) => continue,
                    Err(error) => result = Err(error),
                }
            }
            let error = match result {
                Ok(refused) => return Ok(refused),
                Err(error) => error,
            };
            if error.action() != Action::RetryLater || tries >= TRIES_MAX {
                return Err(error);
            }
            let asked = match &error {
                Error::Throttled { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => std::time::Duration::ZERO,
            };
            tokio::time::sleep(asked + self.backoff.delay(tries, &mut rng)).await;
            tries += 1;
        }
    }
}

/// Counts what an accepted batch came to, and gives the lines of what was taken.
fn answered<'k>(
    batch: &Batch,
    kept: &'k [Kept],
    refused: Refused,
    done: &mut Retried,
) -> Vec<&'k [u8]> {
    let mut accepted = Vec::new();
    for (index, (chunk, line)) in batch.lines().enumerate() {
        done.left -= 1;
        if let Some(reason) = reason(refused, index) {
            *done.refused.entry(reason).or_insert(0) += 1;
        } else {
            let place = chunk
                .lines
                .partition_point(|other| other.start < line.start);
            let first = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
            accepted.extend(kept.get(first + place).map(|kept| kept.line.as_slice()));
        }
    }
    accepted
}

/// The events of one stream as batches. The offset of a chunk is the index of its first event.
async fn batches(stream: &Arc<Stream>, kept: &[Kept], now: Option<UnixMillis>) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut from = 0;
    while from < kept.len() {
        let Some(chunk) = chunk(stream, kept, from, now).await else {
            break;
        };
        let mut at = 0;
        while at < chunk.count() {
            let mut batch = Batch::new(Arc::clone(stream));
            at = batch.fill(&chunk, at);
            batches.push(batch.seal());
        }
        from += chunk.lines.len();
    }
    batches
}

async fn chunk(
    stream: &Arc<Stream>,
    kept: &[Kept],
    from: usize,
    now: Option<UnixMillis>,
) -> Option<Arc<Held<Chunk>>> {
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    for kept in kept.iter().skip(from) {
        let message = &kept.letter.message;
        if !lines.is_empty() && bytes.len() + message.len() > CHUNK_BYTES {
            break;
        }
        lines.push(Line {
            start: u32::try_from(bytes.len()).ok()?,
            len: u32::try_from(message.len()).ok()?,
            time: now.unwrap_or(kept.letter.time),
        });
        bytes.extend_from_slice(message);
        bytes.push(b'\n');
    }
    let parts = ChunkParts {
        file: FileId(0),
        path: Arc::from(Path::new("")),
        stream: Arc::clone(stream),
        offset: from as u64,
        lead: 0,
        end: u32::try_from(bytes.len()).ok()?,
        lines,
        places: None,
        utf8: std::str::from_utf8(&bytes).is_ok(),
    };
    // Batches hold what came through a queue.
    let (sender, mut receiver) = bounded(1);
    sender.send(Chunk::new(parts, bytes, None), 1).await.ok()?;
    receiver.recv().await.map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Persistence;
    use crate::deadletter::{DeadLetter, DeadLetters};
    use plimsoll_aws::Call;
    use plimsoll_aws::testing::{FakeLogs, denied, rejected, throttled};

    const PUT: &str = "PutLogEvents";

    fn keep(directory: &Path, stream: &str, count: usize) {
        let persistence = Persistence::Directory(directory.to_owned());
        let letters = DeadLetters::new(&persistence, 1 << 26, Arc::default());
        let mut text = String::new();
        for number in 0..count {
            DeadLetter {
                time: UnixMillis(1_000 + i64::try_from(number).unwrap()),
                group: "g",
                stream,
                file: "/f",
                offset: 0,
                reason: "too_old",
                message: format!("{stream} {number}").as_bytes(),
            }
            .write(&mut text);
        }
        letters.keep(&text).unwrap();
    }

    fn sender(fake: &FakeLogs, now: Option<UnixMillis>) -> Sender<FakeLogs> {
        Sender {
            api: Arc::new(fake.clone()),
            groups: vec![LogGroup {
                name: "g".to_owned(),
                retention_days: Some(7),
                ..LogGroup::default()
            }],
            now,
            backoff: Backoff::default(),
        }
    }

    fn left(directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        read(directory, &Selection::default(), |kept| {
            found.push(String::from_utf8(kept.letter.message).unwrap());
        })
        .unwrap();
        found
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_accepted_is_taken_out_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        keep(directory.path(), "a", 4);
        keep(directory.path(), "b", 2);
        let fake = FakeLogs::strict();
        fake.answer_by_itself();
        fake.answer(Err(throttled(PUT)));
        fake.answer(Ok(Refused {
            too_old_until: Some(1),
            ..Refused::default()
        }));
        let selection = Selection {
            stream: Some("a".to_owned()),
            ..Selection::default()
        };
        let sender = sender(&fake, None);
        let done = sender.retry(directory.path(), &selection);
        let expected = Retried {
            accepted: 3,
            refused: BTreeMap::from([("too_old", 1)]),
            ..Retried::default()
        };
        assert_eq!(done.await.unwrap(), expected);
        assert_eq!(left(directory.path()), ["a 0", "b 0", "b 1"]);
        assert_eq!(fake.groups()[0].retention_days, Some(7));
        assert_eq!(fake.events("g", "a")[1].0, UnixMillis(1_001));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_left_when_a_call_is_denied_and_the_time_can_be_set_anew() {
        let directory = tempfile::tempdir().unwrap();
        keep(directory.path(), "a", 10_001);
        keep(directory.path(), "b", 2);
        let fake = FakeLogs::default();
        fake.answer_by_itself();
        fake.answer(Err(denied(Call::PutLogEvents)));
        let sender = sender(&fake, Some(UnixMillis(5_000_000)));
        let all = Selection::default();
        let done = sender.retry(directory.path(), &all).await.unwrap();
        assert_eq!((done.accepted, done.left), (10_000, 3));
        assert!(done.stopped.is_some());
        assert_eq!(left(directory.path()), ["a 10000", "b 0", "b 1"]);
        let events = fake.events("g", "a");
        assert!(
            events
                .iter()
                .all(|(time, _)| *time == UnixMillis(5_000_000))
        );
        let done = sender.retry(directory.path(), &all).await.unwrap();
        assert_eq!((done.accepted, done.left), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_refused_as_a_whole_is_halved() {
        let directory = tempfile::tempdir().unwrap();
        keep(directory.path(), "a", 3);
        let fake = FakeLogs::default();
        for _ in 0..2 {
            fake.answer(Err(rejected(PUT, "InvalidParameterException")));
        }
        let (sender, all) = (sender(&fake, None), Selection::default());
        let done = sender.retry(directory.path(), &all).await.unwrap();
        assert_eq!(done.accepted, 2);
        assert_eq!(done.refused, BTreeMap::from([("rejected", 1)]));
        assert_eq!(left(directory.path()), ["a 0"]);
    }
}
