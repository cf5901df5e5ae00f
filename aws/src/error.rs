//! What can go wrong with a call, as the actions a caller can take.

use std::time::Duration;

/// A failed call. The variant says what to do; the fields say what to tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The service asked to slow down. Repeat later.
    #[error("{call} was throttled ({code})")]
    Throttled {
        /// The operation.
        call: &'static str,
        /// The service's error code.
        code: String,
        /// How long the service asked to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// No answer, a broken answer, or a 5xx that does not say that the service refused. Repeat
    /// later; the effect may have happened.
    #[error("{call} could not be completed: {why}")]
    Unavailable {
        /// The operation.
        call: &'static str,
        /// The cause, without secrets.
        why: String,
    },
    /// The call had no effect: there was no connection or there were no credentials, so nothing was
    /// sent, or the service itself answered that it takes no calls now. Repeat later.
    #[error("{call} was not taken: {why}")]
    Unreachable {
        /// The operation.
        call: &'static str,
        /// The cause, without secrets.
        why: String,
    },
    /// The caller may not do this, or its credentials are not valid. Repeating does not help
    /// before someone acts.
    #[error("{call} was denied: {why}; allow {action} or check the credentials")]
    Denied {
        /// The operation.
        call: &'static str,
        /// The IAM action that is needed.
        action: &'static str,
        /// The service's message.
        why: String,
    },
    /// What the call names does not exist (log group or stream, object, topic, queue).
    #[error("{call} names something that does not exist: {why}")]
    NotFound {
        /// The operation.
        call: &'static str,
        /// The service's message.
        why: String,
    },
    /// The request itself is wrong. The same request must never be repeated.
    #[error("{call} was refused ({code}): {why}")]
    Rejected {
        /// The operation.
        call: &'static str,
        /// The service's error code.
        code: String,
        /// The service's message.
        why: String,
    },
}

/// What a caller should do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Try the same again after a back-off.
    RetryLater,
    /// Make what is missing, then try once more.
    Create,
    /// Keep trying, slowly, and tell someone.
    AskForPermission,
    /// Never send this again: split it, or set it aside with the reason.
    SetAside,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::Unreachable { .. } => {
                Action::RetryLater
            }
            Self::NotFound { .. } => Action::Create,
            Self::Denied { .. } => Action::AskForPermission,
            Self::Rejected { .. } => Action::SetAside,
        }
    }

    /// Whether the call may have had its effect although it failed: the answer was lost or broken,
    /// or the service failed in the middle.
    #[must_use]
    pub fn effect_is_unknown(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// A short word for counters: `throttled`, `unavailable`, `unreachable`, `denied`, `not_found`, `rejected`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Unreachable { .. } => "unreachable",
            Self::Denied { .. } => "denied",
            Self::NotFound { .. } => "not_found",
            Self::Rejected { .. } => "rejected",
        }
    }
}
