//! The command line: `plimsoll-local serve | replay | summary`.
//!
//! Results go to standard output, what happens to the log. Exit codes: 0 fine, 1 something is
//! wrong, 2 the command line itself.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use plimsoll_core::clock::SystemClock;
use plimsoll_core::logging;

use crate::serve::{self, ServeFlags};
use crate::state::reason;
use crate::{replay, summary};

/// A local stand-in for the AWS endpoints that Plimsoll calls
#[derive(Debug, Parser)]
#[command(name = "plimsoll-local", version)]
struct Flags {
    /// Log more: what each connection and alarm does
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve the endpoints until SIGTERM or SIGINT
    Serve(ServeFlags),
    /// Deliver recorded samples into folders, as if they happened now
    Replay(replay::Options),
    /// Print what came in at a running stand-in; fail when any of it is zero
    Summary(summary::Options),
}

/// Does what the command line `arguments` say, the program's name first.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(help_or_mistake) => {
            // Nothing is left to tell when even this cannot be printed.
            help_or_mistake.print().ok();
            return ExitCode::from(u8::try_from(help_or_mistake.exit_code()).unwrap_or(2));
        }
    };
    let level = if flags.verbose {
        log::LevelFilter::Debug
    } else {
        log::LevelFilter::Info
    };
    logging::install("plimsoll-local", level);
    match run(flags.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", reason(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command {
        Command::Serve(flags) => {
            let variable = |name: &str| std::env::var(name).ok();
            let world = serve::world(&flags, variable, Arc::new(SystemClock));
            runtime.block_on(serve::serve(flags, world))?;
        }
        Command::Replay(options) => {
            let told = |path: &Path| log::info!("delivered {}", path.display());
            let count = runtime.block_on(replay::run(&options, &SystemClock, told))?;
            log::info!("delivered all {count} samples");
        }
        Command::Summary(options) => {
            let found = runtime.block_on(summary::ask(&options))?;
            std::io::stdout()
                .lock()
                .write_all(found.text().as_bytes())?;
            found.check()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_a_mistake_is_no_success() {
        Flags::command().debug_assert();
        let arguments = ["plimsoll-local", "dance"].map(OsString::from);
        assert_eq!(
            format!("{:?}", main(arguments)),
            format!("{:?}", ExitCode::from(2))
        );
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let options = replay::Options {
            from: "/nowhere".into(),
            to: "/nowhere".into(),
            spread: std::time::Duration::ZERO,
        };
        let error = run(Command::Replay(options)).unwrap_err();
        let told = reason(error.as_ref());
        assert!(
            told.starts_with("cannot list /nowhere/cloudtrail: No such file"),
            "{told}"
        );
    }
}
