//! How changes are written: a header, then one frame after another. Pure.
//!
//! A frame is the CRC-32 (IEEE) of what follows, the length of the payload, the kind, and the
//! payload, all little-endian. A frame that is cut off or whose check sum is wrong ends the log:
//! what comes after it cannot be trusted, what comes before it can.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::checkpoint::{Change, Entry};
use crate::record::{FileId, Guard};
use crate::source::file::identity::Identity;

/// The first bytes of the file. The number is the version of the format.
pub(crate) const HEADER: &[u8] = b"plimsoll positions 1\n";
/// Check sum, length, kind.
const FRAME_HEAD: usize = 4 + 2 + 1;

const OPEN: u8 = 1;
const MOVED: u8 = 2;
const PARKED: u8 = 3;
const FORGOTTEN: u8 = 4;
const STARTED: u8 = 5;

/// Appends the frame of `change` to `log`. A path longer than 64 KiB, which no kernel allows, is
/// cut.
pub(crate) fn encode(change: &Change, log: &mut Vec<u8>) {
    let start = log.len();
    log.extend_from_slice(&[0; FRAME_HEAD]);
    let kind = match change {
        Change::Open(id, entry) => {
            number(log, id.0);
            number(log, entry.identity.device);
            number(log, entry.identity.inode);
            number(log, entry.identity.born.unwrap_or(u64::MAX));
            position(log, entry.offset, entry.guard);
            let path = entry.path.as_os_str().as_bytes();
            log.extend_from_slice(path.get(..60_000).unwrap_or(path));
            OPEN
        }
        Change::Moved(id, offset, guard) => {
            number(log, id.0);
            position(log, *offset, *guard);
            MOVED
        }
        Change::Parked(id) => {
            number(log, id.0);
            PARKED
        }
        Change::Forgotten(id) => {
            number(log, id.0);
            FORGOTTEN
        }
        Change::Started(target) => {
            number(log, *target);
            STARTED
        }
    };
    let payload = u16::try_from(log.len() - start - FRAME_HEAD).unwrap_or(u16::MAX);
    let Some((sum, rest)) = log.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut) else {
        return;
    };
    if let Some(([low, high, place], _)) = rest.split_first_chunk_mut::<3>() {
        [*low, *high] = payload.to_le_bytes();
        *place = kind;
    }
    *sum = crc32fast::hash(rest).to_le_bytes();
}

fn number(log: &mut Vec<u8>, value: u64) {
    log.extend_from_slice(&value.to_le_bytes());
}

fn position(log: &mut Vec<u8>, offset: u64, guard: Guard) {
    number(log, offset);
    log.extend_from_slice(&guard.crc.to_le_bytes());
    log.push(guard.len);
}

/// Reads a log without its header. Gives each good change to `each` and says how many bytes at the
/// end were not good.
pub(crate) fn decode(mut log: &[u8], mut each: impl FnMut(&Change)) -> usize {
    while let Some((change, rest)) = frame(log) {
        each(&change);
        log = rest;
    }
    log.len()
}

fn frame(log: &[u8]) -> Option<(Change, &[u8])> {
    let (sum, rest) = log.split_first_chunk()?;
    let ([low, high, kind], _) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let (framed, next) = rest.split_at_checked(3 + length)?;
    if crc32fast::hash(framed) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut payload = Payload(framed.get(3..)?);
    let id = payload.number()?;
    let change = match *kind {
        OPEN => Change::Open(
            FileId(id),
            Entry {
                identity: Identity {
                    device: payload.number()?,
                    inode: payload.number()?,
                    born: Some(payload.number()?).filter(|born| *born != u64::MAX),
                },
                offset: payload.number()?,
                guard: payload.guard()?,
                path: Path::new(OsStr::from_bytes(payload.0)).to_owned(),
                parked: false,
            },
        ),
        MOVED => Change::Moved(FileId(id), payload.number()?, payload.guard()?),
        PARKED => Change::Parked(FileId(id)),
        FORGOTTEN => Change::Forgotten(FileId(id)),
        STARTED => Change::Started(id),
        _ => return None,
    };
    Some((change, next))
}

struct Payload<'a>(&'a [u8]);

impl Payload<'_> {
    fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn guard(&mut self) -> Option<Guard> {
        let (crc, rest) = self.0.split_first_chunk()?;
        let (len, rest) = rest.split_first()?;
        self.0 = rest;
        Some(Guard {
            crc: u32::from_le_bytes(*crc),
            len: *len,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any change.
    pub(crate) fn change() -> impl Strategy<Value = Change> {
        let id = (0_u64..5).prop_map(FileId);
        let guard = (any::<u32>(), 0_u8..=64).prop_map(|(crc, len)| Guard { crc, len });
        let identity = (0_u64..3, 0_u64..3, proptest::option::of(0_u64..3)).prop_map(
            |(device, inode, born)| Identity {
                device,
                inode,
                born,
            },
        );
        let entry = (identity, 0_u64..1000, guard.clone(), "[a-z/\u{e9}]{0,20}").prop_map(
            |(identity, offset, guard, path)| Entry {
                identity,
                path: path.into(),
                offset,
                guard,
                parked: false,
            },
        );
        prop_oneof![
            (id.clone(), entry).prop_map(|(id, entry)| Change::Open(id, entry)),
            (id.clone(), 0_u64..1000, guard)
                .prop_map(|(id, at, guard)| Change::Moved(id, at, guard)),
            id.clone().prop_map(Change::Parked),
            id.prop_map(Change::Forgotten),
            (0_u64..5).prop_map(Change::Started),
        ]
    }

    proptest! {
        #[test]
        fn a_log_that_is_cut_or_bent_anywhere_yields_the_changes_before_that_place(
            changes in proptest::collection::vec(change(), 1..20),
            place: proptest::sample::Index,
            cut: bool,
        ) {
            let mut log = Vec::new();
            let mut ends = vec![0];
            for change in &changes {
                encode(change, &mut log);
                ends.push(log.len());
            }
            let place = place.index(log.len());
            if cut {
                log.truncate(place);
            } else {
                log[place] ^= 0x10;
            }
            let whole = ends.iter().rposition(|end| *end <= place).unwrap();
            let mut read = Vec::new();
            let bad = decode(&log, |change| read.push(change.clone()));
            prop_assert_eq!(&read[..], &changes[..whole]);
            prop_assert_eq!(bad, log.len() - ends[whole]);
        }
    }
}
