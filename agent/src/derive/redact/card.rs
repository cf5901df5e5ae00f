//! Numbers of payment cards: by length, by the digits they begin with, and by their check digit.

use std::ops::Range;

/// The shortest and the longest number that is looked for. Source: ISO/IEC 7812-1.
const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// Whether there is a run of digits that is long enough. Only every thirteenth byte is looked at,
/// because a shorter step finds nothing more.
pub(super) fn may_hold(text: &[u8]) -> bool {
    let mut at = DIGITS_MIN - 1;
    while let Some(byte) = text.get(at) {
        if is_part(*byte) {
            let run = run(text, at);
            if run.len() >= DIGITS_MIN && digits(text, &run) >= DIGITS_MIN {
                return true;
            }
            at = run.end;
        }
        at += DIGITS_MIN;
    }
    false
}

/// All numbers of cards.
pub(super) fn find(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if !byte.is_ascii_digit() {
            at += 1;
            continue;
        }
        if let Some(len) = card(text, at) {
            found.push(at..at + len);
            at += len;
            continue;
        }
        // Never within a number: go on behind this one.
        at += text.get(at..).map_or(1, |rest| {
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        });
    }
    found
}

/// The length of the number of a card that begins at `at`, separators included.
fn card(text: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    if before.is_some_and(|byte| is_joined(*byte)) {
        return None;
    }
    let (mut digits, mut len, mut best) = (Vec::with_capacity(DIGITS_MAX), 0, None);
    let rest = text.get(at..)?;
    for (index, byte) in rest.iter().enumerate() {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
            len = index + 1;
            let next = rest.get(len);
            let ends = !next.is_some_and(|byte| byte.is_ascii_digit() || is_joined(*byte));
            if digits.len() > DIGITS_MAX {
                break;
            }
            if ends && is_card(&digits) {
                best = Some(len);
            }
        } else if !matches!(byte, b' ' | b'-') || index + 1 != len + 1 {
            break;
        }
    }
    best
}

/// What a number must not touch: then it is part of a word, a decimal fraction or an identifier.
fn is_joined(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-')
}

/// The run of digits and separators around `at`.
fn run(text: &[u8], at: usize) -> Range<usize> {
    let (before, behind) = text.split_at(at.min(text.len()));
    let left = before
        .iter()
        .rev()
        .take_while(|byte| is_part(**byte))
        .count();
    let right = behind.iter().take_while(|byte| is_part(**byte)).count();
    at - left..at + right
}

fn digits(text: &[u8], run: &Range<usize>) -> usize {
    let run = text.get(run.clone()).unwrap_or(&[]);
    run.iter().filter(|byte| byte.is_ascii_digit()).count()
}

/// Whether a network gives out such numbers, and the check digit holds (Luhn's formula, ISO/IEC
/// 7812-1 annex B). Beginnings and lengths: Visa 4, Mastercard 51-55 and 2221-2720, American
/// Express 34 and 37, Diners 36, 38 and 30, JCB 35, Discover 6011, 64 and 65, `UnionPay` 62.
fn is_card(digits: &[u8]) -> bool {
    let [a, b, c, d, ..] = *digits else {
        return false;
    };
    let first_four = [a, b, c, d]
        .iter()
        .fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let length = digits.len();
    let issued = match first_four {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        3500..=3599 | 5100..=5599 | 2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3600..=3699 | 3800..=3899 | 3000..=3059 => length == 14,
        6011 | 6200..=6299 | 6400..=6599 => (16..=19).contains(&length),
        _ => false,
    };
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let weigh = |(index, digit): (usize, &u8)| match (index % 2, u32::from(*digit)) {
        (0, digit) => digit,
        (_, digit) if digit < 5 => digit * 2,
        (_, digit) => digit * 2 - 9,
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}
