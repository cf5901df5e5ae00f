//! Asking a running service: one question, and lines of answer. Blocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use plimsoll_core::cli::complain;
use serde_json::Value;

use crate::Service;

/// The service does not run, as far as anyone can tell.
const NOT_RUNNING: u8 = 2;
/// It runs and does not answer, or not this user. Source: Linux Standard Base 5.0, init scripts,
/// "program or service status is unknown".
const UNKNOWN: u8 = 4;
/// How long an answer may take. The service gives up on files that do not answer before that.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// The longest line of an answer: a thousand sources of which each has the longest path.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub struct Unanswered {
    code: u8,
    text: String,
}

impl Unanswered {
    /// Whether none runs, as far as anyone can tell.
    #[must_use]
    pub fn is_not_running(&self) -> bool {
        self.code == NOT_RUNNING
    }

    fn not_running(text: String) -> Self {
        let code = NOT_RUNNING;
        Self { code, text }
    }

    /// A service that cannot tell.
    #[must_use]
    pub fn unknown(text: impl Into<String>) -> Self {
        let (code, text) = (UNKNOWN, text.into());
        Self { code, text }
    }

    /// What there is to tell.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells it.
    #[must_use]
    pub fn tell(self, service: &Service) -> ExitCode {
        complain(&format!("{}: {}\n", service.program, self.text));
        ExitCode::from(self.code)
    }
}

/// A service that was asked something.
#[derive(Debug)]
pub struct Answers {
    lines: BufReader<UnixStream>,
    word: &'static str,
}

/// Asks one question at the first of `places` that answers.
///
/// # Errors
/// When no service takes it.
pub fn ask(service: &Service, places: &[PathBuf], question: &Value) -> Result<Answers, Unanswered> {
    let mut denied = None;
    for place in places {
        match UnixStream::connect(place) {
            Ok(stream) => {
                let word = service.word;
                return Answers::of(stream, word, question).map_err(|error| broken(word, &error));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                denied = Some(place);
            }
            Err(_) => {}
        }
    }
    let Service {
        program,
        word,
        group,
        ..
    } = service;
    if let Some(place) = denied {
        return Err(Unanswered::unknown(format!(
            "{} may not be opened by this user: ask as root, as the {word}'s user, or as a member \
             of its group (`usermod -aG {group} USER`)",
            place.display()
        )));
    }
    let tried: Vec<String> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    Err(Unanswered::not_running(format!(
        "the {word} is not running: nobody answers at {}; start it with `systemctl start \
         {program}`, or see why it ended with `journalctl -u {program}`; if it was started with \
         another --config, give the same here",
        tried.join(" or ")
    )))
}

impl Answers {
    fn of(mut stream: UnixStream, word: &'static str, question: &Value) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_write_timeout(Some(ANSWER_WAIT))?;
        // A service that has no time answers before it was asked and closes.
        let asked = stream.write_all(format!("{question}\n").as_bytes());
        match asked {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => {
                let lines = BufReader::new(stream);
                Ok(Self { lines, word })
            }
        }
    }

    /// From now on lines may come at any time.
    pub fn wait_for_ever(&self) {
        // A socket that cannot be told so ends after the usual time, which is told.
        self.lines.get_ref().set_read_timeout(None).ok();
    }

    /// The next line; `None` when there are no more.
    ///
    /// # Errors
    /// When the service says why it does not answer, or falls silent.
    pub fn line(&mut self) -> Result<Option<Value>, Unanswered> {
        let mut line = String::new();
        let mut bounded = self.lines.by_ref().take(LINE_BYTES_MAX);
        if bounded
            .read_line(&mut line)
            .map_err(|error| broken(self.word, &error))?
            == 0
        {
            return Ok(None);
        }
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            return Err(Unanswered::unknown("the answer is not understood"));
        };
        match answer.get("error").and_then(Value::as_str) {
            Some(why) => Err(Unanswered::unknown(format!(
                "the {} says: {why}",
                self.word
            ))),
            None => Ok(Some(answer)),
        }
    }

    /// The one line of the answer.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn one(mut self) -> Result<Value, Unanswered> {
        let answer = self.line()?;
        answer.ok_or_else(|| {
            Unanswered::unknown(format!("the {} has closed without an answer", self.word))
        })
    }
}

fn broken(word: &str, error: &io::Error) -> Unanswered {
    let why = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer within {} s", ANSWER_WAIT.as_secs())
        }
        _ => error.to_string(),
    };
    Unanswered::unknown(format!("the {word} does not answer: {why}"))
}
