//! What EBS volumes and instance stores count of themselves: requests, and for how long they, or
//! the instance, were asked for more than they can do.
//!
//! Each volume is asked for its log page by a command that needs `CAP_SYS_ADMIN`; without it that
//! is told once and counted. All but the length of the queue only grow and are told as what was
//! added, in the style of the amazon-cloudwatch-agent as well. Devices of other makers are never
//! asked.

pub(crate) mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use plimsoll_core::catalog::{self, Metric};

use super::aside::{Device, Look};
use super::snapshot::HostRoot;
use crate::sample::{Sample, as_value};
use crate::sys::nvme::log_page;
use page::{COUNTERS, Kind, PAGE, PAGE_BYTES, Page};

/// What the two kinds of volumes call themselves.
/// Source: Amazon EC2 User Guide, "Amazon EBS volumes and NVMe" and "SSD instance store volumes".
const MODELS: [&str; 2] = [
    "Amazon Elastic Block Store",
    "Amazon EC2 NVMe Instance Storage",
];
const BLOCKS: &str = "/sys/block";
/// Volumes that are asked in one look; an instance has at most 128 with all its cards.
const VOLUMES_MAX: usize = 256;

/// The metrics of an EBS volume, in the order of the page.
const EBS: [&Metric; COUNTERS] = [
    &catalog::DISKIO_EBS_TOTAL_READ_OPS,
    &catalog::DISKIO_EBS_TOTAL_WRITE_OPS,
    &catalog::DISKIO_EBS_TOTAL_READ_BYTES,
    &catalog::DISKIO_EBS_TOTAL_WRITE_BYTES,
    &catalog::DISKIO_EBS_TOTAL_READ_TIME,
    &catalog::DISKIO_EBS_TOTAL_WRITE_TIME,
    &catalog::DISKIO_EBS_VOLUME_PERFORMANCE_EXCEEDED_IOPS,
    &catalog::DISKIO_EBS_VOLUME_PERFORMANCE_EXCEEDED_TP,
    &catalog::DISKIO_EBS_EC2_INSTANCE_PERFORMANCE_EXCEEDED_IOPS,
    &catalog::DISKIO_EBS_EC2_INSTANCE_PERFORMANCE_EXCEEDED_TP,
];
/// Those of an instance store. It has no limits of a volume of EBS.
const INSTANCE_STORE: [Option<&Metric>; COUNTERS] = [
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_READ_OPS),
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_WRITE_OPS),
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_READ_BYTES),
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_WRITE_BYTES),
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_READ_TIME),
    Some(&catalog::DISKIO_INSTANCE_STORE_TOTAL_WRITE_TIME),
    None,
    None,
    Some(&catalog::DISKIO_INSTANCE_STORE_PERFORMANCE_EXCEEDED_IOPS),
    Some(&catalog::DISKIO_INSTANCE_STORE_PERFORMANCE_EXCEEDED_TP),
];

/// How a volume is asked, by the path of its device; a parameter so that a test needs none.
type Ask = fn(&std::path::Path) -> io::Result<Vec<u8>>;

/// The family `nvme`.
pub(super) struct Nvme {
    root: HostRoot,
    ask: Ask,
    before: BTreeMap<Arc<str>, [u64; COUNTERS]>,
}

impl Nvme {
    pub(super) fn new(root: HostRoot) -> Self {
        Self {
            root,
            ask: read_page,
            before: BTreeMap::new(),
        }
    }

    /// The devices of Amazon's volumes, each controller once, with the volume's name.
    fn volumes(&self) -> io::Result<Vec<(String, Arc<str>)>> {
        let directory = self.root.path(BLOCKS);
        let mut devices = Vec::new();
        for entry in fs::read_dir(&directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                devices.push(name);
            }
        }
        devices.sort_unstable();
        let mut serials = BTreeSet::new();
        let mut volumes = Vec::new();
        for device in devices.into_iter().filter(|name| name.starts_with("nvme")) {
            let says = |file| {
                let path = directory.join(&device).join("device").join(file);
                let text = fs::read_to_string(path).unwrap_or_default();
                text.trim().to_owned()
            };
            if !MODELS.contains(&says("model").as_str()) {
                continue;
            }
            let serial = volume_id(&says("serial"));
            if !serial.is_empty() && serials.insert(serial.clone()) {
                volumes.push((device, Arc::from(serial)));
            }
        }
        Ok(volumes)
    }

    fn tell(
        &mut self,
        volume: &Arc<str>,
        page: &Page,
        before: Option<[u64; COUNTERS]>,
        look: &mut Look,
    ) {
        let counters: [Option<&'static Metric>; COUNTERS] = match page.kind {
            Kind::Ebs => EBS.map(Some),
            Kind::InstanceStore => INSTANCE_STORE,
        };
        let queue_length = match page.kind {
            Kind::Ebs => &catalog::DISKIO_EBS_VOLUME_QUEUE_LENGTH,
            Kind::InstanceStore => &catalog::DISKIO_INSTANCE_STORE_VOLUME_QUEUE_LENGTH,
        };
        if let Some(before) = before {
            let values = page.counters.iter().zip(before);
            for (metric, (now, before)) in counters.into_iter().zip(values) {
                // What went back was set anew, as after the volume was attached again.
                if let (Some(metric), Some(added)) = (metric, now.checked_sub(before)) {
                    look.samples
                        .push(Sample::of(metric, volume, as_value(added)).counted());
                }
            }
        }
        let length = as_value(page.queue_length);
        look.samples.push(Sample::of(queue_length, volume, length));
        self.before.insert(Arc::clone(volume), page.counters);
    }
}

impl Device for Nvme {
    fn look(&mut self, _now: Instant) -> Look {
        let mut look = Look::default();
        let volumes = match self.volumes() {
            Ok(volumes) => volumes,
            Err(error) => {
                let why = format!("{BLOCKS} cannot be read: {error}");
                look.trouble("host_unreadable", 1, why);
                return look;
            }
        };
        let before = std::mem::take(&mut self.before);
        for (device, volume) in volumes.iter().take(VOLUMES_MAX) {
            let path = format!("/dev/{device}");
            let trouble = match (self.ask)(&self.root.path(&path)) {
                Ok(bytes) => match page::parse(&bytes) {
                    Ok(page) => {
                        let before = before.get(volume).copied();
                        self.tell(volume, &page, before, &mut look);
                        continue;
                    }
                    Err(error) => ("nvme_malformed", error.to_string()),
                },
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (
                    "nvme_denied",
                    "it takes CAP_SYS_ADMIN and access to the device".to_owned(),
                ),
                Err(error) => ("nvme_failed", error.to_string()),
            };
            let (reason, error) = trouble;
            let why = format!("{path} does not tell what it counts: {error}");
            look.trouble(reason, 1, why);
        }
        look
    }
}

/// The serial number of an EBS volume is its name without the hyphen.
fn volume_id(serial: &str) -> String {
    match serial.strip_prefix("vol") {
        Some(rest) if !rest.is_empty() && !rest.starts_with('-') => format!("vol-{rest}"),
        _ => serial.to_owned(),
    }
}

fn read_page(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let device = File::open(path)?;
    let mut bytes = vec![0; PAGE_BYTES];
    log_page(&device, PAGE, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nvme(ask: Ask) -> (tempfile::TempDir, Nvme) {
        let host = tempfile::tempdir().unwrap();
        for (name, model, serial) in [
            ("nvme0n1", MODELS[0], "vol0123456789abcdef0"),
            ("nvme0n2", MODELS[0], "vol0123456789abcdef0"),
            ("nvme1n1", MODELS[1], "AWS1F5A"),
            ("nvme2n1", "Other", "X1"),
            ("sda", MODELS[0], "vol1"),
        ] {
            let directory = host.path().join("sys/block").join(name).join("device");
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("model"), format!("{model}    \n")).unwrap();
            fs::write(directory.join("serial"), format!("{serial}\n")).unwrap();
        }
        let root = HostRoot::at(host.path());
        (
            host,
            Nvme {
                ask,
                ..Nvme::new(root)
            },
        )
    }

    fn bytes(path: &std::path::Path, factor: u64) -> Vec<u8> {
        let magic: u64 = if path.ends_with("nvme0n1") {
            0x3c23_b510
        } else {
            0xec2c_0d7e
        };
        let numbers = (1..=11).map(|number| number * factor);
        let words = std::iter::once(magic).chain(numbers);
        words.flat_map(u64::to_le_bytes).collect()
    }

    #[test]
    fn volumes_tell_what_was_added_each_under_its_own_name() {
        let (_host, mut nvme) = nvme(|path| Ok(bytes(path, 10)));
        let first = nvme.look(Instant::now());
        let values: Vec<f64> = first.samples.iter().map(Sample::number).collect();
        assert_eq!(values, [110.0, 110.0], "only the queues");
        nvme.ask = |path| Ok(bytes(path, 11));
        let second = nvme.look(Instant::now());
        assert!(second.troubles.is_empty());
        let of = |volume: &str| -> Vec<(&str, f64, bool)> {
            let samples = second.samples.iter();
            samples
                .filter(|sample| sample.label() == Some(volume))
                .map(|sample| (sample.name(), sample.number(), sample.additive))
                .collect()
        };
        let ebs = of("vol-0123456789abcdef0");
        assert_eq!(ebs.len(), 11);
        assert_eq!(ebs[0], ("diskio_ebs_total_read_ops", 1.0, true));
        let exceeded = "diskio_ebs_ec2_instance_performance_exceeded_tp";
        assert_eq!(ebs[9], (exceeded, 10.0, true));
        assert_eq!(ebs[10], ("diskio_ebs_volume_queue_length", 121.0, false));
        let store = of("AWS1F5A");
        assert_eq!(store.len(), 9);
        let exceeded = ("diskio_instance_store_performance_exceeded_iops", 9.0, true);
        assert_eq!(store[6], exceeded);
        nvme.ask = |path| Ok(bytes(path, 1));
        assert_eq!(nvme.look(Instant::now()).samples.len(), 2, "set anew");
    }

    #[test]
    fn volumes_that_cannot_be_asked_are_counted_and_cost_nothing_else() {
        let cases: [(Ask, &str); 3] = [
            (
                |_| Err(io::ErrorKind::PermissionDenied.into()),
                "nvme_denied",
            ),
            (|_| Err(io::ErrorKind::NotFound.into()), "nvme_failed"),
            (|_| Ok(vec![0; 4096]), "nvme_malformed"),
        ];
        for (ask, reason) in cases {
            let (_host, mut nvme) = nvme(ask);
            let look = nvme.look(Instant::now());
            let reasons: Vec<&str> = look.troubles.iter().map(|one| one.reason).collect();
            assert_eq!(reasons, [reason, reason]);
            assert!(look.samples.is_empty());
        }
    }

    #[test]
    fn the_serial_number_of_a_volume_is_its_name() {
        for (serial, name) in [
            ("vol0abc", "vol-0abc"),
            ("vol-0abc", "vol-0abc"),
            ("AWS22", "AWS22"),
            ("vol", "vol"),
        ] {
            assert_eq!(volume_id(serial), name);
        }
    }
}
