//! A chunk whose lines go to another stream, whole or in parts.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Chunk, ChunkParts, GUARD_BYTES, Line, Place, Stream};

impl Chunk {
    /// The same chunk for `stream`.
    pub(crate) fn moved_to(mut self, stream: Arc<Stream>) -> Self {
        let booked = self.booked_bytes() as u64;
        stream.unsent_bytes.fetch_add(booked, Ordering::Relaxed);
        self.stream
            .unsent_bytes
            .fetch_sub(booked, Ordering::Relaxed);
        self.stream = stream;
        self
    }

    /// A copy of some of its lines for `stream`. The parts of a chunk settle together exactly what
    /// the chunk would.
    pub(crate) fn part(&self, lines: Range<u32>, stream: Arc<Stream>) -> Self {
        let (from, to) = (self.boundary(lines.start), self.boundary(lines.end));
        // What stands before the lines only feeds guards, which places bring along.
        let lead = match self.places {
            Some(_) => 0,
            None => from.min(u32::try_from(GUARD_BYTES).unwrap_or(u32::MAX)),
        };
        let begin = from - lead;
        let indices = lines.start as usize..lines.end as usize;
        let own = self.lines.get(indices).unwrap_or(&[]).iter();
        let places = self.places.as_ref().map(|_| {
            let start = self.place(lines.start).map_or(0, |place| place.from);
            let own = (lines.start..=lines.end).filter_map(|index| self.place(index));
            own.map(|place| Place {
                from: place.from - start,
                ..place
            })
            .collect()
        });
        let parts = ChunkParts {
            file: self.file,
            path: Arc::clone(&self.path),
            stream,
            offset: self.position(lines.start),
            lead,
            end: to - begin,
            lines: own
                .map(|line| Line {
                    start: line.start - begin,
                    ..*line
                })
                .collect(),
            places,
            utf8: self.utf8,
        };
        let bytes = self.bytes.get(begin as usize..to as usize).unwrap_or(&[]);
        Self::new(parts, bytes.to_vec(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Guard;
    use crate::record::tests::{chunk_of, stream};

    /// Positions, guards and texts of all lines, and the position behind the last.
    fn told(chunks: &[&Chunk]) -> Vec<(u64, Guard, Vec<u8>)> {
        let of = |chunk: &&Chunk| -> Vec<_> {
            (0..=chunk.count())
                .map(|index| {
                    (
                        chunk.position(index),
                        chunk.guard(index),
                        chunk.line(index).to_vec(),
                    )
                })
                .collect()
        };
        let mut all: Vec<_> = chunks.iter().flat_map(of).collect();
        // Where one part ends the next one begins.
        all.dedup_by(|next, end| {
            let same = (next.0, next.1) == (end.0, end.1) && end.2.is_empty();
            if same {
                end.2 = std::mem::take(&mut next.2);
            }
            same
        });
        all
    }

    #[test]
    fn parts_settle_what_their_chunk_would_also_when_its_text_was_rewritten() {
        let (first, second) = (stream(), stream());
        let long = [b'x'; 100];
        let mut chunk = chunk_of(
            &first,
            1000,
            &[(0, b"one"), (0, &long), (0, b"three"), (0, b"4")],
        );
        for rewritten in [false, true] {
            if rewritten {
                let place = |from: u32| Place {
                    from,
                    guard: Guard::of(&from.to_le_bytes()),
                };
                chunk.places = Some([0, 40, 90, 100, 120].map(place).to_vec());
            }
            let parts = [
                chunk.part(0..1, Arc::clone(&first)),
                chunk.part(1..3, Arc::clone(&second)),
                chunk.part(3..4, Arc::clone(&first)),
            ];
            let parts: Vec<&Chunk> = parts.iter().collect();
            assert_eq!(told(&parts), told(&[&chunk]));
        }
    }

    #[test]
    fn a_chunk_that_moves_counts_for_its_new_stream() {
        let (first, second) = (stream(), stream());
        let chunk = chunk_of(&first, 0, &[(0, b"one")]).moved_to(Arc::clone(&second));
        assert_eq!((first.unsent_bytes(), second.unsent_bytes()), (0, 30));
        drop(chunk);
        assert_eq!(second.unsent_bytes(), 0);
    }
}
