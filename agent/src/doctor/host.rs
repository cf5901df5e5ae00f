//! Disk, limits and clock of the host.

use std::fs;

use plimsoll_ops::doctor::{Report, clock, disk};

use crate::config::Config;
use crate::scraper::HostRoot;

/// Watched directories that a host of many logs may need. Source: `inotify(7)`, `max_user_watches`.
const WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";
const WATCHES_FEW: u64 = 1024;

pub(super) fn look(config: &Config, root: &HostRoot, report: &mut Report) {
    disk(&config.agent.state_dir, "agent.state_dir", report);
    watches(root, report);
    clock(report);
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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_ops::doctor::Verdict;

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
