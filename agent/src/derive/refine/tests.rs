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
        require: None,
    }
}

fn stamped(out_of_window: OutOfWindow) -> Refiner {
    Refiner {
        timestamps: Some(Timestamps {
            formats: vec![Format::parse("rfc3339").unwrap()],
            zone: TimeZone::UTC,
            search_bytes: SEARCH_BYTES,
            out_of_window,
            trim: false,
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
fn a_stamp_is_taken_out_unless_nothing_else_is_left() {
    let raw = b"2027-01-15T07:59:59Z a\n  more\n[2027-01-15T07:59:58Z] b\n2027-01-15T07:59:57Z\n";
    let mut refiner = stamped(OutOfWindow::Keep);
    if let Some(timestamps) = &mut refiner.timestamps {
        timestamps.trim = true;
    }
    let mut events = framed(raw);
    refiner.refine(raw, NOW, &mut events);
    let texts: Vec<String> = said(raw, &events)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, [" a", "  more", "[] b", "2027-01-15T07:59:57Z"]);
    assert_eq!(times(&events), [1000, 1000, 2000, 3000]);
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

/// A document with this many metrics.
fn document(metrics: usize) -> String {
    let names: Vec<String> = (0..metrics)
        .map(|n| format!(r#"{{"Name":"m{n}"}}"#))
        .collect();
    let values: Vec<String> = (0..metrics).map(|n| format!(r#""m{n}":{n}"#)).collect();
    format!(
        r#"{{"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[[]],"Metrics":[{}]}}]}},{}}}"#,
        NOW.0,
        names.join(","),
        values.join(",")
    )
}

#[test]
fn a_document_with_too_many_metrics_is_sent_as_several_that_settle_the_same_bytes() {
    let raw = format!("first\n{}\nlast\n", document(250));
    let mut events = framed(raw.as_bytes());
    let refined = Refiner::default().refine(raw.as_bytes(), NOW, &mut events);
    let said = said(raw.as_bytes(), &events);
    let starts: Vec<u32> = said.iter().map(|(start, _)| *start).collect();
    let last = u32::try_from(raw.len() - 5).unwrap();
    assert_eq!(starts, [0, 6, 6, 6, last]);
    assert_eq!((refined.pieces, said[4].1.as_str()), (2, "last"));
    assert!(said[3].1.len() < said[1].1.len());
    assert!(refined.problems().all(|(_, count)| count == 0));
}

#[test]
fn lines_without_too_many_metrics_or_of_bad_documents_are_sent_as_they_are() {
    let bad = document(200).replace("\"Namespace\":\"N\"", "\"Namespace\":\"\"");
    let raw = format!("plain\n{{\"a\":1}}\n{}\n{bad}\n", document(100));
    let mut events = framed(raw.as_bytes());
    let refined = Refiner::default().refine(raw.as_bytes(), NOW, &mut events);
    assert!(events.text.is_none(), "nothing was copied");
    let problems: Vec<_> = refined.problems().filter(|(_, count)| *count > 0).collect();
    assert_eq!(
        (events.lines.len(), problems),
        (4, vec![("emf_namespace", 1)])
    );
}

#[test]
fn metrics_of_documents_are_taken_out_and_only_what_gives_none_is_sent() {
    let broken = r#"{"_aws":{"CloudWatchMetrics":[]}}"#;
    let raw = format!("plain\n{}\n{broken}\n", document(150));
    let mut events = framed(raw.as_bytes());
    let refiner = Refiner {
        emf: Emf::Extract,
        ..Refiner::default()
    };
    let done = refiner.refine(raw.as_bytes(), NOW, &mut events);
    let said: Vec<String> = said(raw.as_bytes(), &events)
        .into_iter()
        .map(|(_, s)| s)
        .collect();
    assert_eq!(said, ["plain", broken]);
    assert_eq!((events.measured.readings.len(), done.emf), (150, 1));
    let problems: Vec<_> = done.problems().filter(|(_, count)| *count > 0).collect();
    assert_eq!(problems, [("emf_timestamp", 1)], "a plain line has none");
    assert_eq!(
        done.dropped().iter().map(|(_, count)| count).sum::<u64>(),
        1
    );
}

#[test]
fn lines_are_measured_also_if_they_are_left_out_and_each_that_is_not_shipped_is_counted() {
    use crate::derive::measure::access::Format as Access;
    use crate::derive::measure::{AccessLog, Rule};
    let line = |status: u32| format!("1.2.3.4 - - [x] \"GET / HTTP/1.1\" {status} 5 \"-\" \"-\"\n");
    let raw = line(200) + &line(500) + "not one\n";
    let refiner = |unshipped| Refiner {
        measures: Some(Measures {
            rules: vec![Rule::Access(AccessLog::new(
                Access::Nginx,
                (false, false),
                Vec::new(),
                None,
            ))],
            json: None,
        }),
        unshipped,
        filter: filter(&[], &[" 200 "]),
        ..Refiner::default()
    };
    for (unshipped, dropped, sent) in [
        (false, [("filtered", 1), ("not_shipped", 0)], 2),
        (true, [("filtered", 0), ("not_shipped", 3)], 0),
    ] {
        let mut events = framed(raw.as_bytes());
        let done = refiner(unshipped).refine(raw.as_bytes(), NOW, &mut events);
        let requests = events
            .measured
            .told()
            .into_iter()
            .filter(|(name, _)| name == "Requests");
        assert_eq!(requests.count(), 2);
        assert_eq!(done.unmeasured.access, 1);
        let told = done.dropped();
        assert!(dropped.iter().all(|one| told.contains(one)), "{told:?}");
        assert_eq!(events.lines.len(), sent);
    }
}

#[test]
fn a_line_of_a_time_that_cloudwatch_refuses_is_not_measured() {
    use crate::derive::measure::access::Format as Access;
    use crate::derive::measure::{AccessLog, Rule};
    let raw = b"1.2.3.4 - - [x] \"GET /?t=2020-01-01T00:00:00Z HTTP/1.1\" 200 5\n";
    let mut events = framed(raw);
    let refiner = Refiner {
        measures: Some(Measures {
            rules: vec![Rule::Access(AccessLog::new(
                Access::Apache,
                (false, false),
                Vec::new(),
                None,
            ))],
            json: None,
        }),
        ..stamped(OutOfWindow::Keep)
    };
    let done = refiner.refine(raw, NOW, &mut events);
    assert_eq!(done.unmeasured.time, 1);
    assert!(events.measured.is_empty());
}
