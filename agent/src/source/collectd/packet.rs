//! Reads a packet of collectd's network protocol. Pure, and makes nothing but what was encrypted.
//!
//! A packet is a run of parts, each with a type, a length and content. Parts with names hold for
//! all values after them until another part of the same type comes.
//! Source: collectd's wiki, "Binary protocol".

use super::secret::Secrets;
use crate::config::CollectdSecurity;

/// Types of parts.
const HOST: u16 = 0x0000;
const TIME: u16 = 0x0001;
const PLUGIN: u16 = 0x0002;
const PLUGIN_INSTANCE: u16 = 0x0003;
const TYPE: u16 = 0x0004;
const TYPE_INSTANCE: u16 = 0x0005;
const VALUES: u16 = 0x0006;
const INTERVAL: u16 = 0x0007;
const TIME_HR: u16 = 0x0008;
const INTERVAL_HR: u16 = 0x0009;
const SIGNATURE: u16 = 0x0200;
const ENCRYPTION: u16 = 0x0210;

/// Type and length of a part.
const HEADER_BYTES: usize = 4;
/// Type and content of one value.
const VALUE_BYTES: usize = 9;
/// HMAC-SHA-256.
const SIGNATURE_BYTES: usize = 32;
/// The initialization vector of AES.
const IV_BYTES: usize = 16;
/// All names of a value together; collectd's own are at most 127 bytes each.
const NAMES_BYTES_MAX: usize = 1_024;

/// The names that hold for values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Names<'d> {
    /// The host that sends.
    pub(crate) host: &'d str,
    /// What has measured.
    pub(crate) plugin: &'d str,
    /// Which of several.
    pub(crate) plugin_instance: &'d str,
    /// What is measured: an entry of types.db.
    pub(crate) kind: &'d str,
    /// Which of several.
    pub(crate) type_instance: &'d str,
}

/// When and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    /// Milliseconds since the epoch, zero if it is not told.
    pub(crate) time_ms: i64,
    /// Seconds between two values, zero if it is not told.
    pub(crate) interval: f64,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// Counts up, and wraps around.
    Counter(u64),
    /// How things are.
    Gauge(f64),
    /// Changes; what counts is by how much.
    Derive(i64),
    /// What was counted since the value before.
    Absolute(u64),
}

/// One value of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Item<'d> {
    /// What is measured.
    pub(crate) names: Names<'d>,
    /// When.
    pub(crate) times: Times,
    /// The place of its data source in its type.
    pub(crate) place: usize,
    /// Data sources of its type.
    pub(crate) count: usize,
    /// The value.
    pub(crate) value: Value,
}

/// What is done with each value.
pub(crate) type Take<'t> = dyn FnMut(Item<'_>) -> Result<(), Malformed> + 't;

/// Why a packet, or the rest of it, is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A part is cut off, or its content is not as it should be.
    Shape,
    /// Its names are longer than collectd's can be.
    Oversized,
    /// It is not signed or encrypted, and has to be.
    Unproven,
    /// The user is not known, or the password is another.
    Refused,
}

impl Malformed {
    /// The reason to count it under.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Shape => "collectd_malformed",
            Self::Oversized => "collectd_oversized",
            Self::Unproven => "collectd_unproven",
            Self::Refused => "collectd_refused",
        }
    }
}

/// Reads a packet and gives `take` each value. What was given before a mistake is right.
///
/// # Errors
/// The first mistake; what stands after it cannot be understood.
pub(crate) fn read(packet: &[u8], secrets: &Secrets, take: &mut Take<'_>) -> Result<(), Malformed> {
    read_parts(packet, secrets, CollectdSecurity::None, take)
}

fn read_parts(
    mut rest: &[u8],
    secrets: &Secrets,
    mut proof: CollectdSecurity,
    take: &mut Take<'_>,
) -> Result<(), Malformed> {
    let (mut names, mut times) = (Names::default(), Times::default());
    while !rest.is_empty() {
        let (kind, content, after) = part(rest)?;
        rest = after;
        match kind {
            HOST => names.host = text(content)?,
            PLUGIN => names.plugin = text(content)?,
            PLUGIN_INSTANCE => names.plugin_instance = text(content)?,
            TYPE => names.kind = text(content)?,
            TYPE_INSTANCE => names.type_instance = text(content)?,
            TIME => times.time_ms = milliseconds(integer(content)?, 0),
            TIME_HR => times.time_ms = milliseconds(integer(content)?, 30),
            INTERVAL => times.interval = seconds(milliseconds(integer(content)?, 0)),
            INTERVAL_HR => times.interval = seconds(milliseconds(integer(content)?, 30)),
            VALUES => {
                if !secrets.suffices(proof) {
                    return Err(Malformed::Unproven);
                }
                read_values(content, &names, times, take)?;
            }
            SIGNATURE => {
                let (signature, user) = content
                    .split_at_checked(SIGNATURE_BYTES)
                    .ok_or(Malformed::Shape)?;
                if secrets.is_signed(user, signature, rest)? {
                    proof = CollectdSecurity::Sign;
                }
            }
            ENCRYPTION => {
                let (length, after) = number_of_two(content)?;
                let (user, after) = after
                    .split_at_checked(usize::from(length))
                    .ok_or(Malformed::Shape)?;
                let (iv, secret) = after
                    .split_first_chunk::<IV_BYTES>()
                    .ok_or(Malformed::Shape)?;
                let plain = secrets.decrypt(user, iv, secret)?;
                read_encrypted(&plain, secrets, take)?;
            }
            // Notifications, which are for people, and whatever comes next.
            _ => {}
        }
    }
    Ok(())
}

/// What was encrypted holds parts, but nothing that is encrypted again.
fn read_encrypted(plain: &[u8], secrets: &Secrets, take: &mut Take<'_>) -> Result<(), Malformed> {
    let mut rest = plain;
    while !rest.is_empty() {
        let (kind, _, after) = part(rest)?;
        if kind == ENCRYPTION {
            return Err(Malformed::Shape);
        }
        rest = after;
    }
    read_parts(plain, secrets, CollectdSecurity::Encrypt, take)
}

fn read_values(
    content: &[u8],
    names: &Names<'_>,
    times: Times,
    take: &mut Take<'_>,
) -> Result<(), Malformed> {
    let all = [
        names.host,
        names.plugin,
        names.plugin_instance,
        names.kind,
        names.type_instance,
    ];
    if all.iter().map(|name| name.len()).sum::<usize>() > NAMES_BYTES_MAX {
        return Err(Malformed::Oversized);
    }
    if names.plugin.is_empty() || names.kind.is_empty() {
        return Err(Malformed::Shape);
    }
    let (count, rest) = number_of_two(content)?;
    let count = usize::from(count);
    if count == 0 || rest.len() != count * VALUE_BYTES {
        return Err(Malformed::Shape);
    }
    let (kinds, numbers) = rest.split_at_checked(count).ok_or(Malformed::Shape)?;
    let (numbers, _) = numbers.as_chunks::<8>();
    // All are read before any is used, so that a list counts as a whole or not at all.
    let read = |(kind, bytes): (&u8, &[u8; 8])| match kind {
        0 => Ok(Value::Counter(u64::from_be_bytes(*bytes))),
        // The only number of the protocol with its last byte first.
        1 => Ok(Value::Gauge(f64::from_le_bytes(*bytes))),
        2 => Ok(Value::Derive(i64::from_be_bytes(*bytes))),
        3 => Ok(Value::Absolute(u64::from_be_bytes(*bytes))),
        _ => Err(Malformed::Shape),
    };
    for one in kinds.iter().zip(numbers) {
        read(one)?;
    }
    for (place, one) in kinds.iter().zip(numbers).enumerate() {
        take(Item {
            names: *names,
            times,
            place,
            count,
            value: read(one)?,
        })?;
    }
    Ok(())
}

/// The type of the next part, its content, and what stands after it.
fn part(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), Malformed> {
    let (kind, rest) = number_of_two(bytes)?;
    let (length, rest) = number_of_two(rest)?;
    let length = usize::from(length).checked_sub(HEADER_BYTES);
    let parted = length.and_then(|length| rest.split_at_checked(length));
    let (content, rest) = parted.ok_or(Malformed::Shape)?;
    Ok((kind, content, rest))
}

fn number_of_two(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed::Shape)?;
    Ok((u16::from_be_bytes(*number), rest))
}

fn integer(content: &[u8]) -> Result<u64, Malformed> {
    let bytes = content.try_into().map_err(|_| Malformed::Shape)?;
    Ok(u64::from_be_bytes(bytes))
}

/// A name, which ends with a zero byte and holds no other.
fn text(content: &[u8]) -> Result<&str, Malformed> {
    let (end, name) = content.split_last().ok_or(Malformed::Shape)?;
    if *end != 0 || name.contains(&0) {
        return Err(Malformed::Shape);
    }
    std::str::from_utf8(name).map_err(|_| Malformed::Shape)
}

/// Units of 2^-`bits` seconds as milliseconds.
fn milliseconds(units: u64, bits: u32) -> i64 {
    let milliseconds = (u128::from(units) * 1000) >> bits;
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

fn seconds(milliseconds: i64) -> f64 {
    crate::sample::as_value(u64::try_from(milliseconds).unwrap_or(0)) / 1000.0
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
