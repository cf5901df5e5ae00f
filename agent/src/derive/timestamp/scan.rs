//! Finding a time stamp in a line, by a compiled format. No regular expression: a line is looked
//! at byte by byte from where a stamp may begin, and most formats fail at their first byte.

use std::ops::Range;

use memchr::memchr;

use super::format::{EpochUnit, Format, Item, Unit};

/// What a stamp says, down to the minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ToMinute {
    pub(crate) year: Option<i16>,
    pub(crate) month: Option<i8>,
    pub(crate) day: Option<i8>,
    pub(crate) day_of_year: Option<i16>,
    pub(crate) hour: i8,
    pub(crate) minute: i8,
    /// `Some(true)` is after noon.
    pub(crate) afternoon: Option<bool>,
    /// Seconds east of UTC.
    pub(crate) offset: Option<i32>,
    /// The abbreviation of a zone, in capitals, filled up with zeros.
    pub(crate) zone: Option<[u8; ZONE_NAME_MAX]>,
}

/// All that a stamp says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) minute: ToMinute,
    pub(crate) second: i8,
    pub(crate) nanos: u32,
    /// A number since 1970 and how many of its digits are below the second.
    pub(crate) epoch: Option<(i64, u32)>,
}

/// The longest abbreviation of a zone in the tz database.
pub(crate) const ZONE_NAME_MAX: usize = 6;
/// Shorter numbers are of before 1973 or no time at all; longer ones do not fit.
const EPOCH_DIGITS: std::ops::RangeInclusive<usize> = 9..=19;
const FRACTION_DIGITS: usize = 9;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The first stamp of `format` in `text` that begins within its first `search_bytes` + 1 bytes, and
/// where it is.
pub(crate) fn find(
    format: &Format,
    text: &[u8],
    search_bytes: usize,
) -> Option<(Stamp, Range<usize>)> {
    let first = *format.items.first()?;
    let last_start = search_bytes.min(text.len().saturating_sub(1));
    let mut at = 0;
    while at <= last_start {
        let rest = text.get(at..)?;
        let begins = match first {
            Item::Byte(byte) => {
                at += memchr(byte, rest)?;
                at <= last_start
            }
            _ => may_begin(first, at.checked_sub(1).and_then(|at| text.get(at)), rest),
        };
        if begins && let Some((stamp, rest)) = read(format, text.get(at..)?) {
            return Some((stamp, at..text.len() - rest.len()));
        }
        at += 1;
    }
    None
}

/// Whether a stamp may begin here: never within a number or a word.
fn may_begin(first: Item, before: Option<&u8>, rest: &[u8]) -> bool {
    let Some(byte) = rest.first() else {
        return false;
    };
    match first {
        Item::MonthName | Item::WeekdayName | Item::HalfDay | Item::ZoneName => {
            byte.is_ascii_alphabetic() && !before.is_some_and(u8::is_ascii_alphabetic)
        }
        Item::Year | Item::ShortYear | Item::Number(_) | Item::Epoch(_) | Item::Fraction => {
            byte.is_ascii_digit() && !before.is_some_and(u8::is_ascii_digit)
        }
        _ => true,
    }
}

/// The stamp at the start of `text`, and what follows it.
fn read<'t>(format: &Format, text: &'t [u8]) -> Option<(Stamp, &'t [u8])> {
    let mut stamp = Stamp::default();
    let mut rest = text;
    let mut items = format.items.iter().peekable();
    while let Some(item) = items.next() {
        rest = match item {
            // A fraction is written with a point or a comma, whatever the format shows.
            Item::Byte(b'.' | b',') if items.peek() == Some(&&Item::Fraction) => {
                let (sign, rest) = rest.split_first()?;
                matches!(sign, b'.' | b',').then_some(rest)?
            }
            Item::Byte(byte) => rest.strip_prefix(&[*byte])?,
            item => stamp.take(*item, rest)?,
        };
    }
    Some((stamp, rest))
}

impl Stamp {
    /// Takes what `item` asks for off the start of `text`; gives the rest.
    fn take<'t>(&mut self, item: Item, text: &'t [u8]) -> Option<&'t [u8]> {
        match item {
            Item::Byte(byte) => text.strip_prefix(&[byte]),
            Item::Space => {
                let rest = text.trim_ascii_start();
                (rest.len() < text.len()).then_some(rest)
            }
            Item::DateEnd => {
                let (byte, rest) = text.split_first()?;
                matches!(byte, b'T' | b't' | b' ').then_some(rest)
            }
            Item::Year => {
                let (year, rest) = number(text, 4..=4)?;
                self.minute.year = Some(i16::try_from(year).ok()?);
                Some(rest)
            }
            Item::ShortYear => {
                let (year, rest) = number(text, 2..=2)?;
                let century = if year >= 69 { 1900 } else { 2000 };
                self.minute.year = Some(i16::try_from(century + year).ok()?);
                Some(rest)
            }
            Item::Number(unit) => self.number(unit, text),
            Item::MonthName => {
                let (index, rest) = name(&MONTHS, text)?;
                self.minute.month = Some(i8::try_from(index + 1).ok()?);
                Some(rest)
            }
            Item::WeekdayName => name(&WEEKDAYS, text).map(|(_, rest)| rest),
            Item::HalfDay => self.half_day(text),
            Item::Fraction => self.fraction(text),
            Item::MaybeFraction => match text.split_first() {
                Some((b'.' | b',', digits)) => Some(self.fraction(digits).unwrap_or(text)),
                _ => Some(text),
            },
            Item::Offset => self.offset(text),
            Item::MaybeOffset => {
                let spaced = text.strip_prefix(b" ").unwrap_or(text);
                let signed = spaced.starts_with(b"+") || spaced.starts_with(b"-");
                let from = if signed { spaced } else { text };
                Some(self.offset(from).unwrap_or(text))
            }
            Item::ZoneName => self.zone_name(text),
            Item::Epoch(unit) => self.epoch(unit, text),
        }
    }

    fn number<'t>(&mut self, unit: Unit, text: &'t [u8]) -> Option<&'t [u8]> {
        let text = text.strip_prefix(b" ").unwrap_or(text);
        let (digits, allowed) = match unit {
            Unit::Month | Unit::HalfDayHour => (1..=2, 1..=12),
            Unit::Day => (1..=2, 1..=31),
            Unit::DayOfYear => (1..=3, 1..=366),
            Unit::Hour => (1..=2, 0..=23),
            Unit::Minute => (1..=2, 0..=59),
            Unit::Second => (1..=2, 0..=60),
        };
        let (number, rest) = number(text, digits)?;
        if !allowed.contains(&number) {
            return None;
        }
        let minute = &mut self.minute;
        if unit == Unit::DayOfYear {
            minute.day_of_year = Some(i16::try_from(number).ok()?);
            return Some(rest);
        }
        let number = i8::try_from(number).ok()?;
        match unit {
            Unit::Month => minute.month = Some(number),
            Unit::Day => minute.day = Some(number),
            Unit::Hour | Unit::HalfDayHour => minute.hour = number,
            Unit::Minute => minute.minute = number,
            Unit::Second => self.second = number.min(59),
            Unit::DayOfYear => {}
        }
        Some(rest)
    }

    fn half_day<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let (word, rest) = text.split_first_chunk::<2>()?;
        self.minute.afternoon = Some(match &word.to_ascii_lowercase()[..] {
            b"am" => false,
            b"pm" => true,
            _ => return None,
        });
        Some(rest)
    }

    fn fraction<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let count = digits(text);
        let kept = text.get(..count.min(FRACTION_DIGITS))?;
        let (value, _) = number(kept, 1..=FRACTION_DIGITS)?;
        let missing = u32::try_from(FRACTION_DIGITS - kept.len()).ok()?;
        self.nanos = value * 10_u32.pow(missing);
        text.get(count..)
    }

    fn offset<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let (sign, rest) = text.split_first()?;
        let sign = match sign {
            b'Z' | b'z' if !rest.first().is_some_and(u8::is_ascii_alphanumeric) => {
                self.minute.offset = Some(0);
                return Some(rest);
            }
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, rest) = number(rest, 2..=2)?;
        let behind = rest.strip_prefix(b":").unwrap_or(rest);
        let (minutes, rest) = number(behind, 2..=2).unwrap_or((0, rest));
        // The widest offsets in use are -12:00 and +14:00; a day is what RFC 3339 allows.
        if hours > 23 || minutes > 59 {
            return None;
        }
        self.minute.offset = Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?);
        Some(rest)
    }

    fn zone_name<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        if text.starts_with(b"+") || text.starts_with(b"-") {
            return self.offset(text);
        }
        let len = text.iter().take_while(|c| c.is_ascii_alphabetic()).count();
        if !(1..=ZONE_NAME_MAX).contains(&len) {
            return None;
        }
        let (word, rest) = text.split_at(len);
        let mut zone = [0; ZONE_NAME_MAX];
        for (place, letter) in zone.iter_mut().zip(word) {
            *place = letter.to_ascii_uppercase();
        }
        self.minute.zone = Some(zone);
        Some(rest)
    }

    fn epoch<'t>(&mut self, unit: EpochUnit, text: &'t [u8]) -> Option<&'t [u8]> {
        let count = digits(text);
        if !EPOCH_DIGITS.contains(&count) {
            return None;
        }
        let (digits, rest) = text.split_at(count);
        let value: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let below = match unit {
            EpochUnit::Digits(below) => below,
            EpochUnit::Auto => digits_below_second(count),
        };
        self.epoch = Some((value, below));
        Some(rest)
    }
}

/// How many digits of a number since 1970 are below the second: with eleven digits seconds reach
/// the year 5138, and with twelve milliseconds begin in 1973; the others likewise.
pub(crate) fn digits_below_second(count: usize) -> u32 {
    match count {
        ..=11 => 0,
        12..=14 => 3,
        15..=17 => 6,
        _ => 9,
    }
}

/// How many digits `text` begins with.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// As many digits as there are, at most and at least so many.
fn number(text: &[u8], count: std::ops::RangeInclusive<usize>) -> Option<(u32, &[u8])> {
    let (mut value, mut taken) = (0_u32, 0);
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first()
        && byte.is_ascii_digit()
        && taken < *count.end()
    {
        value = value * 10 + u32::from(byte - b'0');
        rest = behind;
        taken += 1;
    }
    count.contains(&taken).then_some((value, rest))
}

/// The index of a name, written in full or with its first three letters, in any case.
fn name<'t>(names: &[&str], text: &'t [u8]) -> Option<(usize, &'t [u8])> {
    let (short, behind) = text.split_first_chunk::<3>()?;
    let same = |name: &&str| {
        name.as_bytes()
            .first_chunk::<3>()
            .is_some_and(|first| first.eq_ignore_ascii_case(short))
    };
    let index = names.iter().position(same)?;
    let tail = names.get(index)?.as_bytes().get(3..)?;
    let full = behind
        .get(..tail.len())
        .is_some_and(|rest| rest.eq_ignore_ascii_case(tail));
    let rest = if full {
        behind.get(tail.len()..)?
    } else {
        behind
    };
    Some((index, rest))
}
