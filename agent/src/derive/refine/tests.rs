//! Events before and after their target's wishes.

use super::*;
use crate::derive::filter::compile;
use crate::derive::sample::{About, Level, Rule};
use crate::derive::timestamp::{Format, SEARCH_BYTES};
use jiff::tz::TimeZone;

/// 2027-01-15T08:00:00Z.
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn filter(include: &[&str], exclude: &[&str]) -> Filter {
    let owned = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    Filter {
        include: compile(&owned(include)).unwrap(),
        exclude: compile(&owned(exclude)).unwrap(),
    }
}

fn stamped(out_of_window: OutOfWindow) -> Refiner {
    Refiner {
        timestamps: Some(Timestamps {
            formats: vec![Format::parse("rfc3339").unwrap()],
            zone: TimeZone::UTC,
            search_bytes: SEARCH_BYTES,
            out_of_window,
        }),
        ..Refiner::default()
    }
}

/// Lines of `raw`, ended by newlines, as framing finds them.
fn framed(raw: &[u8]) -> Events {
    let mut events = Events::default();
    let mut start = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        events.lines.push(Line {
            start: u32::try_from(start).unwrap(),
            len: u32::try_from(line.len() - 1).unwrap(),
            time: NOW,
        });
        start += line.len();
    }
    events
}

/// What the events say, each with the index in `raw` where it begins.
fn said(raw: &[u8], events: &Events) -> Vec<(u32, String)> {
    let source = events.text.as_ref().map_or(raw, |text| &text.bytes);
    let say = |(index, line): (usize, &Line)| {
        let text = &source[line.start as usize..][..line.len as usize];
        let start = match &events.text {
            Some(text) => text.starts[index],
            None => line.start,
        };
        (start, String::from_utf8_lossy(text).into_owned())
    };
    events.lines.iter().enumerate().map(say).collect()
}

fn times(events: &Events) -> Vec<i64> {
    events
        .lines
        .iter()
        .map(|line| NOW.0 - line.time.0)
        .collect()
}

#[test]
fn an_event_without_a_stamp_has_the_time_of_the_one_before_it() {
    let raw = b"first\n2027-01-15T07:59:59Z a\n  more\n2027-01-15T07:59:58Z b\n";
    let mut events = framed(raw);
    let refined = stamped(OutOfWindow::Keep).refine(raw, NOW, &mut events);
    assert_eq!(times(&events), [0, 1000, 1000, 2000]);
    assert_eq!(refined.timestamp_missing, 2);
    assert!(events.text.is_none(), "nothing was copied");
}

#[test]
fn a_stamp_that_cloudwatch_would_refuse_stays_or_becomes_now() {
    let raw = b"2026-12-31T08:00:01Z old\n2027-01-15T10:00:01Z ahead\n2027-01-01T08:00:00Z fine\n";
    let fortnight = 14 * 86_400_000;
    for (policy, expected, counted) in [
        (
            OutOfWindow::Keep,
            [15 * 86_400_000 - 1000, -7_201_000, fortnight],
            0,
        ),
        (OutOfWindow::Now, [0, 0, fortnight], 2),
    ] {
        let mut events = framed(raw);
        let refined = stamped(policy).refine(raw, NOW, &mut events);
        assert_eq!(times(&events), expected);
        assert_eq!(refined.timestamp_out_of_window, counted);
    }
}

#[test]
fn what_a_filter_leaves_out_is_counted_and_the_rest_keeps_its_place() {
    let raw = b"keep 1\ndrop\nkeep 2\ndrop\n";
    let keeping = Refiner {
        filter: filter(&["keep"], &[]),
        ..Refiner::default()
    };
    let mut events = framed(raw);
    let refined = keeping.refine(raw, NOW, &mut events);
    assert_eq!(refined.filtered, 2);
    let expected = [(0, "keep 1".to_owned()), (12, "keep 2".to_owned())];
    assert_eq!(said(raw, &events), expected);

    // The same when the text was decoded: its ranges and its places are not the same.
    let mut events = framed(raw);
    events.text = Some(Text {
        bytes: raw.to_vec(),
        starts: vec![0, 14, 24, 40],
    });
    keeping.refine(&[0; 60], NOW, &mut events);
    let expected = [(0, "keep 1".to_owned()), (24, "keep 2".to_owned())];
    assert_eq!(said(raw, &events), expected);
}

#[test]
fn refiners_are_the_same_when_they_were_configured_the_same() {
    let of = |pattern: &str| Refiner {
        filter: filter(&[pattern], &[]),
        ..stamped(OutOfWindow::Keep)
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
    assert_ne!(stamped(OutOfWindow::Keep), stamped(OutOfWindow::Now));
}

#[test]
fn a_redacted_event_keeps_its_place_and_its_neighbours() {
    let refiner = Refiner {
        redactor: Some(Redactor::new(vec![Kind::Emails], Vec::new()).unwrap()),
        filter: filter(&[], &["drop"]),
        ..Refiner::default()
    };
    let raw = b"first\ndrop\nfrom a@example.com\nlast\n";
    let mut events = framed(raw);
    let told = refiner.refine(raw, NOW, &mut events);
    let expected = [(0, "first"), (11, "from [redacted:email]"), (30, "last")];
    let expected = expected.map(|(start, text)| (start, text.to_owned()));
    assert_eq!(said(raw, &events), expected);
    assert!(
        !events
            .text
            .unwrap()
            .bytes
            .windows(7)
            .any(|part| part == b"example")
    );
    let count = told.replaced.counts().find(|(kind, _)| *kind == "emails");
    assert_eq!(count, Some(("emails", 1)));

    let clean = b"nothing here\n";
    let mut events = framed(clean);
    refiner.refine(clean, NOW, &mut events);
    assert!(events.text.is_none(), "clean text is not copied");
}

#[test]
fn rows_of_a_private_key_are_replaced_when_begin_or_end_was_read_with_them() {
    let refiner = Refiner {
        redactor: Some(Redactor::new(vec![Kind::PrivateKeys], Vec::new()).unwrap()),
        ..Refiner::default()
    };
    let check = |raw: &str, expected: &[&str]| {
        let mut events = framed(raw.as_bytes());
        refiner.refine(raw.as_bytes(), NOW, &mut events);
        let said = said(raw.as_bytes(), &events);
        let texts: Vec<&str> = said.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, expected);
    };
    let key = "[redacted:private_key]";
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    check(
        &format!("a\n{begin}\nMIIE+/\nGET /x ok\nabc=\n{end}\nword\n"),
        &["a", key, key, "GET /x ok", key, end, "word"],
    );
    check(&format!("{begin}\nMIIE\n"), &[key, key]);
    check(
        &format!("a line\nMIIE\nabc=\n{end}\n"),
        &["a line", key, key, end],
    );
    check("MIIE\nabc=\n", &["MIIE", "abc="]);
}

#[test]
fn of_json_objects_the_wanted_field_is_sent_with_the_time_that_they_tell() {
    let refiner = Refiner {
        json: Some(Json {
            timestamp: Some("ts".to_owned()),
            level: "level".to_owned(),
            message: Some("msg".to_owned()),
            fields: Vec::new(),
        }),
        sampler: Some(Sampler {
            rules: vec![Rule {
                about: About::Level(Level::Debug),
                keep: 0,
            }],
        }),
        redactor: Some(Redactor::new(vec![Kind::Emails], Vec::new()).unwrap()),
        ..stamped(OutOfWindow::Keep)
    };
    let raw = br#"{"ts":"2027-01-15T07:59:59Z","msg":"from a\u0040example.com","level":"info"}
{"ts":"2027-01-15T07:59:58Z","msg":"out","level":"debug"}
{"ts":"2027-01-15T07:59:57Z","level":"info"}
{"ts":"2027-01-15T07:59:56Z","msg":"broken
"#;
    let mut events = framed(raw);
    let told = refiner.refine(raw, NOW, &mut events);
    let texts: Vec<String> = said(raw, &events)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let whole = r#"{"ts":"2027-01-15T07:59:57Z","level":"info"}"#;
    let broken = r#"{"ts":"2027-01-15T07:59:56Z","msg":"broken"#;
    assert_eq!(texts, ["from [redacted:email]", whole, broken]);
    assert_eq!(times(&events), [1000, 3000, 4000]);
    let counts = (told.sampled, told.json_field_missing, told.json_invalid);
    assert_eq!((counts, told.timestamp_missing), ((1, 1, 1), 0));
}
