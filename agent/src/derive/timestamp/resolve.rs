//! From what a stamp says to a moment: zones, years and days that are not told.
//!
//! The costly part is done once per minute that occurs, because neighbouring lines share it.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use plimsoll_core::clock::UnixMillis;

use super::scan::{Stamp, ToMinute};

const MILLIS: i64 = 1000;
const NANOS_PER_MILLI: u32 = 1_000_000;
/// A stamp without a year is of the latest year that puts it no further into the future than this:
/// clocks and zones differ by less than a day.
const AHEAD_OF_YEAR_SECONDS: i64 = 86_400;
/// A stamp without a day is of the latest day that puts it no further ahead than this, which is
/// what CloudWatch Logs takes. Source: PutLogEvents, two hours.
const AHEAD_OF_DAY_SECONDS: i64 = 2 * 3600;
/// When a clock is put back an hour comes twice; the second one is meant unless that is still to
/// come. A stamp may be ahead of the reader's clock by as much as a reading of it takes.
const FOLD_AHEAD_SECONDS: i64 = 60;
/// Years back in which a 29 February is looked for: two leap years are at most eight apart.
const LEAP_YEARS: i16 = 8;

/// Source: RFC 2822, section 4.3, in hours west of UTC.
const RFC_2822: [(&str, i8); 8] = [
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// Turns stamps into moments, for lines that are read at about the same time.
#[derive(Debug)]
pub(crate) struct Resolver<'z> {
    zone: &'z TimeZone,
    now: Timestamp,
    known: Option<(ToMinute, Option<i64>)>,
}

impl<'z> Resolver<'z> {
    /// Stamps that tell no zone are of `zone`.
    pub(crate) fn new(zone: &'z TimeZone, now: UnixMillis) -> Self {
        Self {
            zone,
            now: Timestamp::from_millisecond(now.0).unwrap_or_default(),
            known: None,
        }
    }

    /// The moment; `None` if there is no such day or it is beyond what can be told.
    pub(crate) fn moment(&mut self, stamp: &Stamp) -> Option<UnixMillis> {
        let below = i64::from(stamp.nanos / NANOS_PER_MILLI);
        if let Some((value, digits)) = stamp.epoch {
            let millis = match digits {
                0 => value.checked_mul(MILLIS)?.checked_add(below)?,
                more => value / 10_i64.checked_pow(more.checked_sub(3)?)?,
            };
            return Some(UnixMillis(millis));
        }
        let minute = match self.known {
            Some((minute, seconds)) if minute == stamp.minute => seconds,
            _ => {
                let seconds = self.seconds(&stamp.minute);
                self.known = Some((stamp.minute, seconds));
                seconds
            }
        };
        let seconds = minute? + i64::from(stamp.second);
        Some(UnixMillis(seconds * MILLIS + below))
    }

    /// Seconds from 1970 to a minute.
    fn seconds(&self, minute: &ToMinute) -> Option<i64> {
        let today = self.zone.to_datetime(self.now).date();
        let now = self.now.as_second();
        if minute.month.is_none() && minute.day_of_year.is_none() {
            let days = [today.tomorrow().ok(), Some(today), today.yesterday().ok()];
            let moments = days
                .into_iter()
                .flatten()
                .filter_map(|day| self.at(minute, day));
            return moments
                .into_iter()
                .find(|at| *at <= now + AHEAD_OF_DAY_SECONDS);
        }
        if let Some(year) = minute.year {
            return self.at(minute, date(minute, year)?);
        }
        let year = today.year();
        (year - LEAP_YEARS..=year + 1)
            .rev()
            .filter_map(|year| self.at(minute, date(minute, year)?))
            .find(|at| *at <= now + AHEAD_OF_YEAR_SECONDS)
    }

    fn at(&self, minute: &ToMinute, day: Date) -> Option<i64> {
        let hour = match minute.afternoon {
            None => minute.hour,
            Some(afternoon) => minute.hour % 12 + if afternoon { 12 } else { 0 },
        };
        let time = day.at(hour.min(23), minute.minute, 0, 0);
        let fixed = minute
            .offset
            .or_else(|| self.named(minute.zone?, time))
            .map(Offset::from_seconds);
        match fixed {
            Some(offset) => Some(offset.ok()?.to_timestamp(time).ok()?.as_second()),
            None => Some(self.local(time)?.as_second()),
        }
    }

    fn local(&self, time: DateTime) -> Option<Timestamp> {
        let moment = self.zone.to_ambiguous_timestamp(time);
        if matches!(moment.offset(), AmbiguousOffset::Fold { .. }) {
            let later = moment.later().ok()?;
            if later.as_second() <= self.now.as_second() + FOLD_AHEAD_SECONDS {
                return Some(later);
            }
        }
        moment.compatible().ok()
    }

    /// The offset that an abbreviation stands for: that of the zone of the configuration if it
    /// calls itself so, or one that means the same everywhere. Others are ambiguous.
    fn named(&self, zone: [u8; super::scan::ZONE_NAME_MAX], time: DateTime) -> Option<i32> {
        let zone = std::str::from_utf8(&zone).ok()?.trim_end_matches('\0');
        if matches!(zone, "UTC" | "GMT" | "UT" | "Z") {
            return Some(0);
        }
        let moment = self.zone.to_ambiguous_timestamp(time);
        let both = [moment.earlier().ok(), moment.later().ok()];
        for moment in both.into_iter().flatten() {
            let info = self.zone.to_offset_info(moment);
            if info.abbreviation().eq_ignore_ascii_case(zone) {
                return Some(info.offset().seconds());
            }
        }
        let known = RFC_2822.iter().find(|(name, _)| *name == zone)?;
        Some(i32::from(known.1) * 3600)
    }
}

fn date(minute: &ToMinute, year: i16) -> Option<Date> {
    match (minute.month, minute.day, minute.day_of_year) {
        (Some(month), Some(day), _) => Date::new(year, month, day).ok(),
        (_, _, Some(day)) => Date::new(year, 1, 1)
            .ok()?
            .with()
            .day_of_year(day)
            .build()
            .ok(),
        _ => None,
    }
}
