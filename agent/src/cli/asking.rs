//! Asking the running agent: where its socket is, one question, and lines of answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use plimsoll_core::cli::complain;
use serde_json::Value;

use super::{ConfigArgs, PROGRAM, configuration};
use crate::config::{ControlSocket, STATE_DIR};

/// The agent does not run, as far as anyone can tell.
const NOT_RUNNING: u8 = 2;
/// It runs and does not answer, or not this user. Source: Linux Standard Base 5.0, init scripts,
/// "program or service status is unknown".
const UNKNOWN: u8 = 4;
/// How long an answer may take. The agent gives up on files that do not answer before that.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// The longest line of an answer: a thousand sources of which each has the longest path.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Which agent is asked.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The agent's socket; else what the configuration says, and where it usually is.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["config", "cloudwatch_agent_config"])]
    socket: Option<PathBuf>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    code: u8,
    text: String,
}

impl Unanswered {
    /// Whether no agent runs, as far as anyone can tell.
    pub(super) fn is_not_running(&self) -> bool {
        self.code == NOT_RUNNING
    }

    fn not_running(text: String) -> Self {
        let code = NOT_RUNNING;
        Self { code, text }
    }

    /// An agent that cannot tell.
    pub(super) fn unknown(text: impl Into<String>) -> Self {
        let (code, text) = (UNKNOWN, text.into());
        Self { code, text }
    }

    /// What there is to tell.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tells it.
    pub(super) fn tell(self) -> ExitCode {
        complain(&format!("{PROGRAM}: {}\n", self.text));
        ExitCode::from(self.code)
    }
}

/// An agent that was asked something.
#[derive(Debug)]
pub(super) struct Answers(BufReader<UnixStream>);

impl AskArgs {
    /// The agent of this configuration.
    pub(super) fn of(config: &ConfigArgs) -> Self {
        Self {
            config: config.clone(),
            socket: None,
        }
    }

    /// Asks one question.
    ///
    /// # Errors
    /// When no agent takes it.
    pub(super) fn ask(&self, question: &Value) -> Result<Answers, Unanswered> {
        let places = self.places()?;
        let mut denied = None;
        for place in &places {
            match UnixStream::connect(place) {
                Ok(stream) => return Answers::of(stream, question).map_err(|error| broken(&error)),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    denied = Some(place);
                }
                Err(_) => {}
            }
        }
        if let Some(place) = denied {
            return Err(Unanswered::unknown(format!(
                "{} may not be opened by this user: ask as root, as the agent's user, or as a \
                 member of its group (`usermod -aG plimsoll USER`)",
                place.display()
            )));
        }
        let tried: Vec<String> = places
            .iter()
            .map(|place| place.display().to_string())
            .collect();
        Err(Unanswered::not_running(format!(
            "the agent is not running: nobody answers at {}; start it with `systemctl start \
             plimsoll-agent`, or see why it ended with `journalctl -u plimsoll-agent`; if it was \
             started with another --config, give the same here",
            tried.join(" or ")
        )))
    }

    /// Where it may answer. A configuration that this user may not read is no reason to give up.
    fn places(&self) -> Result<Vec<PathBuf>, Unanswered> {
        if let Some(socket) = &self.socket {
            return Ok(vec![socket.clone()]);
        }
        let (socket, state_dir) = match configuration(&self.config) {
            Ok(config) => (config.agent.control_socket, config.agent.state_dir),
            Err(text) if self.config.is_given() => {
                return Err(Unanswered::unknown(text.trim_end()));
            }
            Err(_) => (ControlSocket::Usual, STATE_DIR.into()),
        };
        if socket == ControlSocket::Off {
            return Err(Unanswered::unknown(
                "agent.control_socket is \"off\"; give a path, or leave it out, and restart the agent",
            ));
        }
        Ok(socket.places(&state_dir))
    }
}

impl Answers {
    fn of(mut stream: UnixStream, question: &Value) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_write_timeout(Some(ANSWER_WAIT))?;
        // An agent that has no time answers before it was asked and closes.
        let asked = stream.write_all(format!("{question}\n").as_bytes());
        match asked {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(Self(BufReader::new(stream))),
        }
    }

    /// From now on lines may come at any time.
    pub(super) fn wait_for_ever(&self) {
        // A socket that cannot be told so ends after the usual time, which is told.
        self.0.get_ref().set_read_timeout(None).ok();
    }

    /// The next line; `None` when there are no more.
    ///
    /// # Errors
    /// When the agent says why it does not answer, or falls silent.
    pub(super) fn next(&mut self) -> Result<Option<Value>, Unanswered> {
        let mut line = String::new();
        let mut bounded = self.0.by_ref().take(LINE_BYTES_MAX);
        if bounded
            .read_line(&mut line)
            .map_err(|error| broken(&error))?
            == 0
        {
            return Ok(None);
        }
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            return Err(Unanswered::unknown("the answer is not understood"));
        };
        match answer.get("error").and_then(Value::as_str) {
            Some(why) => Err(Unanswered::unknown(format!("the agent says: {why}"))),
            None => Ok(Some(answer)),
        }
    }

    /// The one line of the answer.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(super) fn one(mut self) -> Result<Value, Unanswered> {
        let answer = self.next()?;
        answer.ok_or_else(|| Unanswered::unknown("the agent has closed without an answer"))
    }
}

fn broken(error: &io::Error) -> Unanswered {
    let why = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer within {} s", ANSWER_WAIT.as_secs())
        }
        _ => error.to_string(),
    };
    Unanswered::unknown(format!("the agent does not answer: {why}"))
}
