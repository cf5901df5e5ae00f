//! A second opinion on this very machine: what our own parsers read must agree with the crate
//! `sysinfo`, which reads the same host by other code.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::{DISK_TOTAL, MEM_TOTAL, Metric, PROCESSES_TOTAL, SWAP_USED};
use sysinfo::{Disks, ProcessesToUpdate, System};

use super::{
    FAMILIES, Family, FamilySelection, HostRoot, MountFilter, NameFilter, PSEUDO_TYPES, Scrapers,
    Selection,
};
use crate::health::Health;
use crate::sample::{Sample, as_value};

fn value(samples: &[Sample], metric: &Metric, of: Option<&str>) -> f64 {
    let fits = |sample: &&Sample| sample.name() == metric.name && sample.label() == of;
    samples.iter().find(fits).map_or(-1.0, Sample::number)
}

#[tokio::test]
async fn sysinfo_sees_the_same_host() {
    let everything = NameFilter::new(&["*"], &[] as &[&str]).unwrap();
    let families = FAMILIES.iter();
    let families = families.filter(|(_, family)| *family != Family::NvidiaGpu);
    let families = families.map(|(_, family)| FamilySelection {
        family: *family,
        sample_interval: Duration::from_mins(1),
        interval: Duration::from_mins(1),
    });
    let selection = Selection {
        families: families.collect(),
        mounts: MountFilter {
            ignored_types: PSEUDO_TYPES.map(str::to_owned).to_vec(),
            paths: everything.clone(),
            ..MountFilter::default()
        },
        devices: everything.clone(),
        interfaces: everything,
        ..Selection::default()
    };
    let health = Arc::new(Health::default());
    let mut scrapers = Scrapers::new(HostRoot::default(), &selection, Arc::clone(&health));
    let samples = scrapers.scrape(|_| true).await;
    let samples: Vec<Sample> = samples.into_iter().flat_map(|(_, told)| told).collect();
    assert_eq!(health.problems.snapshot(), [], "every input can be read");

    let mut system = System::new().unwrap();
    system.refresh_memory();
    system.refresh_processes(ProcessesToUpdate::All, true);
    let total = as_value(system.total_memory());
    assert!((value(&samples, &MEM_TOTAL, None) - total).abs() < 1.0);
    let swap = as_value(system.used_swap());
    assert!((value(&samples, &SWAP_USED, None) - swap).abs() < 64e6);
    let processes = as_value(system.processes().len() as u64);
    // Other tests start and end processes meanwhile, and sysinfo also lists threads.
    assert!(value(&samples, &PROCESSES_TOTAL, None) <= processes + 100.0);

    let disks = Disks::new_with_refreshed_list().unwrap();
    let root = disks
        .iter()
        .find(|disk| disk.mount_point().to_str() == Some("/"));
    if let Some(root) = root {
        let total = as_value(root.total_space());
        assert!((value(&samples, &DISK_TOTAL, Some("/")) - total).abs() < 1.0);
    }
}
