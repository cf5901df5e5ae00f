//! Events that wait for what may follow them, encodings, and limits of rate, through the reader.

use super::*;
use std::collections::HashSet;

use crate::config::{Framing, Mode, Modes, MultiLine, Rule, TextEncoding};

const TIMEOUT: Duration = MultiLine::TIMEOUT;
const KIB: u64 = 1024;

impl Followed {
    /// Follows each of these names, framed as it says.
    fn framed(files: &[(&str, Framing)]) -> Self {
        let logs = Self::new(StartPosition::Beginning, &[]);
        let targets = files.iter().map(|(name, framing)| FileTarget {
            include: vec![logs.path(name).display().to_string()],
            start: StartPosition::Beginning,
            stream: "{file_name}".to_owned(),
            framing: framing.clone(),
            ..FileTarget::default()
        });
        let targets = Targets::new(targets.collect()).unwrap();
        let Self { mut reader, .. } = logs;
        reader.targets = targets;
        Self { reader, ..logs }
    }

    fn indented(content: &str) -> Self {
        let rule = Rule::Modes(Modes::default().with(Mode::Indent));
        let framing = Framing {
            multi_line: Some(MultiLine::new(rule)),
            ..Framing::default()
        };
        let logs = Self::framed(&[("app.log", framing)]);
        logs.append("app.log", content);
        logs
    }

    /// What was read of a file up to now.
    fn bytes_of(chunks: &[Chunk], name: &str) -> u64 {
        let of_file = chunks.iter().filter(|chunk| chunk.path.ends_with(name));
        of_file
            .map(|chunk| chunk.position(chunk.count()) - chunk.position(0))
            .sum()
    }
}

#[test]
fn the_last_event_is_sent_when_its_file_was_quiet_for_the_timeout() {
    let mut logs = Followed::indented("one\n a\ntwo\n b\n");
    assert_eq!(logs.lines(), ["one\n a"]);
    let wake = logs.reader.round(logs.now).wake;
    assert!(wake <= logs.now + TIMEOUT);
    logs.append("app.log", "\n c\n");
    assert!(logs.lines_after(Duration::from_secs(4)).is_empty());
    assert!(
        logs.lines_after(Duration::from_secs(1)).is_empty(),
        "it has grown meanwhile"
    );
    logs.append("app.log", " half");
    assert!(logs.lines_after(Duration::from_secs(3)).is_empty());
    assert_eq!(logs.lines_after(TIMEOUT), ["two\n b\n\n c"]);
    logs.append("app.log", " a line\nthree\n");
    assert_eq!(logs.lines(), [" half a line"]);
    assert_eq!(logs.lines_after(TIMEOUT), ["three"]);
    assert!(logs.reader.next_due().is_none());
}

#[test]
fn an_event_that_waits_costs_no_round_until_its_time() {
    let mut logs = Followed::indented("one\n");
    assert!(logs.lines().is_empty());
    let wakes = (0..5).map(|_| logs.reader.round(logs.now).wake);
    assert_eq!(wakes.collect::<HashSet<_>>().len(), 1);
}

#[test]
fn what_waits_is_sent_at_the_end_and_when_its_file_was_rotated_or_begins_anew() {
    let mut logs = Followed::indented("one\n a\n");
    assert!(logs.lines().is_empty());
    logs.reader.flush_waiting();
    assert_eq!(logs.lines(), ["one\n a"]);
    logs.append("app.log", "two\n b");
    assert!(logs.lines().is_empty());
    logs.rename("app.log", "old.log");
    logs.lines_after(TIMING.rescan);
    let mut rest = logs.lines_after(TIMING.rotate_wait);
    rest.extend(logs.lines_after(TIMING.rotate_wait));
    assert_eq!(rest, [" b"], "two was complete, and its file quiet");
}

#[test]
fn a_byte_order_mark_is_known_after_a_restart_in_the_middle_of_the_file() {
    let framing = Framing {
        encoding: TextEncoding::Utf16,
        ..Framing::default()
    };
    let mut logs = Followed::framed(&[("app.log", framing)]);
    let bytes = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect::<Vec<u8>>()
    };
    std::fs::write(logs.path("app.log"), bytes("\u{feff}ä\n")).unwrap();
    assert_eq!(logs.lines(), ["ä"]);
    let mut snapshot = Snapshot::default();
    for change in logs.ledger.take_changes() {
        snapshot.apply(&change);
    }
    let Followed {
        directory, reader, ..
    } = logs;
    let mut again = Followed::over(directory, StartPosition::End, snapshot);
    again.reader.targets = reader.targets;
    std::fs::write(again.path("app.log"), bytes("\u{feff}ä\nö\n")).unwrap();
    assert_eq!(again.lines(), ["ö"]);
    // A file that begins anew may say otherwise.
    let other: Vec<u8> = "\u{feff}ü\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(again.path("app.log"), other).unwrap();
    assert_eq!(again.lines_after(TIMING.sweep), ["ü"]);
}

#[test]
fn a_rate_limit_delays_its_file_loses_nothing_and_holds_up_no_other() {
    let limited = Framing {
        rate_limit: Some(64 * KIB),
        ..Framing::default()
    };
    let mut logs = Followed::framed(&[("slow.log", limited), ("fast.log", Framing::default())]);
    let line = format!("{}\n", "x".repeat(1023));
    logs.append("slow.log", &line.repeat(1000));
    logs.append("fast.log", &line.repeat(1000));
    let begun = logs.now;
    let (mut chunks, mut rounds) = (Vec::new(), 0);
    loop {
        let round = logs.reader.round(logs.now);
        rounds += 1;
        chunks.extend(round.chunks);
        let passed = (logs.now - begun).as_secs();
        let slow = Followed::bytes_of(&chunks, "slow.log");
        let turn = TURN_BYTES as u64;
        assert!(
            slow <= 64 * KIB * (passed + 1) + turn,
            "{slow} after {passed} s"
        );
        if round.drained {
            break;
        }
        if !round.more {
            assert_eq!(Followed::bytes_of(&chunks, "fast.log"), 1000 * KIB);
            logs.now = round.wake;
        }
    }
    assert_eq!(Followed::bytes_of(&chunks, "slow.log"), 1000 * KIB);
    let passed = (logs.now - begun).as_secs();
    assert!((12..=16).contains(&passed), "{passed} s for 1000 KiB");
    assert!(rounds < 40, "{rounds} rounds");
    let limited = logs
        .problems()
        .into_iter()
        .find(|(reason, _)| *reason == "rate_limited");
    assert!(limited.is_some_and(|(_, count)| count > 1));
}
