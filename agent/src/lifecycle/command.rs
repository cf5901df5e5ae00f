//! Runs a command of the user within its time.
//!
//! No shell, and no thread: the child is looked at again and again while the runtime goes on, and
//! its output is read without waiting. A command that takes too long is killed with its process
//! group, also when whoever waits for it goes away. What a command leaves running when it ends by
//! itself is its own affair.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

/// Output that is kept of one command.
pub(super) const OUTPUT_BYTES_MAX: usize = 4 * 1024;
/// How often a command is looked at. A hundred wake-ups a second for the seconds that it runs.
const LOOK: Duration = Duration::from_millis(10);
/// What is read at one look, so that a command that writes without end cannot hold up the runtime.
const READ_BYTES: usize = 64 * 1024;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ran {
    /// Whether it ended by itself with exit code 0.
    pub(super) well: bool,
    /// How it ended, in words.
    pub(super) how: String,
    /// The beginning of what it wrote.
    pub(super) output: String,
    /// How long it took.
    pub(super) took: Duration,
}

/// Runs `command` until it ends or `until` has come.
pub(super) async fn run(command: &[String], environment: &[(&str, String)], until: Instant) -> Ran {
    let begun = Instant::now();
    let (how, well, output) = match start(command, environment) {
        Err(error) => (format!("could not be started: {error}"), false, Vec::new()),
        Ok(mut running) => {
            let ended = running.ended(until).await;
            let output = std::mem::take(&mut running.output);
            match ended {
                Ok(Some(status)) => (status.to_string(), status.success(), output),
                Ok(None) => (
                    "was killed because its time was over".to_owned(),
                    false,
                    output,
                ),
                Err(error) => (format!("cannot be waited for: {error}"), false, output),
            }
        }
    };
    Ran {
        well,
        how,
        output: String::from_utf8_lossy(&output).trim().to_owned(),
        took: begun.elapsed(),
    }
}

fn start(command: &[String], environment: &[(&str, String)]) -> io::Result<Running> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let (reader, writer) = io::pipe()?;
    fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    let child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    Ok(Running {
        child,
        reader,
        output: Vec::new(),
    })
}

/// A command under way. Dropping it kills it with its group.
struct Running {
    child: Child,
    reader: PipeReader,
    output: Vec<u8>,
}

impl Running {
    /// How it ended; `None` if it did not in time.
    async fn ended(&mut self, until: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let ended = self.child.try_wait()?;
            self.read();
            if ended.is_some() || Instant::now() >= until {
                return Ok(ended);
            }
            sleep(LOOK).await;
        }
    }

    /// Takes what is there; beyond the bound it is thrown away, so that the command goes on.
    fn read(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..READ_BYTES / buffer.len() {
            match self.reader.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    let room = OUTPUT_BYTES_MAX.saturating_sub(self.output.len());
                    self.output.extend(buffer.iter().take(length.min(room)));
                }
                _ => return,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // The group has the number of its first process, which is not reaped yet, so that no other
        // can have it.
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &[&str]) -> Vec<String> {
        command.iter().map(|word| (*word).to_owned()).collect()
    }

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn exit_code_output_and_environment_are_those_of_the_command() {
        let script = "echo $PLIMSOLL_NOTICE; echo no >&2; exit 3";
        let command = words(&["/bin/sh", "-c", script]);
        let environment = [("PLIMSOLL_NOTICE", "scale_in".to_owned())];
        let ran = run(&command, &environment, soon(60_000)).await;
        assert_eq!((ran.well, ran.how.as_str()), (false, "exit status: 3"));
        assert_eq!(ran.output, "scale_in\nno");
        assert!(run(&words(&["/bin/true"]), &[], soon(60_000)).await.well);
        let missing = run(&words(&["/nonexistent"]), &[], soon(60_000)).await;
        assert!(
            missing.how.starts_with("could not be started"),
            "{missing:?}"
        );
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_group() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("held");
        let script = format!(
            "mkfifo {0}; (exec 3<>{0}; exec sleep 600) & echo $!; wait",
            fifo.display()
        );
        let ran = run(&words(&["/bin/sh", "-c", &script]), &[], soon(300)).await;
        assert!(ran.how.contains("killed"), "{ran:?}");
        let child: i32 = ran.output.trim().parse().unwrap();
        // The signal is on its way, and whoever adopts it reaps it later: a zombie is dead.
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            let state = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
            state.is_some_and(|state| !state.starts_with(['Z', 'X'])) && stat.contains("sleep")
        };
        let gone = async {
            while lives() {
                sleep(LOOK).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), gone).await;
        assert!(waited.is_ok(), "the process {child} of the group lives on");
    }

    #[tokio::test]
    async fn output_without_end_is_cut_and_does_not_hold_up_the_command() {
        let script = "head -c 300000 /dev/zero | tr '\\0' x";
        let ran = run(&words(&["/bin/sh", "-c", script]), &[], soon(60_000)).await;
        assert!(ran.well, "{}", ran.how);
        assert_eq!(ran.output.len(), OUTPUT_BYTES_MAX);
    }
}
