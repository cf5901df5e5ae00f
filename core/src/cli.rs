//! What the command lines of both services have in common: where text goes, what the exit codes
//! mean, and on which runtime the service runs.
//!
//! Results go to standard output; everything that is wrong goes to standard error, all of it at
//! once and without secrets. Nothing here knows a flag: each service says its own.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::error::chain;
use crate::logging::scrub;

/// Something is wrong with the configuration, the machine, or AWS.
pub const FAILED: u8 = 1;
/// The command line cannot be understood. Source: `sysexits(3)`, `EX_USAGE`.
pub const USAGE: u8 = 64;

/// Writes results to standard output. A reader that has gone away is no reason to fail.
pub fn print(text: &str) {
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

/// Writes what is wrong to standard error, secrets masked.
pub fn complain(text: &str) {
    drop(io::stderr().lock().write_all(scrub(text).as_bytes()));
}

/// Ends a command line that was not run. Help and version were asked for: they are a result. The
/// rest is a mistake.
#[must_use]
pub fn not_run(asked_for: bool, text: &str) -> ExitCode {
    if asked_for {
        print(text);
        ExitCode::SUCCESS
    } else {
        complain(text);
        ExitCode::from(USAGE)
    }
}

/// Every mistake on a line of its own, and how many there are.
#[must_use]
pub fn count_mistakes<M: Display>(mistakes: &[M]) -> String {
    let mut text = String::new();
    for mistake in mistakes {
        text.push_str(&mistake.to_string());
        text.push('\n');
    }
    let plural = if mistakes.len() == 1 { "" } else { "s" };
    format!("{text}{} problem{plural}\n", mistakes.len())
}

/// The line with which a program says why it did not do what it was asked to.
#[must_use]
pub fn failure(program: &str, error: &(dyn Error + 'static)) -> String {
    format!("{program}: {}\n", chain(error))
}

/// One thread for everything that waits, and at most `blocking_threads` for what blocks: the
/// fewest threads make the smallest program.
///
/// # Errors
/// The line to complain with, when the system gives no timer or no poll descriptor.
pub fn runtime(program: &str, blocking_threads: usize) -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads)
        .build()
        .map_err(|error| format!("{program}: the runtime cannot be started: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_one_a_line_and_counted() {
        assert_eq!(count_mistakes(&["a: wrong"]), "a: wrong\n1 problem\n");
        assert_eq!(count_mistakes(&["a", "b"]), "a\nb\n2 problems\n");
    }

    #[test]
    fn what_was_asked_for_succeeds_and_a_mistake_is_64() {
        let code = |asked_for| format!("{:?}", not_run(asked_for, ""));
        assert_eq!(code(true), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(false), format!("{:?}", ExitCode::from(64)));
    }
}
