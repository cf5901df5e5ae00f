//! The keys of `[metrics]` about what cannot be sent.

use plimsoll_core::config::Section;

use super::super::{MetricsConfig, WhenUnknown};

/// A week of a thousand series at the default interval, and no burden on a small disk.
pub(super) const SPOOL_BYTES: u64 = 64 * 1024 * 1024;
const SPOOL_BYTES_MIN: u64 = 1024 * 1024;
const SPOOL_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
const WHEN_UNKNOWN: [(&str, WhenUnknown); 3] = [
    ("by_kind", WhenUnknown::ByKind),
    ("repeat", WhenUnknown::Repeat),
    ("drop", WhenUnknown::Drop),
];

/// Reads them.
pub(super) fn read(section: &mut Section<'_>, config: &mut MetricsConfig) {
    if let Some(bytes) = section.take_size("spool", 0..=SPOOL_BYTES_MAX) {
        if (1..SPOOL_BYTES_MIN).contains(&bytes) {
            let expected = format!("expected \"0B\" for none, or at least {SPOOL_BYTES_MIN} bytes");
            section.report("spool", &format!("found {bytes} bytes"), &expected, None);
        }
        config.spool_bytes_max = bytes;
    }
    if let Some(policy) = section.take_choice("when_unknown", &WHEN_UNKNOWN) {
        config.when_unknown = policy;
    }
}
