//! The program `plimsoll-local`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll_local::cli::main(std::env::args_os())
}
