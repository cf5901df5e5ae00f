//! The program `plimsoll-collector`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll_collector::cli::main(std::env::args_os())
}
