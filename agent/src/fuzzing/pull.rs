//! Bytes that targets and programs send over HTTP.

use crate::scraper::NameFilter;
use crate::source::otlp::answer::Form;
use crate::source::otlp::decode;
use crate::source::otlp::fold::{Folder, OtlpRules};
use crate::source::prometheus::family::{Exposition, TargetRules};
use crate::source::prometheus::memory::Memory;
use crate::source::told::{LabelRules, Told, Value};
use plimsoll_core::clock::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn labels() -> LabelRules {
    LabelRules {
        kept: NameFilter::new(&["*"], &[] as &[&str]).unwrap_or_default(),
        ..LabelRules::default()
    }
}

/// Reads `data` as two scrapes of one target, whole and in pieces whose length its first byte says,
/// and checks that what is told is a number and does not depend on how bytes arrive.
///
/// # Panics
/// When something is told that is no number, or that depends on the pieces.
pub fn exposition(data: &[u8]) {
    let (first, text) = data.split_first().unwrap_or((&0, &[]));
    let whole = scrapes(text, text.len().max(1), first & 1 == 1);
    assert_eq!(
        whole,
        scrapes(text, usize::from(*first) + 1, first & 1 == 1)
    );
}

fn scrapes(text: &[u8], step: usize, open_metrics: bool) -> Vec<String> {
    let rules = TargetRules {
        metrics: labels().kept,
        labels: labels(),
        namespace: None,
    };
    let mut memory = Memory::default();
    let mut all = Vec::new();
    for before in [None, Some(NOW)] {
        let mut reading = Exposition::begin(&rules, &mut memory, before, open_metrics);
        for piece in text.chunks(step) {
            all.extend(reading.read(piece));
        }
        all.extend(reading.end().0);
    }
    all.iter().for_each(check);
    all.iter().map(|told| format!("{told:?}")).collect()
}

/// Reads `data` as an export request in both forms, takes it twice, and checks that what is told is
/// a number.
///
/// # Panics
/// When something is told that is no number.
pub fn otlp(data: &[u8]) {
    for form in [Form::Protobuf, Form::Json] {
        let Ok(request) = decode(data, form) else {
            continue;
        };
        let rules = OtlpRules {
            resource_attributes: vec!["service.name".to_owned()],
            labels: labels(),
        };
        let mut folder = Folder::new(rules, UnixMillis(0));
        for _ in 0..2 {
            let outcome = folder.fold(&request, NOW);
            outcome.told.values().flatten().for_each(check);
        }
    }
}

fn check(told: &Told) {
    match &told.value {
        Value::Gauge(value) | Value::Delta(value) => assert!(value.is_finite(), "{told:?}"),
        Value::Statistics(all) => assert!(all.count > 0.0 && all.sum.is_finite(), "{told:?}"),
        Value::Spread(pairs) => {
            let fits = |(value, count): &(f64, f64)| value.is_finite() && *count > 0.0;
            assert!(!pairs.is_empty() && pairs.iter().all(fits), "{told:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::otlp::wire::{put_bytes, put_varint};
    use proptest::prelude::*;

    /// Pieces that mean something, so that chance builds what targets write.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "\n",
            "\n",
            "\n",
            " ",
            "# TYPE a counter\n",
            "# TYPE a histogram\n",
            "# TYPE a summary\n",
            "# TYPE a_total counter\n",
            "# UNIT a seconds\n",
            "# EOF\n",
            "a",
            "a_total",
            "a_created",
            "a_bucket",
            "a_sum",
            "a_count",
            "{",
            "}",
            "le=\"1\"",
            "le=\"+Inf\"",
            "quantile=\"0.5\"",
            "x=\"",
            "\"",
            "\\",
            ",",
            "1",
            " 1\n",
            " 2 3\n",
            "1e308",
            "-1e308",
            "NaN",
            "+Inf",
            "# {} 1",
            "\u{e9}",
        ])
    }

    /// A message of messages, as deep as a request.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![Just(0), Just(1), Just(2), any::<u64>()];
        let scalar = (1u8..15, number, any::<bool>()).prop_map(|(field, bits, fixed)| {
            let mut out = Vec::new();
            if fixed {
                out.push(field << 3 | 1);
                out.extend_from_slice(&bits.to_le_bytes());
            } else {
                put_varint(&mut out, field, bits);
            }
            out
        });
        scalar.prop_recursive(8, 64, 6, |inner| {
            (1u8..15, prop::collection::vec(inner, 0..6)).prop_map(|(field, parts)| {
                let mut out = Vec::new();
                put_bytes(&mut out, field, &parts.concat());
                out
            })
        })
    }

    proptest! {
        #[test]
        fn expositions_tell_numbers_however_they_arrive(
            first: u8, pieces in prop::collection::vec(piece(), 0..60),
        ) {
            let mut data = vec![first];
            data.extend_from_slice(pieces.concat().as_bytes());
            exposition(&data);
        }

        #[test]
        fn requests_of_any_bytes_tell_numbers(
            points in prop::collection::vec(message(), 0..8),
            kind in prop::sample::select(vec![5u8, 7, 9, 10, 11]),
            bytes: Vec<u8>,
        ) {
            let mut data = [message_of(1, &points), vec![2 << 3, 2, 3 << 3, 1]].concat();
            for field in [kind, 2, 2, 1] {
                data = message_of(field, &[data]);
            }
            otlp(&data);
            otlp(&bytes);
        }
    }

    fn message_of(field: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, field, &parts.concat());
        out
    }
}
