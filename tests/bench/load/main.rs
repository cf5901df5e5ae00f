//! The program behind `tests/bench/logs` and `tests/bench/statsd`: writes lines, receives them as CloudWatch Logs would, and
//! measures what this machine could do at best.
//!
//! Each line carries its file, a number and the time at which it was written, so the receiver knows
//! what was lost, came twice, came late, and how long it took. It is no stand-in for tests: it
//! checks the limits of one call and keeps nothing.

mod count;
mod datagrams;
mod line;
mod probe;
mod serve;
mod write;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

/// Any of this program's errors: they all end it.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "plimsoll-bench serve READY_FILE
plimsoll-bench generate FILE BYTES
plimsoll-bench write DIRECTORY FILES LINES_PER_SECOND SECONDS
plimsoll-bench datagrams ADDRESS DATAGRAMS_PER_SECOND SECONDS
plimsoll-bench probe FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => {
            let told = writeln!(std::io::stdout(), "{said}");
            ExitCode::from(u8::from(told.is_err()))
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "plimsoll-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what the arguments say and gives what is to be printed, as JSON.
fn run(words: &[&str]) -> Outcome<String> {
    match words {
        ["serve", ready] => serve::run(ready.as_ref()),
        ["generate", file, bytes] => write::generate(file.as_ref(), bytes.parse()?),
        ["write", directory, files, rate, seconds] => write::live(
            directory.as_ref(),
            files.parse()?,
            rate.parse()?,
            seconds.parse()?,
        ),
        ["datagrams", address, rate, seconds] => {
            datagrams::send(address, rate.parse()?, seconds.parse()?)
        }
        ["probe", file] => probe::run(file.as_ref()),
        _ => Err(USAGE.into()),
    }
}
