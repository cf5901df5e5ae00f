//! Events of which only a share is sent. The same event is always kept or always left out, on
//! every host and at every repeat, so what was sampled can be counted on.

use std::time::Duration;

use regex::bytes::Regex;

/// 2³² times a share from 0 to 1.
pub(crate) fn threshold(share: f64) -> u64 {
    Duration::try_from_secs_f64(share)
        .map_or(0, |share| {
            (share.as_nanos() << 32) / Duration::from_secs(1).as_nanos()
        })
        .try_into()
        .unwrap_or(u64::MAX)
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// `trace`, `verbose`.
    Trace,
    /// `debug`.
    Debug,
    /// `info`, `notice`.
    Info,
    /// `warn`.
    Warn,
    /// `error` and worse.
    Error,
}

/// Levels of a rule by their words.
pub(crate) const LEVELS: [(&str, Level); 5] = [
    ("trace", Level::Trace),
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
];
/// Other words for them.
const SYNONYMS: [(&str, Level); 14] = [
    ("verbose", Level::Trace),
    ("information", Level::Info),
    ("notice", Level::Info),
    ("warning", Level::Warn),
    ("err", Level::Error),
    ("severe", Level::Error),
    ("critical", Level::Error),
    ("crit", Level::Error),
    ("alert", Level::Error),
    ("emergency", Level::Error),
    ("emerg", Level::Error),
    ("fatal", Level::Error),
    ("panic", Level::Error),
    ("exception", Level::Error),
];
/// How far into an event the word of its level may begin.
const SEARCH_BYTES: usize = 256;
/// The longest word of a level.
const WORD_BYTES_MAX: usize = 11;

/// What a rule is about.
#[derive(Clone, Debug)]
pub(crate) enum About {
    /// Events of exactly this level.
    Level(Level),
    /// Events that match.
    Match(Regex),
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// What it is about.
    pub(crate) about: About,
    /// The share that is kept, in 2⁻³² of all.
    pub(crate) keep: u64,
}

/// All rules of a target; the first that is about an event decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampler {
    /// In the order of the configuration.
    pub(crate) rules: Vec<Rule>,
}

impl Sampler {
    /// Whether an event is kept. `level` is what a field of it says, if it has one; else the first
    /// word of its text that names a level counts. An event of the level error is left out only by
    /// a rule about that level.
    pub(crate) fn keeps(&self, text: &[u8], level: Option<&str>) -> bool {
        let level = match level {
            Some(word) => level_of(word.as_bytes()),
            None => find(text),
        };
        let rule = self.rules.iter().find(|rule| match &rule.about {
            About::Level(about) => level == Some(*about),
            About::Match(pattern) => level < Some(Level::Error) && pattern.is_match(text),
        });
        rule.is_none_or(|rule| share(text) < rule.keep)
    }
}

/// The first word near the start that names a level.
fn find(text: &[u8]) -> Option<Level> {
    let near = text.get(..SEARCH_BYTES + WORD_BYTES_MAX).unwrap_or(text);
    near.split(|byte| !byte.is_ascii_alphabetic())
        .find_map(level_of)
}

fn level_of(word: &[u8]) -> Option<Level> {
    let mut levels = LEVELS.iter().chain(&SYNONYMS);
    let same = |(known, _): &&(&str, Level)| known.as_bytes().eq_ignore_ascii_case(word);
    levels.find(same).map(|(_, level)| *level)
}

/// A number below 2³² that is the same for the same text and looks random over texts. A check sum
/// of texts that differ in a digit differs in few bits; multiplying by 2⁶⁴ over the golden ratio
/// spreads them (Knuth, The Art of Computer Programming 3, 6.4).
fn share(text: &[u8]) -> u64 {
    u64::from(crc32fast::hash(text)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(about: About, keep: u64) -> Sampler {
        Sampler {
            rules: vec![Rule { about, keep }],
        }
    }

    #[test]
    fn a_rule_is_about_its_level_and_a_pattern_never_about_errors() {
        let none_of_debug = sampler(About::Level(Level::Debug), 0);
        let none_of_get = sampler(About::Match(Regex::new("GET").unwrap()), 0);
        let none_of_error = sampler(About::Level(Level::Error), 0);
        for (sampler, text, level, kept) in [
            (&none_of_debug, "12:00 DEBUG x", None, false),
            (&none_of_debug, "12:00 debugger x", None, true),
            (&none_of_debug, "12:00 INFO debug", None, true),
            (&none_of_debug, "x", Some("debug"), false),
            (&none_of_debug, "DEBUG x", Some("info"), true),
            (&none_of_get, "INFO GET /", None, false),
            (&none_of_get, "GET /", None, false),
            (&none_of_get, "ERROR GET /", None, true),
            (&none_of_get, "GET /", Some("FATAL"), true),
            (&none_of_get, "POST /", None, true),
            (&none_of_error, "critical: x", None, false),
        ] {
            assert_eq!(
                sampler.keeps(text.as_bytes(), level),
                kept,
                "{text} {level:?}"
            );
        }
    }

    #[test]
    fn the_share_is_kept_and_the_same_event_always_ends_the_same_way() {
        let tenth = sampler(About::Match(Regex::new("GET").unwrap()), (1 << 32) / 10);
        let kept = |index: u32| tenth.keeps(format!("GET /item/{index}").as_bytes(), None);
        let count = (0..20_000).filter(|index| kept(*index)).count();
        assert!((1_800..2_200).contains(&count), "{count} of 20000");
        assert_eq!(kept(1), kept(1));
    }
}
