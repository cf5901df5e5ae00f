//! Which running agent is asked, and where its socket is.

use std::path::PathBuf;

use clap::Args;
use plimsoll_ops::asking::{Answers, Unanswered, ask};
use serde_json::Value;

use super::{ConfigArgs, configuration};
use crate::SERVICE;
use crate::config::{ControlSocket, STATE_DIR};

/// Which agent is asked.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The agent's socket; else what the configuration says, and where it usually is.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["config", "cloudwatch_agent_config"])]
    socket: Option<PathBuf>,
}

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
        ask(&SERVICE, &self.places()?, question)
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
        Ok(socket.places(&SERVICE, &state_dir))
    }
}
