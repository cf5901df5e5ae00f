//! Log lines that fit one PutLogEvents call.
//!
//! A batch keeps references into chunks and copies nothing: the request is written from them in
//! one pass when its turn to be sent has come. It obeys every limit of the call: bytes as
//! CloudWatch Logs counts them, events, and the span of time from the first to the last; and it
//! puts events in the order of their time if they did not come in it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use plimsoll_aws::limits::logs::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_SPAN_MAX, EVENT_OVERHEAD,
};
use plimsoll_aws::{EVENT_JSON_OVERHEAD, LogBatch, PutLogEventsBody};
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::queue::Held;

use crate::record::{Buffers, Chunk, FileId, Guard, Line, Stream};

/// Requests larger than this are written away from the runtime, into memory that is used again: at
/// one gigabyte a second, a smaller one takes less than a tenth of a millisecond.
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;
/// The memory of a large request: 1 MiB of events of a hundred bytes each, and a tenth for escapes.
/// What needs more is grown, once.
pub(crate) const BODY_BYTES: usize = 1280 * 1024;

/// Lines of one stream, within the limits of one call.
#[derive(Debug)]
pub(crate) struct Batch {
    stream: Arc<Stream>,
    /// In the order in which events are sent, once the batch is sealed.
    segments: Vec<Segment>,
    events: usize,
    billed_bytes: usize,
    earliest: UnixMillis,
    latest: UnixMillis,
    last: UnixMillis,
    ordered: bool,
}

/// Neighbouring lines of one chunk.
#[derive(Clone, Debug)]
struct Segment {
    chunk: Arc<Held<Chunk>>,
    lines: Range<u32>,
}

impl Segment {
    fn lines(&self) -> &[Line] {
        let range = self.lines.start as usize..self.lines.end as usize;
        self.chunk.lines.get(range).unwrap_or(&[])
    }
}

/// A body in memory that goes back to its buffers once the last part of it was sent.
#[derive(Debug)]
struct Lent {
    body: Vec<u8>,
    buffers: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.buffers.give_back(std::mem::take(&mut self.body));
    }
}

/// Bytes of a file that a batch settles: from, to, and the guard of `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) file: FileId,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) guard: Guard,
}

impl Batch {
    /// An empty batch.
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            segments: Vec::new(),
            events: 0,
            billed_bytes: 0,
            earliest: UnixMillis(i64::MAX),
            latest: UnixMillis(i64::MIN),
            last: UnixMillis(i64::MIN),
            ordered: true,
        }
    }

    /// Takes lines of `chunk` from index `from` on, as many as fit. Gives the index of the first
    /// one that did not.
    pub(crate) fn fill(&mut self, chunk: &Arc<Held<Chunk>>, from: u32) -> u32 {
        let lines = chunk.lines.get(from as usize..).unwrap_or(&[]);
        let taken = lines
            .iter()
            .take_while(|line| self.admit(chunk, line))
            .count();
        let to = from + u32::try_from(taken).unwrap_or(0);
        let to = self.without_torn(chunk, from..to);
        if to > from {
            self.segments.push(Segment {
                chunk: Arc::clone(chunk),
                lines: from..to,
            });
        }
        to
    }

    /// Events that were made of one line leave together, so that its position moves only when all
    /// of them were accepted: gives up those of `lines` at the end whose neighbours did not fit,
    /// unless they are all there is.
    fn without_torn(&mut self, chunk: &Chunk, lines: Range<u32>) -> u32 {
        let mut end = lines.end;
        while end > lines.start && chunk.is_of_line_before(end) {
            end -= 1;
        }
        let torn = (lines.end - end) as usize;
        if torn == 0 || torn == self.events {
            return lines.end;
        }
        let indices = end as usize..lines.end as usize;
        for line in chunk.lines.get(indices).unwrap_or(&[]) {
            self.billed_bytes -= chunk.billed(line) + EVENT_OVERHEAD;
        }
        self.events -= torn;
        end
    }

    /// Counts a line in if it fits.
    fn admit(&mut self, chunk: &Chunk, line: &Line) -> bool {
        let billed = self.billed_bytes + chunk.billed(line) + EVENT_OVERHEAD;
        let (earliest, latest) = (self.earliest.min(line.time), self.latest.max(line.time));
        let fits = self.events < BATCH_EVENTS_MAX
            && billed <= BATCH_BYTES_MAX
            && latest.since(earliest) <= BATCH_SPAN_MAX;
        // A line always fits an empty batch: framing made it so. If it did not, taking it is still
        // better than waiting for ever; CloudWatch Logs would refuse it by name.
        if !fits && self.events > 0 {
            return false;
        }
        self.ordered &= self.last <= line.time;
        self.last = line.time;
        (self.earliest, self.latest) = (earliest, latest);
        self.billed_bytes = billed;
        self.events += 1;
        true
    }

    /// Whether the smallest event would not fit any more.
    pub(crate) fn is_full(&self) -> bool {
        self.events >= BATCH_EVENTS_MAX || self.billed_bytes + EVENT_OVERHEAD >= BATCH_BYTES_MAX
    }

    /// The stream.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// What CloudWatch Logs counts for it.
    pub(crate) fn billed_bytes(&self) -> usize {
        self.billed_bytes
    }

    /// Puts the events in the order of their time. Events of the same time keep theirs.
    pub(crate) fn seal(mut self) -> Self {
        if self.ordered {
            return self;
        }
        let mut order: Vec<(UnixMillis, usize, u32)> = Vec::with_capacity(self.events);
        for (index, segment) in self.segments.iter().enumerate() {
            let lines = segment.lines.clone();
            order.extend(lines.filter_map(|line| {
                Some((segment.chunk.lines.get(line as usize)?.time, index, line))
            }));
        }
        order.sort_by_key(|(time, ..)| *time);
        let mut sorted: Vec<Segment> = Vec::new();
        let mut previous = None;
        for (_, index, line) in order {
            match sorted.last_mut() {
                Some(segment) if previous == Some(index) && segment.lines.end == line => {
                    segment.lines.end += 1;
                }
                _ => sorted.extend(self.segments.get(index).map(|segment| Segment {
                    chunk: Arc::clone(&segment.chunk),
                    lines: line..line + 1,
                })),
            }
            previous = Some(index);
        }
        self.segments = sorted;
        self.ordered = true;
        self
    }

    /// Writes the request. The batch must be sealed.
    pub(crate) fn encode(&self) -> LogBatch {
        self.encode_in(&Arc::new(Buffers::new(BODY_BYTES, 0)))
    }

    /// Writes the request, into one of `buffers` if it is large. The batch must be sealed.
    pub(crate) fn encode_in(&self, buffers: &Arc<Buffers>) -> LogBatch {
        let capacity = self.billed_bytes + self.events * (EVENT_JSON_OVERHEAD - EVENT_OVERHEAD);
        // An eighth more for escapes: most logs have some quotes, few have many.
        let capacity = capacity + capacity / 8;
        let mut body = PutLogEventsBody::new(&self.stream.group_name, &self.stream.name, capacity);
        let large = self.billed_bytes > INLINE_BYTES_MAX;
        if large {
            body = body.with_buffer(buffers.take());
        }
        for segment in &self.segments {
            let chunk = &segment.chunk;
            for line in segment.lines() {
                body.push(line.time, chunk.text(line));
            }
        }
        let body = if large {
            Bytes::from_owner(Lent {
                body: body.finish_vec(),
                buffers: Arc::clone(buffers),
            })
        } else {
            body.finish()
        };
        LogBatch {
            group: Arc::clone(&self.stream.group_name),
            stream: Arc::clone(&self.stream.name),
            body,
            events: self.events,
            billed_bytes: self.billed_bytes,
        }
    }

    /// All events with their chunks, in the order in which they are sent.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&Chunk, &Line)> {
        self.segments.iter().flat_map(|segment| {
            let chunk: &Chunk = &segment.chunk;
            segment.lines().iter().map(move |line| (chunk, line))
        })
    }

    /// What is settled once every event was accepted or set aside.
    pub(crate) fn settled(&self) -> impl Iterator<Item = Settled> {
        self.segments.iter().map(|segment| Settled {
            file: segment.chunk.file,
            from: segment.chunk.position(segment.lines.start),
            to: segment.chunk.position(segment.lines.end),
            guard: segment.chunk.guard(segment.lines.end),
        })
    }

    /// Two batches of half the events each, in order. A batch of one event gives an empty first.
    pub(crate) fn halves(&self) -> [Self; 2] {
        let mut halves = [
            Self::new(Arc::clone(&self.stream)),
            Self::new(Arc::clone(&self.stream)),
        ];
        let [first, second] = &mut halves;
        let mut room = u32::try_from(self.events / 2).unwrap_or(u32::MAX);
        for segment in &self.segments {
            let cut = segment.lines.start + room.min(segment.lines.end - segment.lines.start);
            first.take_over(&segment.chunk, segment.lines.start..cut);
            second.take_over(&segment.chunk, cut..segment.lines.end);
            room -= cut - segment.lines.start;
        }
        halves
    }

    fn take_over(&mut self, chunk: &Arc<Held<Chunk>>, lines: Range<u32>) {
        let range = lines.start as usize..lines.end as usize;
        for line in chunk.lines.get(range).unwrap_or(&[]) {
            self.admit(chunk, line);
        }
        if !lines.is_empty() {
            self.segments.push(Segment {
                chunk: Arc::clone(chunk),
                lines,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{chunk_of, held, stream};
    use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
    use proptest::prelude::*;

    const HOUR_MS: i64 = 3_600_000;

    /// Fills batches with all lines, as a sink would.
    fn batches(lines: &[(i64, &[u8])]) -> Vec<Batch> {
        let stream = stream();
        let chunk = held(chunk_of(&stream, 0, lines));
        let mut batches = Vec::new();
        let mut from = 0;
        while from < chunk.count() {
            let mut batch = Batch::new(Arc::clone(&stream));
            from = batch.fill(&chunk, from);
            batches.push(batch.seal());
        }
        batches
    }

    fn texts(batch: &Batch) -> Vec<(i64, Vec<u8>)> {
        batch
            .lines()
            .map(|(chunk, line)| (line.time.0, chunk.text(line).to_vec()))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn batches_keep_every_line_once_in_order_of_time_within_every_limit(
            lines in proptest::collection::vec(
                (0_i64..60, prop_oneof![1_usize..50, Just(400_000)]), 1..60),
        ) {
            let texts_of: Vec<Vec<u8>> = lines
                .iter()
                .enumerate()
                .map(|(number, (_, len))| {
                    let mut text = format!("{number:03}").into_bytes();
                    text.resize(3 + len, b'x');
                    text
                })
                .collect();
            let input: Vec<(i64, &[u8])> = lines
                .iter()
                .zip(&texts_of)
                .map(|((hour, _), text)| (hour * HOUR_MS, text.as_slice()))
                .collect();
            let mut all = Vec::new();
            let mut settled = Vec::new();
            for batch in batches(&input) {
                let events = texts(&batch);
                let billed: usize = events.iter().map(|(_, text)| text.len() + 26).sum();
                prop_assert_eq!(billed, batch.billed_bytes());
                prop_assert!(billed <= 1_048_576 && events.len() <= 10_000);
                prop_assert!(events.is_sorted_by_key(|(time, _)| *time));
                prop_assert!(events.last().unwrap().0 - events[0].0 <= 24 * HOUR_MS);
                for pair in events.windows(2) {
                    prop_assert!(pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1, "stable");
                }
                all.extend(events);
                settled.extend(batch.settled().map(|span| (span.from, span.to)));
            }
            let mut expected: Vec<(i64, Vec<u8>)> =
                input.iter().map(|(time, text)| (*time, text.to_vec())).collect();
            all.sort();
            expected.sort();
            prop_assert!(all == expected);
            settled.sort_unstable();
            let end: usize = texts_of.iter().map(|text| text.len() + 1).sum();
            prop_assert_eq!(settled[0].0, 0);
            prop_assert!(settled.windows(2).all(|pair| pair[0].1 == pair[1].0));
            prop_assert_eq!(settled.last().unwrap().1, end as u64);
        }
    }

    #[test]
    fn a_batch_is_filled_to_the_last_byte_and_the_last_event() {
        let largest = vec![b'x'; EVENT_BYTES_MAX];
        let check = |lines: &[(i64, &[u8])], counts: &[usize]| {
            let found: Vec<usize> = batches(lines).iter().map(Batch::events).collect();
            assert_eq!(found, counts);
        };
        check(&[(0, &largest), (0, b"x")], &[1, 1]);
        check(&[(0, &largest[..EVENT_BYTES_MAX - 27]), (0, b"x")], &[2]);
        check(&[(0, &largest[..EVENT_BYTES_MAX - 26]), (0, b"x")], &[1, 1]);
        check(&vec![(0, &b"x"[..]); 10_001], &[10_000, 1]);
        check(
            &[(0, b"x"), (24 * HOUR_MS, b"x"), (24 * HOUR_MS + 1, b"x")],
            &[2, 1],
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_counted_as_they_are_billed() {
        assert_eq!(batches(&[(0, b"a\xff")])[0].billed_bytes(), 4 + 26);
    }

    #[test]
    fn halves_hold_all_events_and_settle_the_same_bytes() {
        let batch = batches(&[(0, b"a"), (1, b"b"), (2, b"c")]).remove(0);
        let [first, second] = batch.halves();
        assert_eq!(texts(&first), [(0, b"a".to_vec())]);
        assert_eq!(texts(&second), [(1, b"b".to_vec()), (2, b"c".to_vec())]);
        let spans: Vec<_> = first.settled().chain(second.settled()).collect();
        assert_eq!((spans[0].from, spans[0].to), (0, 2));
        assert_eq!((spans[1].from, spans[1].to), (2, 6));
    }

    #[test]
    fn events_that_were_made_of_one_line_leave_together() {
        use crate::record::Place;
        let long = vec![b'x'; EVENT_BYTES_MAX / 4];
        let lines: Vec<(i64, &[u8])> = vec![(0, &long); 6];
        let stream = stream();
        let mut chunk = chunk_of(&stream, 0, &lines);
        // The third, fourth and fifth are of the same bytes.
        let place = |from: u32| Place {
            from,
            guard: Guard::default(),
        };
        chunk.places = Some([0, 10, 20, 20, 20, 30, 40].map(place).to_vec());
        let chunk = held(chunk);
        let mut from = 0;
        let mut ends = Vec::new();
        while from < chunk.count() {
            let mut batch = Batch::new(Arc::clone(&stream));
            from = batch.fill(&chunk, from);
            let billed: usize = batch.lines().map(|(chunk, line)| chunk.billed(line)).sum();
            assert_eq!(
                batch.billed_bytes(),
                billed + batch.events() * EVENT_OVERHEAD
            );
            ends.push(from);
        }
        assert_eq!(ends, [2, 5, 6]);
    }
}
