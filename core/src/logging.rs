//! How the program speaks: to the journal under systemd, else to standard error.
//!
//! Three things happen to each record on its way out. Secrets are masked. A call site that says
//! the same thing more than [`BURST`] times within [`WINDOW`] falls silent, and says how often it
//! was silent when the window has passed. Below the chosen level nothing is formatted at all. The
//! last warnings and errors are also kept for whoever asks ([`recent()`]).

pub mod message;
mod recent;
mod scrub;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::clock::{Clock, SystemClock};
pub use recent::{RECENT_MAX, Spoken, recent};
pub use scrub::scrub;

/// How often one call site may speak within a window.
const BURST: u32 = 10;
/// The length of a window.
const WINDOW: Duration = Duration::from_mins(1);
/// Call sites that are remembered. The program has far fewer; the bound guards against a logger
/// used by a library with generated sites.
const SITES_MAX: usize = 4096;

/// Sends the log to the journal if standard error is connected to it, else to standard error.
/// `identifier` becomes `SYSLOG_IDENTIFIER`. Installing twice keeps the first logger.
pub fn install(identifier: &str, level: LevelFilter) {
    let journal = systemd_journal_logger::connected_to_journal()
        .then(|| systemd_journal_logger::JournalLog::new().ok())
        .flatten()
        .map(|journal| journal.with_syslog_identifier(identifier.to_owned()));
    let output: Box<dyn Log> = match journal {
        Some(journal) => Box::new(journal),
        None => Box::new(StandardError),
    };
    let logger = Box::new(Quiet {
        output,
        sites: Mutex::default(),
    });
    if log::set_boxed_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

/// Masks secrets and silences repetition, then passes records on.
struct Quiet {
    output: Box<dyn Log>,
    sites: Mutex<HashMap<(&'static str, u32), Site>>,
}

/// What one call site has said in its current window.
struct Site {
    since: Instant,
    said: u32,
}

impl Quiet {
    /// Whether the site may speak now, and how often it was silenced in the window before.
    fn admit(&self, file: &'static str, line: u32, now: Instant) -> Option<u32> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= SITES_MAX && !sites.contains_key(&(file, line)) {
            sites.clear();
        }
        let site = sites.entry((file, line)).or_insert(Site {
            since: now,
            said: 0,
        });
        let mut silenced = 0;
        if now.duration_since(site.since) >= WINDOW {
            silenced = site.said.saturating_sub(BURST);
            *site = Site {
                since: now,
                said: 0,
            };
        }
        site.said = site.said.saturating_add(1);
        (site.said <= BURST).then_some(silenced)
    }
}

impl Log for Quiet {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let site = record.file_static().zip(record.line());
        let mut silenced = 0;
        if let Some((file, line)) = site {
            let Some(count) = self.admit(file, line, Instant::now()) else {
                if record.level() <= Level::Warn {
                    recent::silenced((file, line), SystemClock.now());
                }
                return;
            };
            silenced = count;
        }
        let mut text = scrub(&record.args().to_string()).into_owned();
        let mut fields = Fields {
            text: &mut text,
            id: None,
        };
        record.key_values().visit(&mut fields).ok();
        let id = fields.id.map(|id| [("MESSAGE_ID", id)]);
        if record.level() <= Level::Warn {
            recent::said(site, record.level(), &text, SystemClock.now());
        }
        if silenced > 0 {
            write!(text, " ({silenced} more like this were not shown)").ok();
        }
        let mut shown = Record::builder();
        shown
            .metadata(record.metadata().clone())
            .module_path(record.module_path())
            .file(record.file())
            .line(record.line());
        if let Some(id) = &id {
            shown.key_values(id);
        }
        self.output.log(&shown.args(format_args!("{text}")).build());
    }

    fn flush(&self) {
        self.output.flush();
    }
}

/// Writes fields behind the message, masked. The message's id is no part of its text.
struct Fields<'t> {
    text: &'t mut String,
    id: Option<String>,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        let value = value.to_string();
        if key.as_str() == message::FIELD {
            self.id = Some(value);
        } else {
            write!(self.text, " {key}={}", scrub(&value)).ok();
        }
        Ok(())
    }
}

/// A line on standard error: time, level, message.
struct StandardError;

impl Log for StandardError {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!(
            "{} {:5} {}\n",
            SystemClock.now(),
            record.level(),
            record.args()
        );
        // A closed standard error is no reason to stop shipping logs.
        drop(std::io::stderr().lock().write_all(line.as_bytes()));
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noisy_call_site_falls_silent_and_says_how_often() {
        let quiet = Quiet {
            output: Box::new(StandardError),
            sites: Mutex::default(),
        };
        let start = Instant::now();
        let spoken = (0..100)
            .filter(|_| quiet.admit("a.rs", 1, start).is_some())
            .count();
        assert_eq!(spoken, BURST as usize);
        assert_eq!(
            quiet.admit("b.rs", 1, start),
            Some(0),
            "another site still speaks"
        );
        assert_eq!(quiet.admit("a.rs", 1, start + WINDOW), Some(90));
    }

    /// Keeps the text and the fields of what is shown.
    #[derive(Default)]
    struct Shown(std::sync::Arc<Mutex<Vec<String>>>);

    impl Log for Shown {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            let id = record.key_values().get(Key::from_str("MESSAGE_ID"));
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            let line = format!("{} {id}", record.args());
            self.0.lock().unwrap().push(line);
        }

        fn flush(&self) {}
    }

    #[test]
    fn the_id_of_a_message_reaches_the_journal_and_not_its_text() {
        let shown = Shown::default();
        let lines = std::sync::Arc::clone(&shown.0);
        let quiet = Quiet {
            output: Box::new(shown),
            sites: Mutex::default(),
        };
        log::set_max_level(LevelFilter::Info);
        let fields = [("message_id", message::AGENT_STARTED.id), ("host", "web-1")];
        let mut record = Record::builder();
        record.level(Level::Info).key_values(&fields);
        quiet.log(&record.args(format_args!("started")).build());
        let expected = format!("started host=web-1 {}", message::AGENT_STARTED.id);
        assert_eq!(*lines.lock().unwrap(), [expected]);
    }

    #[test]
    fn the_last_warnings_are_kept_with_all_that_was_silenced_and_without_secrets() {
        let quiet = Quiet {
            output: Box::new(StandardError),
            sites: Mutex::default(),
        };
        log::set_max_level(LevelFilter::Info);
        let say = |level, line, text: &str| {
            let mut record = Record::builder();
            record
                .level(level)
                .file_static(Some("kept.rs"))
                .line(Some(line));
            quiet.log(&record.args(format_args!("{text}")).build());
        };
        for _ in 0..50 {
            say(Level::Warn, 1, "refused: password=hunter2");
        }
        say(Level::Info, 2, "nothing to act on");
        let kept: Vec<_> = recent()
            .into_iter()
            .filter(|one| one.text.contains("refused") || one.text.contains("nothing"))
            .map(|one| (one.count, one.text))
            .collect();
        assert_eq!(kept, [(50, "refused: password=[secret]".to_owned())]);
    }
}
