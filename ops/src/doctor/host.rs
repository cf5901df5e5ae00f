//! Disk and clock of the host.

use std::path::Path;

use rustix::fs::statvfs;

use super::Report;
use crate::sys;

/// Free bytes below which progress may not be kept any more.
const FREE_BYTES_LEAST: u64 = 16 * 1024 * 1024;
/// Free bytes below which an outage of AWS may not be bridged.
const FREE_BYTES_FEW: u64 = 256 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

/// The space where `directory` is or will be, which is moved by the key `setting`.
pub fn disk(directory: &Path, setting: &str, report: &mut Report) {
    let existing = directory.ancestors().find(|above| above.exists());
    let Some(told) = existing.and_then(|existing| statvfs(existing).ok()) else {
        report.skip("disk", format!("{} cannot be asked", directory.display()));
        return;
    };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    judge_disk(
        &directory.display().to_string(),
        setting,
        free,
        told.f_files > 0 && told.f_favail == 0,
        report,
    );
}

fn judge_disk(directory: &str, setting: &str, free: u64, no_inodes: bool, report: &mut Report) {
    let found = format!("{directory} has {} MiB free", free / MIB);
    let remedy =
        format!("free space there, or move `{setting}`: `du -xh --max-depth=2 {directory}`");
    if no_inodes {
        let remedy = format!("remove files there, or move `{setting}`");
        report.fail("disk", format!("{directory} has no inode free"), remedy);
    } else if free < FREE_BYTES_LEAST {
        report.fail(
            "disk",
            format!("{found}: what was done may not be kept"),
            remedy,
        );
    } else if free < FREE_BYTES_FEW {
        report.warn(
            "disk",
            format!("{found}: an outage may not be bridged"),
            remedy,
        );
    } else {
        report.fine("disk", found);
    }
}

/// Whether something corrects the clock.
pub fn clock(report: &mut Report) {
    match sys::clock::state() {
        Err(error) => report.skip("clock", format!("the kernel does not tell: {error}")),
        Ok(state) if !state.is_synchronised => report.warn(
            "clock",
            "nothing corrects the clock; AWS refuses calls that are five minutes off",
            "run chrony with the Amazon Time Sync Service (server 169.254.169.123 prefer iburst)",
        ),
        Ok(state) => report.fine(
            "clock",
            format!("corrected, at most {} ms wrong", state.error_max_us / 1000),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_disk_that_fills_is_a_warning_and_a_full_one_a_failure() {
        let cases = [
            (10 * 1024 * MIB, false, Verdict::Fine),
            (100 * MIB, false, Verdict::Warning),
            (MIB, false, Verdict::Failure),
            (10 * 1024 * MIB, true, Verdict::Failure),
        ];
        for (free, no_inodes, verdict) in cases {
            let mut report = Report::default();
            judge_disk(
                "/var/lib/x",
                "agent.state_dir",
                free,
                no_inodes,
                &mut report,
            );
            assert_eq!(report.0[0].verdict, verdict, "{free} {no_inodes}");
        }
    }
}
