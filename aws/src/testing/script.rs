//! Answers that a test lays down ahead, and shorthands for errors.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Call, Error};

/// Answers that are given once each, in order, before a fake answers by itself. `None` lets one
/// call through to the fake.
#[derive(Debug)]
pub(super) struct Script<T>(Mutex<VecDeque<Option<Result<T, Error>>>>);

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Script<T> {
    pub(super) fn push(&self, answer: Option<Result<T, Error>>) {
        lock(&self.0).push_back(answer);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(super) fn next(&self) -> Option<Result<T, Error>> {
        lock(&self.0).pop_front().flatten()
    }
}

/// Locks even after a test thread panicked: what is behind the locks here is whole at any time.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An [`Error::Throttled`] that names no time to wait.
#[must_use]
pub fn throttled(call: &'static str) -> Error {
    Error::Throttled {
        call,
        code: "ThrottlingException".to_owned(),
        retry_after: None,
    }
}

/// An [`Error::Unavailable`].
#[must_use]
pub fn unavailable(call: &'static str) -> Error {
    Error::Unavailable {
        call,
        why: "connection reset".to_owned(),
    }
}

/// An [`Error::Unreachable`].
#[must_use]
pub fn unreachable(call: &'static str) -> Error {
    Error::Unreachable {
        call,
        why: "connection refused".to_owned(),
    }
}

/// An [`Error::Denied`].
#[must_use]
pub fn denied(call: Call) -> Error {
    Error::Denied {
        call: call.name(),
        action: call.action(),
        why: "not authorized".to_owned(),
    }
}

/// An [`Error::Rejected`] with a code.
#[must_use]
pub fn rejected(call: &'static str, code: &str) -> Error {
    Error::Rejected {
        call,
        code: code.to_owned(),
        why: "refused by the test".to_owned(),
    }
}
