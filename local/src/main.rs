//! The command line of the stand-in.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use plimsoll_core::clock::SystemClock;
use plimsoll_local::serve::{self, ServeFlags};
use plimsoll_local::{replay, summary};

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

fn main() -> ExitCode {
    let flags = Flags::parse();
    let level = if flags.verbose {
        log::LevelFilter::Debug
    } else {
        log::LevelFilter::Info
    };
    plimsoll_core::logging::install("plimsoll-local", level);
    match run(flags.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    match command {
        Command::Serve(flags) => {
            let variable = |name: &str| std::env::var(name).ok();
            let world = serve::world(&flags, variable, Arc::new(SystemClock));
            Ok(runtime.block_on(serve::serve(flags, world))?)
        }
        Command::Replay(options) => {
            let told = |path: &Path| log::info!("delivered {}", path.display());
            let count = runtime.block_on(replay::run(&options, &SystemClock, told))?;
            log::info!("delivered all {count} samples");
            Ok(())
        }
        Command::Summary(options) => {
            let found = runtime.block_on(summary::ask(&options))?;
            std::io::stdout()
                .lock()
                .write_all(found.text().as_bytes())
                .context("cannot print")?;
            Ok(found.check()?)
        }
    }
}
