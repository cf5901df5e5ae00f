//! Streams that have the day of their events in their name, and so change at midnight UTC.
//!
//! What is read at once may span days; each run of lines of the same day goes to its own stream.
//! Which day a line belongs to is told by the line, so nothing depends on when it is read.

use std::ops::Range;
use std::path::Path;

use plimsoll_aws::LogGroup;
use plimsoll_core::clock::UnixMillis;

use crate::derive::timestamp::Timestamps;
use crate::record::Line;
use crate::source::file::reader::follow::stream_name;

const DATE: &str = "{date}";
const DAY_MILLIS: i64 = 86_400_000;
/// Runs that one read is cut into. Lines whose days change more often are no log of several days;
/// without this bound each could become a chunk of its own, whose memory is not accounted for.
const RUNS_MAX: usize = 16;

/// The streams of a file, day by day.
#[derive(Clone, Debug)]
pub(crate) struct Dated {
    group: LogGroup,
    /// The stream's name, with all but the day filled in.
    template: String,
    /// Days since 1970.
    day: i64,
}

impl Dated {
    /// The streams of the file at `path`; `None` if their name does not hold the day.
    pub(crate) fn new(
        group: &LogGroup,
        template: &str,
        path: &Path,
        now: UnixMillis,
    ) -> Option<Self> {
        // A day takes more room than its placeholder, and a file may be called like one.
        let (before, behind) = template.split_once(DATE)?;
        let filled = format!("{before}\0{}", behind.replace(DATE, "\0"));
        Some(Self {
            group: group.clone(),
            template: stream_name(&filled, path),
            day: now.0.div_euclid(DAY_MILLIS),
        })
    }

    /// The group.
    pub(crate) fn group(&self) -> &LogGroup {
        &self.group
    }

    /// The day it stands at, in days since 1970.
    pub(crate) fn day(&self) -> i64 {
        self.day
    }

    /// Turns to another day.
    pub(crate) fn set_day(&mut self, day: i64) {
        self.day = day;
    }

    /// The name of the stream of its day.
    pub(crate) fn name(&self) -> String {
        let midnight = UnixMillis(self.day.saturating_mul(DAY_MILLIS)).to_string();
        let date = midnight.split('T').next().unwrap_or_default();
        let name = self.template.replace('\0', date);
        name.chars()
            .take(plimsoll_aws::limits::logs::NAME_CHARS_MAX)
            .collect()
    }

    /// Runs of lines of the same day, which were read at `now`. A time that CloudWatch Logs
    /// refuses makes no stream of its own.
    pub(crate) fn runs(lines: &[Line], now: UnixMillis) -> Vec<(i64, Range<u32>)> {
        let mut runs: Vec<(i64, Range<u32>)> = Vec::new();
        for (index, line) in (0_u32..).zip(lines) {
            let time = if Timestamps::in_window(line.time, now) {
                line.time
            } else {
                now
            };
            let day = time.0.div_euclid(DAY_MILLIS);
            let full = runs.len() == RUNS_MAX;
            match runs.last_mut() {
                Some((last, run)) if *last == day || full => run.end = index + 1,
                _ => runs.push((day, index..index + 1)),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z.
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn dated(template: &str, path: &str) -> Option<Dated> {
        Dated::new(&LogGroup::default(), template, Path::new(path), NOW)
    }

    #[test]
    fn a_name_holds_the_day_in_utc_and_stays_valid() {
        let name = |template: &str, path: &str| dated(template, path).map(|dated| dated.name());
        let day = "2027-01-15".to_owned();
        assert_eq!(name("i-1", "/a"), None);
        assert_eq!(name("{date}", "/a"), Some(day.clone()));
        assert_eq!(name("{date}/{file_name}", "/{date}"), Some(day + "/{date}"));
        let long = name("{file_name}-{date}", &format!("/{}", "x".repeat(600)));
        assert_eq!(long.unwrap().chars().count(), 512);
    }

    #[test]
    fn lines_are_cut_into_runs_of_a_day_which_are_bounded() {
        let dated = dated("{date}", "/a").unwrap();
        let line = |days: i64| Line {
            start: 0,
            len: 1,
            time: UnixMillis(NOW.0 + days * DAY_MILLIS),
        };
        let today = dated.day();
        let days = [-1, -1, 0, -100, 0, -2].map(line);
        let expected = [(today - 1, 0..2), (today, 2..5), (today - 2, 5..6)];
        assert_eq!(Dated::runs(&days, NOW), expected);
        let many: Vec<Line> = (0..100).map(|index| line(-(index % 2))).collect();
        let runs = Dated::runs(&many, NOW);
        assert_eq!(
            (runs.len(), runs[RUNS_MAX - 1].1.clone()),
            (RUNS_MAX, 15..100)
        );
    }
}
