//! Which running collector is asked, and where its socket is.

use std::path::{Path, PathBuf};

use clap::Args;
use plimsoll_ops::asking::{Answers, Unanswered, ask};
use plimsoll_ops::protocol::question;
use serde_json::Value;

use super::ConfigArgs;
use crate::SERVICE;
use crate::config::{Config, ControlSocket, DEFAULT_PATH, STATE};

/// Which collector is asked.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The collector's socket; else what the configuration says, and where it usually is.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
}

impl AskArgs {
    /// The collector of this configuration.
    pub(super) fn of(config: &ConfigArgs) -> Self {
        Self {
            config: config.clone(),
            socket: None,
        }
    }

    /// Asks how it is.
    ///
    /// # Errors
    /// When no collector answers.
    pub(super) fn status(&self) -> Result<Value, Unanswered> {
        ask(&SERVICE, &self.places()?, &question("status")).and_then(Answers::one)
    }

    /// Where it may answer. A configuration that this user may not read is no reason to give up.
    fn places(&self) -> Result<Vec<PathBuf>, Unanswered> {
        if let Some(socket) = &self.socket {
            return Ok(vec![socket.clone()]);
        }
        let (socket, state) = match Config::place(&self.config.config) {
            Ok(place) => place,
            Err(mistakes) if self.config.config != Path::new(DEFAULT_PATH) => {
                return Err(Unanswered::unknown(mistakes.lines().join("\n")));
            }
            Err(_) => (ControlSocket::Usual, PathBuf::from(STATE)),
        };
        if socket == ControlSocket::Off {
            return Err(Unanswered::unknown(
                "collector.control_socket is \"off\"; give a path, or leave it out, and restart the collector",
            ));
        }
        let state_dir = state.parent().unwrap_or(Path::new("/"));
        Ok(socket.places(&SERVICE, state_dir))
    }
}
