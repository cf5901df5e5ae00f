//! Space and inodes of file systems, with the dimensions `path`, `device` and `fstype`.
//!
//! The name of a device may change with the next boot, and with it the series; `drop_device` leaves
//! it out.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::catalog::cwagent as catalog;

use crate::sample::{Labels, Sample, as_value};
use crate::scraper::disk::{Mount, mounts};
use crate::scraper::snapshot::{Input, Snapshot};
use crate::scraper::{ScrapeError, Scraper};

/// The family `disk`.
#[derive(Debug)]
pub(super) struct Disk {
    drop_device: bool,
}

impl Disk {
    /// `drop_device`: without the dimension `device`.
    pub(super) fn new(drop_device: bool) -> Self {
        Self { drop_device }
    }

    fn labels(&self, path: &Arc<str>, mount: &Mount<'_>, now: &Snapshot) -> Labels {
        let pair = |name: &str, value: &str| (Arc::from(name), Arc::from(value));
        let mut pairs = vec![
            (Arc::from("path"), Arc::clone(path)),
            pair("fstype", mount.kind),
        ];
        if !self.drop_device {
            pairs.push(pair("device", now.device_name(mount.device)));
        }
        Labels::new(pairs)
    }
}

impl Scraper for Disk {
    fn scrape(&mut self, now: &Snapshot, out: &mut Vec<Sample>) -> Result<(), ScrapeError> {
        // Of two mounts at one place the later one lies on top, and is the one that answered.
        let table = mounts(now.text(Input::Mounts)?);
        let mounts: BTreeMap<String, Mount<'_>> =
            table.map(|mount| (mount.point.clone(), mount)).collect();
        for (path, space) in now.spaces()? {
            let Some(mount) = mounts.get(&**path) else {
                continue;
            };
            if space.total == 0 {
                continue;
            }
            let labels = self.labels(path, mount, now);
            let told = [
                (&catalog::CW_DISK_FREE, as_value(space.free)),
                (&catalog::CW_DISK_TOTAL, as_value(space.total)),
                (&catalog::CW_DISK_USED, as_value(space.used)),
                (&catalog::CW_DISK_USED_PERCENT, space.used_percent()),
                (&catalog::CW_DISK_INODES_FREE, as_value(space.inodes_free)),
                (&catalog::CW_DISK_INODES_TOTAL, as_value(space.inodes_total)),
                (&catalog::CW_DISK_INODES_USED, as_value(space.inodes_used())),
            ];
            out.extend(told.map(|(metric, value)| Sample::new(metric, value).labelled(&labels)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::scraper::disk::Space;
    use crate::scraper::testing::{named, snapshot};

    fn told(drop_device: bool) -> Vec<Sample> {
        let table = "/dev/xvda1 / ext4 rw 0 0\n/dev/xvdb /data ext4 rw 0 0\n\
                     /dev/xvdc /data xfs rw 0 0\n";
        let mut now = snapshot(Instant::now(), [(Input::Mounts, table)].into_iter());
        let space = Space {
            total: 1000,
            used: 600,
            free: 200,
            inodes_total: 50,
            inodes_free: 40,
        };
        let spaces = [("/data", space), ("/odd", space)];
        now.set_spaces(
            spaces
                .map(|(path, space)| (Arc::from(path), space))
                .to_vec(),
        );
        let mut samples = Vec::new();
        Disk::new(drop_device).scrape(&now, &mut samples).unwrap();
        samples
    }

    #[test]
    fn a_mount_is_told_by_path_device_and_type_of_what_lies_on_top() {
        for (drop_device, expected) in [
            (false, "device=xvdc fstype=xfs path=/data"),
            (true, "fstype=xfs path=/data"),
        ] {
            let samples = told(drop_device);
            for sample in &samples {
                let labels = sample
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"));
                assert_eq!(labels.collect::<Vec<_>>().join(" "), expected);
            }
            let expected = [
                ("disk_free", 200.0),
                ("disk_total", 1000.0),
                ("disk_used", 600.0),
                ("disk_used_percent", 75.0),
                ("disk_inodes_free", 40.0),
                ("disk_inodes_total", 50.0),
                ("disk_inodes_used", 10.0),
            ];
            assert_eq!(named(&samples), expected);
        }
    }
}
