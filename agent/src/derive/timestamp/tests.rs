//! Stamps as they are in real logs, and jiff's own parser as a second opinion.

use super::*;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use proptest::prelude::*;

/// 2027-01-15T08:00:00Z, a Friday.
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn timestamps(format: &str, zone: &str) -> Timestamps {
    Timestamps {
        formats: vec![Format::parse(format).unwrap()],
        zone: TimeZone::get(zone).unwrap(),
        search_bytes: SEARCH_BYTES,
        out_of_window: OutOfWindow::Keep,
        trim: false,
    }
}

fn stamp(format: &str, zone: &str, now: UnixMillis, text: &str) -> Option<String> {
    let timestamps = timestamps(format, zone);
    let mut resolver = Resolver::new(&timestamps.zone, now);
    timestamps
        .of_text(text.as_bytes(), &mut resolver)
        .map(|(time, _)| Timestamp::from_millisecond(time.0).unwrap().to_string())
}

/// A format, a line, and its time in UTC; empty for none.
type Case<'t> = (&'t str, &'t str, &'t str);

fn check(zone: &str, now: UnixMillis, cases: &[Case<'_>]) {
    for (format, text, expected) in cases {
        let found = stamp(format, zone, now, text).unwrap_or_default();
        assert_eq!(&found, expected, "{format} in {text:?}");
    }
}

/// Read in Zurich at [`NOW`].
const COMMON: &[Case<'_>] = &[
    (
        "rfc3339",
        "2026-11-24T10:00:00.123456Z x",
        "2026-11-24T10:00:00.123Z",
    ),
    (
        "rfc3339",
        "[2026-11-24 10:00:00,5+01:00] x",
        "2026-11-24T09:00:00.5Z",
    ),
    ("rfc3339", "2026-07-01 10:00:00 x", "2026-07-01T08:00:00Z"),
    (
        "rfc3339",
        "2026-11-24T10:00:00 -0500",
        "2026-11-24T15:00:00Z",
    ),
    (
        "%b %e %H:%M:%S",
        "Nov  4 01:02:03 web sshd: x",
        "2026-11-04T00:02:03Z",
    ),
    (
        "%d/%b/%Y:%H:%M:%S %z",
        "1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] \"GET",
        "2026-10-10T20:55:36Z",
    ),
    (
        "%Y-%m-%d %H:%M:%S,%f",
        "2026-11-24 10:00:00,123 INFO",
        "2026-11-24T09:00:00.123Z",
    ),
    (
        "%Y-%m-%d %H:%M:%S.%f",
        "2026-11-24 10:00:00,123456789 INFO",
        "2026-11-24T09:00:00.123Z",
    ),
    (
        "%Y-%m-%d %H:%M:%S%.f",
        "2026-11-24 10:00:00 INFO",
        "2026-11-24T09:00:00Z",
    ),
    (
        "%B %-d, %Y %I:%M:%S %p",
        "September 3, 2026 12:05:09 AM x",
        "2026-09-02T22:05:09Z",
    ),
    (
        "%a %b %d %H:%M:%S %Z %Y",
        "Tue Nov 24 22:00:00 CET 2026",
        "2026-11-24T21:00:00Z",
    ),
    (
        "%a %b %d %H:%M:%S %Z %Y",
        "Tue Nov 24 22:00:00 PST 2026",
        "2026-11-25T06:00:00Z",
    ),
    (
        "%a %b %d %H:%M:%S %Z %Y",
        "Tue Nov 24 22:00:00 UTC 2026",
        "2026-11-24T22:00:00Z",
    ),
    (
        "%y%m%d %H:%M:%S",
        "261124  9:05:00 [Note]",
        "2026-11-24T08:05:00Z",
    ),
    ("%Y/%j %T", "2026/328 10:00:00", "2026-11-24T09:00:00Z"),
    ("epoch", "t=1700000000 x", "2023-11-14T22:13:20Z"),
    ("epoch", "1700000000123 x", "2023-11-14T22:13:20.123Z"),
    ("epoch", "1700000000123456 x", "2023-11-14T22:13:20.123Z"),
    ("epoch", "1700000000123456789 x", "2023-11-14T22:13:20.123Z"),
    ("epoch", "1700000000.25 x", "2023-11-14T22:13:20.25Z"),
    ("epoch_ms", "1700000000123 x", "2023-11-14T22:13:20.123Z"),
    ("%s.%f", "1700000000.25 x", "2023-11-14T22:13:20.25Z"),
    ("epoch", "12345678 is too short", ""),
    ("epoch", "17000000001234567890 is too long", ""),
];

#[test]
fn stamps_of_common_logs_are_found() {
    check("Europe/Zurich", NOW, COMMON);
}

#[test]
fn what_is_no_stamp_is_none() {
    check(
        "UTC",
        NOW,
        &[
            ("rfc3339", "", ""),
            ("rfc3339", "2026-13-24T10:00:00Z", ""),
            ("rfc3339", "2026-02-30T10:00:00Z", ""),
            ("rfc3339", "2026-11-24", ""),
            ("%H:%M:%S", "25:00:00", ""),
            ("%b %d %H:%M:%S", "Now 24 10:00:00", ""),
            ("%H:%M:%S", "10.0.0.1 at 13:08:07", "2027-01-14T13:08:07Z"),
        ],
    );
}

#[test]
fn a_stamp_is_looked_for_no_further_than_it_may_begin() {
    let mut timestamps = timestamps("rfc3339", "UTC");
    for (search_bytes, found) in [(0, false), (4, false), (5, true)] {
        timestamps.search_bytes = search_bytes;
        let mut resolver = Resolver::new(&timestamps.zone, NOW);
        let text = b"abcd 2026-11-24T10:00:00Z";
        let time = timestamps.of_text(text, &mut resolver);
        assert_eq!(time.is_some(), found, "{search_bytes}");
    }
}

#[test]
fn a_year_that_is_not_told_is_the_latest_that_is_not_ahead() {
    let at = |text: &str| UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond());
    let format = "%b %d %H:%M:%S";
    let new_year = at("2027-01-01T00:00:05Z");
    check(
        "UTC",
        new_year,
        &[(format, "Dec 31 23:59:59", "2026-12-31T23:59:59Z")],
    );
    check(
        "UTC",
        new_year,
        &[(format, "Jan 01 00:00:04", "2027-01-01T00:00:04Z")],
    );
    let old_year = at("2026-12-31T23:59:50Z");
    check(
        "UTC",
        old_year,
        &[(format, "Jan 01 00:00:01", "2027-01-01T00:00:01Z")],
    );
    check(
        "UTC",
        old_year,
        &[(format, "Jan 02 00:00:01", "2026-01-02T00:00:01Z")],
    );
    check(
        "UTC",
        NOW,
        &[(format, "Feb 29 12:00:00", "2024-02-29T12:00:00Z")],
    );
    let midnight = at("2027-01-15T00:00:30Z");
    check(
        "UTC",
        midnight,
        &[("%T", "23:59:59", "2027-01-14T23:59:59Z")],
    );
    check(
        "UTC",
        midnight,
        &[("%T", "00:00:29", "2027-01-15T00:00:29Z")],
    );
    check(
        "UTC",
        at("2027-01-14T23:59:59Z"),
        &[("%T", "00:00:01", "2027-01-15T00:00:01Z")],
    );
}

#[test]
fn an_hour_that_comes_twice_is_the_later_one_unless_that_is_still_to_come() {
    let at = |text: &str| UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond());
    let case = ("%F %T", "2026-10-25 02:30:00");
    let first = at("2026-10-25T00:30:01Z");
    check(
        "Europe/Zurich",
        first,
        &[(case.0, case.1, "2026-10-25T00:30:00Z")],
    );
    let second = at("2026-10-25T01:30:01Z");
    check(
        "Europe/Zurich",
        second,
        &[(case.0, case.1, "2026-10-25T01:30:00Z")],
    );
    // An hour that never was is read as if the clock had not been put forward.
    check(
        "Europe/Zurich",
        second,
        &[("%F %T", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z")],
    );
}

/// Formats that both know, with all that jiff needs to tell a moment.
const SHARED: [&str; 10] = [
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S.%f %:z",
    "%F %T%.3f%z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%A, %d %B %Y %H:%M:%S %z",
    "%a %b %e %T %z %Y",
    "%y%m%d %H%M%S %z",
    "%-m/%-d/%Y %-I:%-M:%-S %p %z",
    "%D %T %z",
    "%Y %j %R %z",
];

proptest! {
    #[test]
    fn a_printed_time_is_read_as_jiff_reads_it(
        seconds in 0_i64..3_155_000_000,
        nanos in 0_i32..1_000_000_000,
        offset in -47_i32..=56,
        which in 0..SHARED.len(),
    ) {
        let format = SHARED[which];
        let moment = Timestamp::new(seconds, nanos).unwrap();
        let zone = Offset::from_seconds(offset * 900).unwrap();
        let text = strtime::format(format, &moment.to_zoned_datetime(zone.to_time_zone())).unwrap();
        let jiffs = Timestamp::strptime(format, &text).unwrap();
        let ours = stamp(format, "Asia/Kolkata", NOW, &text);
        let floor = jiffs.as_second() * 1000 + i64::from(jiffs.subsec_millisecond());
        prop_assert_eq!(
            ours,
            Some(Timestamp::from_millisecond(floor).unwrap().to_string()),
            "{} as {}", text, format
        );
    }

    #[test]
    fn any_bytes_give_a_time_or_none(
        text in proptest::collection::vec(
            prop_oneof![Just(b'0'), Just(b'9'), Just(b'1'), Just(b'-'), Just(b':'), Just(b' '),
                        Just(b'T'), Just(b'Z'), Just(b'+'), Just(b'.'), any::<u8>()], 0..60),
    ) {
        for format in ["rfc3339", "epoch", "epoch_ns", "%b %e %T", "%T", "%y%j%H%M %Z", "%I:%M %p"] {
            let timestamps = timestamps(format, "Europe/Zurich");
            let mut resolver = Resolver::new(&timestamps.zone, NOW);
            timestamps.of_text(&text, &mut resolver);
        }
    }
}

/// What a stamp costs, for docs/performance.md: `cargo test --release -p plimsoll-agent -- \
/// --ignored --nocapture what_a_stamp_costs`.
#[test]
#[ignore = "prints figures and proves nothing"]
fn what_a_stamp_costs() {
    let line = |stamp: &str| {
        format!(
            "{stamp} INFO web: GET /cart took 12 ms for user 4711 {}",
            "x".repeat(120)
        )
    };
    for (format, stamp) in [
        ("rfc3339", "2026-11-24T10:00:00.123Z"),
        ("%Y-%m-%d %H:%M:%S,%f", "2026-11-24 10:00:00,123"),
        ("%b %d %H:%M:%S", "Nov 24 10:00:00"),
        (
            "%d/%b/%Y:%H:%M:%S %z",
            "10.20.30.40 - frank [10/Oct/2026:13:55:36 -0700]",
        ),
        ("epoch", "1700000000123"),
        ("rfc3339", "no stamp at all"),
    ] {
        let timestamps = timestamps(format, "Europe/Zurich");
        let text = line(stamp);
        let begun = std::time::Instant::now();
        for _ in 0..1000 {
            let mut resolver = Resolver::new(&timestamps.zone, NOW);
            for _ in 0..600 {
                std::hint::black_box(timestamps.of_text(text.as_bytes(), &mut resolver));
            }
        }
        println!(
            "{format} {stamp}: {} ns",
            begun.elapsed().as_nanos() / 600_000
        );
    }
}
