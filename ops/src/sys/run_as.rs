//! Starts a program as another user with that user's groups.
#![expect(
    unsafe_code,
    reason = "setgroups has no safe wrapper that a child may call before exec"
)]

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has `command` run as this user, with this group and these others and no rights beyond. Only root
/// may; starting it fails for anyone else.
pub(crate) fn run_as(command: &mut Command, user: u32, group: u32, others: Vec<u32>) {
    // SAFETY: between fork and exec only system calls are made; `others` was allocated before, is
    // owned by the closure, and its length is that of the pointer that is handed over.
    unsafe {
        command.pre_exec(move || {
            let answers = [
                libc::setgroups(others.len(), others.as_ptr()),
                libc::setgid(group),
                libc::setuid(user),
            ];
            if answers.iter().any(|answer| *answer != 0) {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
}
