//! A batch as bytes: own and compact, because a spool is to hold days. Pure.
//!
//! Texts come once in a table; series refer to them, and datums refer to series. Numbers are LEB128,
//! times the difference to the one before, values the eight bytes of a double. What cannot be read
//! is `None`; nothing is guessed.

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_aws::{Datum, DatumValue, Series};
use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

use crate::batch::metrics::MetricBatch;

const ONE: u8 = 0;
const STATISTICS: u8 = 1;
const DISTRIBUTION: u8 = 2;
const KIND: u8 = 3;
const HIGH_RESOLUTION: u8 = 4;
const ADDITIVE: u8 = 8;

/// Writes a batch.
pub(crate) fn encode(batch: &MetricBatch) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut body = Vec::new();
    number(&mut body, texts.index(&batch.namespace));
    let mut places: HashMap<&Series, u64> = HashMap::new();
    let mut series = Vec::new();
    for datum in &batch.datums {
        let next = series.len() as u64;
        places.entry(&datum.series).or_insert_with(|| {
            series.push(&*datum.series);
            next
        });
    }
    number(&mut body, series.len() as u64);
    for one in &series {
        number(&mut body, texts.index(&one.name));
        number(&mut body, texts.index(one.unit.as_str()));
        number(&mut body, one.dimensions.len() as u64);
        for (name, value) in one.dimensions.iter() {
            number(&mut body, texts.index(name));
            number(&mut body, texts.index(value));
        }
    }
    number(&mut body, batch.datums.len() as u64);
    let mut before = 0;
    for one in &batch.datums {
        number(&mut body, places.get(&*one.series).copied().unwrap_or(0));
        datum(&mut body, one, before);
        before = one.time.0;
    }
    let mut payload = Vec::new();
    number(&mut payload, texts.all.len() as u64);
    for text in texts.all {
        number(&mut payload, text.len() as u64);
        payload.extend_from_slice(text.as_bytes());
    }
    payload.extend_from_slice(&body);
    payload
}

fn datum(body: &mut Vec<u8>, datum: &Datum, before: i64) {
    let mut flags = match &datum.value {
        DatumValue::One(_) => ONE,
        DatumValue::Statistics { .. } => STATISTICS,
        DatumValue::Distribution(_) => DISTRIBUTION,
    };
    if datum.resolution_seconds == 1 {
        flags |= HIGH_RESOLUTION;
    }
    if datum.additive {
        flags |= ADDITIVE;
    }
    body.push(flags);
    let difference = datum.time.0.wrapping_sub(before);
    // Zigzag: small numbers of either sign are short.
    number(
        body,
        (difference.cast_unsigned() << 1) ^ (difference >> 63).cast_unsigned(),
    );
    let mut value = |value: f64| body.extend_from_slice(&value.to_le_bytes());
    match &datum.value {
        DatumValue::One(one) => value(*one),
        DatumValue::Statistics {
            count,
            sum,
            min,
            max,
        } => [*count, *sum, *min, *max].into_iter().for_each(value),
        DatumValue::Distribution(pairs) => {
            number(body, pairs.len() as u64);
            for (value, count) in pairs {
                body.extend_from_slice(&value.to_le_bytes());
                body.extend_from_slice(&count.to_le_bytes());
            }
        }
    }
}

/// Reads a batch that [`encode`] wrote, and nothing else.
pub(crate) fn decode(payload: &[u8]) -> Option<MetricBatch> {
    let mut rest = Payload(payload);
    let mut texts: Vec<Arc<str>> = Vec::new();
    for _ in 0..rest.number()? {
        texts.push(rest.text()?.into());
    }
    let namespace = rest.known(&texts)?;
    let mut series: Vec<Arc<Series>> = Vec::new();
    for _ in 0..rest.number()? {
        let name = rest.known(&texts)?;
        let unit = Unit::parse(&rest.known(&texts)?)?;
        let mut dimensions = Vec::new();
        for _ in 0..rest.number()? {
            dimensions.push((rest.known(&texts)?, rest.known(&texts)?));
        }
        series.push(Arc::new(Series {
            name,
            unit,
            dimensions: dimensions.into(),
        }));
    }
    let mut datums: Vec<Datum> = Vec::new();
    let mut time = 0;
    for _ in 0..rest.number()? {
        let series = rest.known(&series)?;
        let datum = rest.datum(series, time)?;
        time = datum.time.0;
        datums.push(datum);
    }
    rest.0
        .is_empty()
        .then_some(MetricBatch { namespace, datums })
}

/// Texts in the order in which they first came.
#[derive(Default)]
struct Texts<'a> {
    all: Vec<&'a str>,
    places: HashMap<&'a str, u64>,
}

impl<'a> Texts<'a> {
    fn index(&mut self, text: &'a str) -> u64 {
        let next = self.all.len() as u64;
        *self.places.entry(text).or_insert_with(|| {
            self.all.push(text);
            next
        })
    }
}

fn number(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

struct Payload<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(text).ok()
    }

    fn known<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let place = usize::try_from(self.number()?).ok()?;
        all.get(place).cloned()
    }

    fn value(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    fn datum(&mut self, series: Arc<Series>, before: i64) -> Option<Datum> {
        let flags = self.byte()?;
        let zigzag = self.number()?;
        let difference = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        let value = match flags & KIND {
            ONE => DatumValue::One(self.value()?),
            STATISTICS => DatumValue::Statistics {
                count: self.value()?,
                sum: self.value()?,
                min: self.value()?,
                max: self.value()?,
            },
            DISTRIBUTION => {
                let mut pairs = Vec::new();
                for _ in 0..self.number()? {
                    pairs.push((self.value()?, self.value()?));
                }
                DatumValue::Distribution(pairs.into())
            }
            _ => return None,
        };
        Some(Datum {
            series,
            time: UnixMillis(before.wrapping_add(difference)),
            value,
            resolution_seconds: if flags & HIGH_RESOLUTION == 0 { 60 } else { 1 },
            additive: flags & ADDITIVE != 0,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use plimsoll_core::catalog::UNITS;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = DatumValue> {
        let any = || -1e100..1e100_f64;
        prop_oneof![
            any().prop_map(DatumValue::One),
            (any(), any(), any(), any()).prop_map(|(count, sum, min, max)| {
                DatumValue::Statistics {
                    count,
                    sum,
                    min,
                    max,
                }
            }),
            proptest::collection::vec((any(), any()), 0..5)
                .prop_map(|pairs| DatumValue::Distribution(pairs.into())),
        ]
    }

    fn datum() -> impl Strategy<Value = Datum> {
        let text = || "[a-zé]{0,3}".prop_map(|text| Arc::<str>::from(text.as_str()));
        let dimensions = proptest::collection::vec((text(), text()), 0..3);
        let series = (text(), 0..UNITS.len(), dimensions);
        (series, any::<i64>(), value(), any::<(bool, bool)>()).prop_map(
            |((name, unit, dimensions), time, value, (high, additive))| Datum {
                series: Arc::new(Series {
                    name,
                    unit: UNITS[unit],
                    dimensions: dimensions.into(),
                }),
                time: UnixMillis(time),
                value,
                resolution_seconds: if high { 1 } else { 60 },
                additive,
            },
        )
    }

    /// Any batch.
    pub(crate) fn batch() -> impl Strategy<Value = MetricBatch> {
        let datums = proptest::collection::vec(datum(), 0..20);
        ("[a-z/]{0,5}", datums).prop_map(|(namespace, datums)| MetricBatch {
            namespace: namespace.as_str().into(),
            datums,
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(batch in batch()) {
            prop_assert_eq!(decode(&encode(&batch)), Some(batch));
        }

        #[test]
        fn what_is_no_batch_is_none_and_no_panic(
            batch in batch(),
            garbage in proptest::collection::vec(any::<u8>(), 0..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let _ = decode(&garbage);
            let bytes = encode(&batch);
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())]), None);
        }
    }
}
