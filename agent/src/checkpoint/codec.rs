//! How changes are written: a header, then one frame after another. Pure.
//!
//! A frame is the CRC-32 (IEEE) of what follows, the length of the payload, the kind, and the
//! payload, all little-endian. A frame that is cut off or whose check sum is wrong ends the log:
//! what comes after it cannot be trusted, what comes before it can.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::checkpoint::{Change, Cursor, Entry};
use crate::record::{FileId, Guard};
use crate::source::file::identity::{Head, Identity};

/// The first bytes of the file. The number is the version of the format.
pub(crate) const HEADER: &[u8] = b"plimsoll positions 2\n";
/// Those of the first version, which knew neither handles nor heads. It is read, not written.
const HEADER_1: &[u8] = b"plimsoll positions 1\n";
/// Stands for what is not known.
const NONE: u64 = u64::MAX;
/// Check sum, length, kind.
const FRAME_HEAD: usize = 4 + 2 + 1;

/// A file that is followed, as version 1 wrote it.
const OPEN_1: u8 = 1;
const MOVED: u8 = 2;
const PARKED: u8 = 3;
const FORGOTTEN: u8 = 4;
const STARTED: u8 = 5;
const OPEN: u8 = 6;
const CURSOR: u8 = 16;

/// A log without its header; `None` if this is no log of a version that is known.
pub(crate) fn frames(log: &[u8]) -> Option<&[u8]> {
    let known = [HEADER, HEADER_1];
    known.iter().find_map(|header| log.strip_prefix(*header))
}

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
            number(log, entry.identity.born.unwrap_or(NONE));
            number(log, entry.identity.handle.unwrap_or(NONE));
            log.extend_from_slice(&entry.head.crc.to_le_bytes());
            log.extend_from_slice(&entry.head.len.to_le_bytes());
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
        Change::Cursor(target, cursor) => {
            number(log, *target);
            log.extend_from_slice(&cursor.boot.to_le_bytes());
            number(log, cursor.realtime_us);
            let text = cursor.text.as_bytes();
            log.extend_from_slice(text.get(..60_000).unwrap_or(text));
            CURSOR
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
        OPEN | OPEN_1 => Change::Open(FileId(id), payload.entry(*kind == OPEN)?),
        MOVED => Change::Moved(FileId(id), payload.number()?, payload.guard()?),
        PARKED => Change::Parked(FileId(id)),
        FORGOTTEN => Change::Forgotten(FileId(id)),
        STARTED => Change::Started(id),
        CURSOR => Change::Cursor(
            id,
            Cursor {
                boot: payload.wide_number()?,
                realtime_us: payload.number()?,
                text: String::from_utf8(payload.0.to_vec()).ok()?,
            },
        ),
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

    fn wide_number(&mut self) -> Option<u128> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u128::from_le_bytes(*bytes))
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

    fn head(&mut self) -> Option<Head> {
        let (crc, rest) = self.0.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        self.0 = rest;
        Some(Head {
            crc: u32::from_le_bytes(*crc),
            len: u16::from_le_bytes(*len),
        })
    }

    /// A file, with what version 1 did not know if `whole`.
    fn entry(&mut self, whole: bool) -> Option<Entry> {
        let known = |number: u64| (number != NONE).then_some(number);
        let (device, inode, born) = (self.number()?, self.number()?, self.number()?);
        let (handle, head) = if whole {
            (self.number()?, self.head()?)
        } else {
            (NONE, Head::default())
        };
        Some(Entry {
            identity: Identity {
                device,
                inode,
                born: known(born),
                handle: known(handle),
            },
            head,
            offset: self.number()?,
            guard: self.guard()?,
            path: Path::new(OsStr::from_bytes(self.0)).to_owned(),
            parked: false,
        })
    }
}

/// Reads anything as a log, and as what a frame holds whose check sum is right, and checks that what
/// was understood is understood again after it was written.
///
/// # Panics
/// When it is not.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_anything(data: &[u8]) {
    let read = |log: &[u8]| {
        let mut changes = Vec::new();
        let bad = decode(log, |change| changes.push(change.clone()));
        (changes, bad)
    };
    let mut framed = vec![0; 4];
    let (kind, payload) = data.split_first().unwrap_or((&0, &[]));
    let payload = payload.get(..60_000).unwrap_or(payload);
    framed.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    framed.push(*kind);
    framed.extend_from_slice(payload);
    if let Some((sum, rest)) = framed.split_first_chunk_mut() {
        *sum = crc32fast::hash(rest).to_le_bytes();
    }
    for log in [data, &framed] {
        let (changes, _) = read(log);
        let mut again = Vec::new();
        for change in &changes {
            encode(change, &mut again);
        }
        assert!(
            read(&again) == (changes, 0),
            "read other than it was written"
        );
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
        let known = proptest::option::of(0_u64..3);
        let identity =
            (0_u64..3, 0_u64..3, known.clone(), known).prop_map(|(device, inode, born, handle)| {
                Identity {
                    device,
                    inode,
                    born,
                    handle,
                }
            });
        let head = (any::<u32>(), 0_u16..=256).prop_map(|(crc, len)| Head { crc, len });
        let path = "[a-z/\u{e9}]{0,20}";
        let entry = (identity, head, 0_u64..1000, guard.clone(), path).prop_map(
            |(identity, head, offset, guard, path)| Entry {
                identity,
                head,
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
            (0_u64..5, any::<u128>(), any::<u64>(), "[a-z=;]{0,20}").prop_map(
                |(target, boot, realtime_us, text)| {
                    let cursor = Cursor {
                        boot,
                        realtime_us,
                        text,
                    };
                    Change::Cursor(target, cursor)
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm_and_what_is_understood_is_written_as_it_was(
            data in proptest::collection::vec(any::<u8>(), 0..120),
            kind in 0_u8..8,
        ) {
            read_anything(&data);
            read_anything(&[&[kind], &data[..]].concat());
        }

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

    #[test]
    fn a_log_of_the_first_version_is_read() {
        // A file on device 1 with inode 2, born at 3, delivered up to offset 4, and its move to 9.
        let mut log = HEADER_1.to_vec();
        let mut frame = |kind: u8, payload: &[u8]| {
            let len = u16::try_from(payload.len()).unwrap();
            let framed = [&len.to_le_bytes(), &[kind][..], payload].concat();
            log.extend_from_slice(&crc32fast::hash(&framed).to_le_bytes());
            log.extend_from_slice(&framed);
        };
        let mut opened: Vec<u8> = [7_u64, 1, 2, 3, 4]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        opened.extend_from_slice(b"\xaa\xbb\xcc\xdd\x04/var/log/app.log");
        frame(1, &opened);
        frame(
            2,
            &[
                &7_u64.to_le_bytes()[..],
                &9_u64.to_le_bytes(),
                &[1, 0, 0, 0, 5],
            ]
            .concat(),
        );
        let mut read = Vec::new();
        let bad = decode(frames(&log).unwrap(), |change| read.push(change.clone()));
        let guard = |crc, len| Guard { crc, len };
        let entry = Entry {
            identity: Identity {
                device: 1,
                inode: 2,
                born: Some(3),
                handle: None,
            },
            head: Head::default(),
            path: "/var/log/app.log".into(),
            offset: 4,
            guard: guard(0xddcc_bbaa, 4),
            parked: false,
        };
        let expected = [
            Change::Open(FileId(7), entry),
            Change::Moved(FileId(7), 9, guard(1, 5)),
        ];
        assert_eq!((&read[..], bad), (&expected[..], 0));
        assert!(frames(b"plimsoll positions 3\n").is_none());
    }
}
