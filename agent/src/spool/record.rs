//! How a batch lies in a segment file: a head, then the batch as [`super::codec`] writes it. Pure.
//!
//! The head is a mark, the length of the batch, how many datums it has, the CRC-32 (IEEE) of length,
//! number and batch, and the state, all little-endian. The state is one byte outside the check sum,
//! so that it can be overwritten in place. A record that does not check costs only itself: the next
//! one is found by its mark.

use memchr::memmem;

/// The first bytes of a segment. The number is the version of the format.
pub(crate) const HEADER: &[u8] = b"plimsoll metrics 1\n";
/// What every version's header begins with.
pub(crate) const HEADER_ANY: &[u8] = b"plimsoll metrics ";
const MARK: [u8; 4] = [0x9f, b'P', b'm', 0x01];
/// Mark, length, datums, check sum, state.
pub(crate) const HEAD: usize = 4 + 4 + 2 + 4 + 1;
/// Where the state lies in a record.
pub(crate) const STATE_AT: u64 = 14;

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits, and no call with it is under way.
    Pending,
    /// A call with it was begun. If the agent finds it so at a start, the outcome is not known.
    Trying,
    /// It was taken, or given up and counted.
    Done,
}

impl State {
    /// The byte on disk.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Pending => b'p',
            Self::Trying => b't',
            Self::Done => b'd',
        }
    }

    /// A byte that is none of ours is damage: nobody knows whether the batch was tried.
    fn of(byte: u8) -> Self {
        match byte {
            b'p' => Self::Pending,
            b'd' => Self::Done,
            _ => Self::Trying,
        }
    }
}

/// A good record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    /// Where it begins in the segment.
    pub(crate) at: usize,
    /// How many datums it has.
    pub(crate) datums: u16,
    /// How far it has come.
    pub(crate) state: State,
    /// The encoded batch.
    pub(crate) payload: &'a [u8],
}

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Places.
    pub(crate) places: u64,
    /// Datums, as far as a head tells of them.
    pub(crate) datums: u64,
}

/// A whole record; `None` if the batch is too long to be one.
pub(crate) fn encode(payload: &[u8], datums: u16, state: State) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok()?.to_le_bytes();
    let mut record = Vec::with_capacity(HEAD + payload.len());
    record.extend_from_slice(&MARK);
    record.extend_from_slice(&length);
    record.extend_from_slice(&datums.to_le_bytes());
    record.extend_from_slice(&sum(length, datums, payload).to_le_bytes());
    record.push(state.byte());
    record.extend_from_slice(payload);
    Some(record)
}

/// The record that begins at `at`, if it is good.
pub(crate) fn decode(segment: &[u8], at: usize) -> Option<Found<'_>> {
    let rest = segment.get(at..)?.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (datums, rest) = rest.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (state, rest) = rest.split_first()?;
    let datums = u16::from_le_bytes(*datums);
    let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let good = sum(*length, datums, payload) == u32::from_le_bytes(*crc);
    good.then_some(Found {
        at,
        datums,
        state: State::of(*state),
        payload,
    })
}

/// All good records of a segment with its header, and what is not good.
pub(crate) fn scan(segment: &[u8]) -> (Vec<Found<'_>>, Damage) {
    let (mut found, mut damage) = (Vec::new(), Damage::default());
    let mut at = HEADER.len();
    while at < segment.len() {
        if let Some(record) = decode(segment, at) {
            at += HEAD + record.payload.len();
            found.push(record);
            continue;
        }
        // Every mark on the way to the next good record is a record of its own that is lost.
        loop {
            damage.places += 1;
            damage.datums += told_datums(segment, at);
            let rest = segment.get(at + 1..).unwrap_or_default();
            let next = memmem::find(rest, &MARK).map(|mark| at + 1 + mark);
            at = next.unwrap_or(segment.len());
            if next.is_none_or(|next| decode(segment, next).is_some()) {
                break;
            }
        }
    }
    (found, damage)
}

/// How many datums a head tells of whose record is not good.
fn told_datums(segment: &[u8], at: usize) -> u64 {
    let told = segment
        .get(at..at + HEAD)
        .and_then(|head| head.strip_prefix(&MARK))
        .and_then(|head| head.get(4..6)?.first_chunk())
        .map_or(0, |datums| u64::from(u16::from_le_bytes(*datums)));
    let most = u64::try_from(plimsoll_aws::limits::metrics::DATUMS_MAX).unwrap_or(u64::MAX);
    told.min(most)
}

fn sum(length: [u8; 4], datums: u16, payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(&datums.to_le_bytes());
    sum.update(payload);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (HEADER.to_vec(), Vec::new());
        for payload in payloads {
            starts.push(bytes.len());
            bytes.extend(encode(payload, 3, State::Pending).unwrap());
        }
        (bytes, starts)
    }

    proptest! {
        #[test]
        fn a_damaged_byte_costs_one_record_and_a_torn_tail_the_last(
            payloads in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..40), 1..8),
            place in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let (mut bytes, starts) = segment(&payloads);
            let at = HEADER.len() + place.index(bytes.len() - HEADER.len());
            let hit = starts.partition_point(|start| *start <= at) - 1;
            let cut = bytes[..at].to_vec();
            bytes[at] ^= flip;
            let expected: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();

            let (found, damage) = scan(&bytes);
            let found: Vec<&[u8]> = found.iter().map(|record| record.payload).collect();
            if at - starts[hit] == usize::try_from(STATE_AT).unwrap() {
                prop_assert_eq!(found, expected.clone());
            } else {
                let mut others = expected.clone();
                others.remove(hit);
                prop_assert_eq!(found, others);
                prop_assert_eq!(damage.places, 1);
            }

            let (found, damage) = scan(&cut);
            let found: Vec<&[u8]> = found.iter().map(|record| record.payload).collect();
            prop_assert_eq!(&found, &expected[..hit]);
            prop_assert_eq!(damage.places, u64::from(at > starts[hit]));
        }
    }

    #[test]
    fn a_state_that_is_none_of_ours_is_in_doubt() {
        let (mut bytes, starts) = segment(&[b"batch".to_vec()]);
        bytes[starts[0] + usize::try_from(STATE_AT).unwrap()] = 0;
        assert_eq!(scan(&bytes).0[0].state, State::Trying);
    }

    #[test]
    fn a_torn_record_tells_how_many_datums_it_had() {
        let (bytes, _) = segment(&[b"batch".to_vec()]);
        let (found, damage) = scan(&bytes[..bytes.len() - 1]);
        assert_eq!(found, []);
        assert_eq!(
            damage,
            Damage {
                places: 1,
                datums: 3
            }
        );
    }
}
