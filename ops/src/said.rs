//! What another program says, within a time: one that hangs must not take us with it.

use std::io;
use std::process::{Command, Output};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long a program may take. A call over D-Bus gives up after 25 s; who looks for a mistake should
/// not wait that long for each.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a program to its end and gives what it said. One that does not end in time is left alone.
///
/// # Errors
/// It could not be started, or did not end.
pub fn said(command: &mut Command) -> io::Result<Output> {
    within(command, PATIENCE)
}

fn within(command: &mut Command, patience: Duration) -> io::Result<Output> {
    let child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        let seconds = patience.as_secs();
        Err(io::Error::other(format!("no answer within {seconds} s")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_not_waited_for() {
        let mut sleeps = Command::new("sleep");
        let late = within(sleeps.arg("5"), Duration::from_millis(10));
        assert!(late.unwrap_err().to_string().contains("no answer"));
        let told = said(Command::new("echo").arg("hello")).unwrap();
        assert_eq!(told.stdout, b"hello\n");
        assert!(said(&mut Command::new("/no/such/program")).is_err());
    }
}
