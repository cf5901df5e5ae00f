//! The program `plimsoll-agent`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll_agent::cli::main(std::env::args_os())
}
