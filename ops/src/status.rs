//! The parts of an answer to `status` that every service has.
//!
//! Fields are added, never renamed: scripts read them. Nothing of the credentials is in them, and
//! every text that came from elsewhere has its secrets masked.

mod process;

use std::path::PathBuf;
use std::time::Duration;

use log::Level;
use plimsoll_core::clock::{Clock, SystemClock, UnixMillis};
use plimsoll_core::counter::Tally;
use plimsoll_core::logging::{Spoken, scrub};
use serde_json::Value;

use crate::Service;
use crate::protocol::{VERSION, gather, object};

pub use process::{CLOCK_TICKS_PER_SECOND, process, processor_ticks, resident_bytes};

/// Mistakes of a refused configuration that are remembered.
const MISTAKES_MAX: usize = 8;
/// For how long an error counts. Errors that go on are said again within it.
const ERROR_COUNTS: Duration = Duration::from_mins(10);

/// The configuration in force, and the one that was refused since.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    file: Option<PathBuf>,
    loaded: UnixMillis,
    reloads: u64,
    refused: Option<(UnixMillis, Vec<String>)>,
}

impl Configured {
    /// The configuration of `file` is in force from now on.
    #[must_use]
    pub fn with(file: Option<PathBuf>) -> Self {
        Self {
            file,
            loaded: SystemClock.now(),
            ..Self::default()
        }
    }

    /// Another is in force.
    pub fn reloaded(&mut self, file: Option<PathBuf>) {
        let reloads = self.reloads + 1;
        *self = Self {
            reloads,
            ..Self::with(file)
        };
    }

    /// A new one was refused; the one before is in force.
    pub fn refused(&mut self, mistakes: &[String]) {
        let mistakes = mistakes.iter().take(MISTAKES_MAX);
        let mistakes = mistakes.map(|mistake| scrub(mistake).into_owned());
        self.refused = Some((SystemClock.now(), mistakes.collect()));
    }

    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let (at, _) = self.refused.as_ref()?;
        Some(format!(
            "the configuration of {at} was refused; the one before is in force"
        ))
    }

    /// The fields of an answer, with `more` of them.
    #[must_use]
    pub fn told(&self, more: Vec<(&str, Value)>) -> Value {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let refused = self.refused.as_ref().map(|(at, mistakes)| {
            object([("at", time(*at)), ("mistakes", mistakes.clone().into())])
        });
        let mut fields = vec![
            ("file", file.into()),
            ("loaded", time(self.loaded)),
            ("reloads", self.reloads.into()),
            ("refused", refused.into()),
        ];
        fields.extend(more);
        gather(fields)
    }
}

/// What each answer begins with: whether all is well, and who answers since when.
#[must_use]
pub fn head(
    service: &Service,
    why: Vec<String>,
    started: UnixMillis,
    uptime: Duration,
) -> Vec<(&'static str, Value)> {
    let health = if why.is_empty() { "ok" } else { "degraded" };
    let uptime_ms = u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX);
    vec![
        ("v", VERSION.into()),
        ("health", health.into()),
        ("why", why.into()),
        ("version", service.version.into()),
        ("pid", std::process::id().into()),
        ("now", time(SystemClock.now())),
        ("started", time(started)),
        ("uptime_seconds", uptime.as_secs().into()),
        ("uptime_ms", uptime_ms.into()),
        ("process", process(uptime)),
    ]
}

/// Errors that are fresh enough to say that something is wrong.
pub fn errors(recent: &[Spoken], now: UnixMillis) -> impl Iterator<Item = String> + '_ {
    let is_fresh =
        move |one: &&Spoken| one.level == Level::Error && now.since(one.last) < ERROR_COUNTS;
    recent
        .iter()
        .filter(is_fresh)
        .map(|error| format!("error at {}: {}", error.last, error.text))
}

/// The last warnings and errors.
#[must_use]
pub fn recent(recent: &[Spoken]) -> Value {
    let told = recent.iter().map(|one| {
        object([
            ("level", one.level.as_str().to_ascii_lowercase().into()),
            ("first", time(one.first)),
            ("last", time(one.last)),
            ("count", one.count.into()),
            ("text", scrub(&one.text).into()),
        ])
    });
    told.collect::<Vec<_>>().into()
}

/// Counts by reason.
#[must_use]
pub fn tally(tally: &Tally) -> Value {
    counts(tally.snapshot().into_iter())
}

/// Counts by name.
pub fn counts(counts: impl Iterator<Item = (&'static str, u64)>) -> Value {
    gather(
        counts
            .map(|(reason, count)| (reason, count.into()))
            .collect(),
    )
}

/// A time as RFC 3339 writes it.
#[must_use]
pub fn time(time: UnixMillis) -> Value {
    time.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TESTED;

    #[test]
    fn a_refused_configuration_is_told_until_one_is_taken() {
        let mut configured = Configured::with(Some("/etc/x.toml".into()));
        assert_eq!(configured.reason(), None);
        configured.refused(&vec!["password=hunter2".to_owned(); MISTAKES_MAX + 1]);
        assert!(configured.reason().unwrap().contains("was refused"));
        let told = configured.told(vec![("state", "/s".into())]);
        assert_eq!(told["state"], "/s");
        let mistakes = told["refused"]["mistakes"].as_array().unwrap();
        assert_eq!(mistakes.len(), MISTAKES_MAX);
        assert_eq!(mistakes[0], "password=[secret]");
        configured.reloaded(Some("/etc/x.toml".into()));
        assert_eq!(configured.reason(), None);
        assert_eq!(configured.told(Vec::new())["reloads"], 1);
    }

    #[test]
    fn an_error_counts_for_ten_minutes_and_a_warning_never() {
        let at = UnixMillis(1000);
        let recent = [Level::Error, Level::Warn].map(|level| Spoken::once(level, at, "no"));
        let at = |millis| errors(&recent, UnixMillis(millis)).count();
        assert_eq!((at(1000), at(600_999), at(601_000)), (1, 1, 0));
        let head = gather(head(
            &TESTED,
            vec!["x".into()],
            UnixMillis(0),
            Duration::ZERO,
        ));
        assert_eq!(
            (&head["health"], &head["version"]),
            (&"degraded".into(), &"1.2.3".into())
        );
    }
}
