//! Disk, limits and clock of the host.

use std::fs;

use rustix::fs::statvfs;

use super::Report;
use crate::config::Config;
use crate::scraper::HostRoot;
use crate::sys::clock;

/// Free bytes below which positions may not be kept any more.
const FREE_BYTES_LEAST: u64 = 16 * 1024 * 1024;
/// Free bytes below which an outage of CloudWatch may not be bridged.
const FREE_BYTES_FEW: u64 = 256 * 1024 * 1024;
/// Watched directories that a host of many logs may need. Source: `inotify(7)`, `max_user_watches`.
const WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";
const WATCHES_FEW: u64 = 1024;
const MIB: u64 = 1024 * 1024;

pub(super) fn look(config: &Config, root: &HostRoot, report: &mut Report) {
    disk(config, report);
    watches(root, report);
    synchronised(report);
}

fn disk(config: &Config, report: &mut Report) {
    let directory = &config.agent.state_dir;
    let existing = directory.ancestors().find(|above| above.exists());
    let Some(told) = existing.and_then(|existing| statvfs(existing).ok()) else {
        report.skip("disk", format!("{} cannot be asked", directory.display()));
        return;
    };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    judge_disk(
        &directory.display().to_string(),
        free,
        told.f_files > 0 && told.f_favail == 0,
        report,
    );
}

fn judge_disk(directory: &str, free: u64, no_inodes: bool, report: &mut Report) {
    let found = format!("{directory} has {} MiB free", free / MIB);
    let remedy =
        format!("free space there, or move `agent.state_dir`: `du -xh --max-depth=2 {directory}`");
    if no_inodes {
        let remedy = "remove files there, or move `agent.state_dir`";
        report.fail("disk", format!("{directory} has no inode free"), remedy);
    } else if free < FREE_BYTES_LEAST {
        report.fail(
            "disk",
            format!("{found}: positions may not be kept"),
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

fn watches(root: &HostRoot, report: &mut Report) {
    let told = fs::read_to_string(root.path(WATCHES)).ok();
    match told.and_then(|told| told.trim().parse::<u64>().ok()) {
        None => report.skip(
            "limits",
            "the kernel has no inotify; directories are polled",
        ),
        Some(watches) if watches < WATCHES_FEW => report.warn(
            "limits",
            format!("a user may watch {watches} directories; beyond that they are polled"),
            "`sysctl -w fs.inotify.max_user_watches=65536`, and the same below /etc/sysctl.d",
        ),
        Some(watches) => report.fine("limits", format!("a user may watch {watches} directories")),
    }
}

fn synchronised(report: &mut Report) {
    match clock::state() {
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
            judge_disk("/var/lib/plimsoll", free, no_inodes, &mut report);
            assert_eq!(report.0[0].verdict, verdict, "{free} {no_inodes}");
        }
    }

    #[test]
    fn few_watches_are_told_with_the_setting() {
        let root = tempfile::tempdir().unwrap();
        let host = HostRoot::at(root.path());
        let file = root.path().join("proc/sys/fs/inotify/max_user_watches");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        for (watches, verdict) in [("8\n", Verdict::Warning), ("65536\n", Verdict::Fine)] {
            fs::write(&file, watches).unwrap();
            let mut report = Report::default();
            super::watches(&host, &mut report);
            assert_eq!(report.0[0].verdict, verdict);
        }
    }
}
