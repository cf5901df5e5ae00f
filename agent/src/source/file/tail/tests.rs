//! Turns over one file: lines that come in pieces, truncation, and what is counted.

use super::*;
use crate::derive::lines::UNFINISHED_MAX;
use crate::fs::HostFs;
use crate::record::tests::stream;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

struct Followed {
    path: PathBuf,
    tail: Tail<HostFs>,
    buffers: Arc<Buffers>,
    _directory: tempfile::TempDir,
}

fn followed(content: &[u8]) -> Followed {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    std::fs::write(&path, content).unwrap();
    let (file, stat) = HostFs.open(&path).unwrap().unwrap();
    let tail = Tail {
        id: FileId(1),
        identity: stat.identity,
        path: Arc::from(path.as_path()),
        stream: stream(),
        dated: None,
        refiner: None,
        file: Some(file),
        at: Arc::from(path.as_path()),
        real: None,
        nameless: false,
        failures: 0,
        offset: 0,
        guard: Guard::default(),
        head: Head::default(),
        shape: Shape::default(),
        seen: Shape::default(),
        queued: false,
        detached: None,
        changed: Instant::now(),
        scan: 0,
        last: false,
        told: [false; 2],
        framing: FileFraming::default(),
        rate: Rate::default(),
        event_due: None,
    };
    Followed {
        path,
        tail,
        buffers: Arc::new(Buffers::new(BUFFER_BYTES, SPARE_BUFFERS_MAX)),
        _directory: directory,
    }
}

impl Followed {
    fn append(&self, content: &[u8]) {
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(content).unwrap();
    }

    fn turn(&mut self) -> Turn {
        self.tail
            .turn(&HostFs, UnixMillis(7), &self.buffers)
            .unwrap()
    }

    /// All lines until there is nothing more to read.
    fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        loop {
            let turn = self.turn();
            assert!(!turn.replaced);
            if let Some(chunk) = &turn.chunk {
                lines.extend((0..chunk.count()).map(|line| chunk.line(line).to_vec()));
            }
            if !turn.more {
                return lines;
            }
        }
    }
}

#[test]
fn an_unfinished_line_waits_until_it_is_finished_or_the_last() {
    let mut file = followed(b"one\ntw");
    assert_eq!(file.lines(), [b"one"]);
    assert!(file.lines().is_empty());
    file.append(b"o\nthree");
    assert_eq!(file.lines(), [b"two"]);
    file.tail.last = true;
    assert_eq!(file.lines(), [b"three"]);
    assert_eq!(file.tail.offset, 13);
}

#[test]
fn lines_longer_than_a_turn_arrive_whole_and_the_turns_join() {
    let mut text = Vec::new();
    for len in [10, TURN_BYTES * 2, 5, TURN_BYTES - 3, 1_000_000, 70] {
        text.extend(std::iter::repeat_n(b'x', len));
        text.push(b'\n');
    }
    let mut file = followed(&text);
    let lens: Vec<usize> = file.lines().iter().map(Vec::len).collect();
    assert_eq!(lens, [10, TURN_BYTES * 2, 5, TURN_BYTES - 3, 1_000_000, 70]);
}

#[test]
fn a_huge_line_without_an_end_moves_on_in_bounded_memory() {
    let mut file = followed(&vec![b'x'; 10_000_000]);
    let (mut sent, mut more) = (0, true);
    while more {
        let turn = file.turn();
        more = turn.more;
        if let Some(chunk) = turn.chunk {
            assert!(chunk.bytes.capacity() < 2 * UNFINISHED_MAX);
            sent += (0..chunk.count())
                .map(|line| memchr::memchr_iter(b'x', chunk.line(line)).count())
                .sum::<usize>();
        }
    }
    assert_eq!(sent as u64, file.tail.offset);
    assert!(10_000_000 - sent < UNFINISHED_MAX);
}

#[test]
fn a_truncated_file_is_noticed_smaller_equal_or_larger() {
    for anew in ["x\n", "one\nTWO\n", "another\nand more than before\n"] {
        let mut file = followed(b"one\ntwo\n");
        assert_eq!(file.lines().len(), 2);
        // Some file systems keep coarse times: an explicit one makes the rewrite visible.
        std::fs::write(&file.path, anew).unwrap();
        let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        OpenOptions::new()
            .append(true)
            .open(&file.path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert!(file.turn().replaced, "{anew:?}");
    }
}

#[test]
fn a_few_bytes_do_not_hold_a_whole_read_buffer() {
    let mut file = followed(b"one\n");
    let chunk = file.turn().chunk.unwrap();
    assert!(chunk.bytes.capacity() < 1024);
}

#[test]
fn empty_lines_are_counted_and_their_bytes_are_accounted_for() {
    let mut file = followed(b"\n\r\n\n");
    let turn = file.turn();
    assert_eq!((turn.empty, turn.skipped), (3, Some((0, 4))));
    assert!(turn.chunk.is_none());
}

#[test]
fn bytes_of_which_every_line_is_left_out_are_settled_all_the_same() {
    let mut file = followed(b"one\ntwo\n");
    let none = crate::derive::filter::compile(&["x".to_owned()]).unwrap();
    let mut refiner = Refiner::default();
    refiner.filter.include = none;
    file.tail.refiner = Some(Arc::new(refiner));
    let turn = file.turn();
    assert!(turn.chunk.is_none());
    assert_eq!((turn.skipped, turn.refined.filtered), (Some((0, 8)), 2));
}

#[test]
fn odd_bytes_are_told_once_per_file() {
    let mut file = followed(b"a\xff\0\n");
    assert_eq!(
        file.turn().oddities,
        [Some("invalid_utf8"), Some("nul_bytes")]
    );
    file.append(b"a\xff\0\n");
    assert_eq!(file.turn().oddities, [None, None]);
}
