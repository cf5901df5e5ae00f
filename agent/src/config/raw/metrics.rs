//! The section `[metrics]` and its tables of filters.

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll_aws::limits;
use plimsoll_core::catalog::cwagent::CWAGENT_METRICS;
use plimsoll_core::catalog::{self, AGENT_METRICS, DEVICE_METRICS, HOST_METRICS, PROCESS_METRICS};
use plimsoll_core::config::{Field, Section, nearest};

use super::super::{Applications, Feed, MetricRule, MetricsConfig, Shape, WhenUnknown};
use super::{datagrams, devices, emf, host, outage, pull, shape};
use crate::identity::DIMENSIONS;
use crate::scraper::{FAMILIES, Family, MountFilter, NameFilter, PSEUDO_TYPES, Selection, Style};

pub(crate) const INTERVAL: Duration = Duration::from_mins(1);
pub(super) const INTERVAL_MIN: Duration = Duration::from_secs(1);
pub(super) const INTERVAL_MAX: Duration = Duration::from_hours(1);
/// About six hours of the default metrics at the default interval, and 2 MiB.
pub(crate) const WAITING_DATUMS: usize = 20_000;
/// One call's worth.
const WAITING_DATUMS_MIN: u64 = 1_000;
/// About 100 MiB.
const WAITING_DATUMS_MAX: u64 = 1_000_000;
/// A metric with more series than this is told as one: a tag that is different each time would
/// cost more than the machine.
pub(crate) const SERIES_PER_METRIC: usize = 500;
/// Each set is a whole series more on the bill, for every metric.
const DIMENSION_SETS_MAX: usize = 8;
/// What a host with a group gets unless the file says otherwise. All but the first are shared with
/// other hosts, so they are paid once.
pub(crate) const DIMENSION_SETS: [&[&str]; 4] = [
    &["InstanceId"],
    &["AutoScalingGroupName"],
    &["AutoScalingGroupName", "AvailabilityZone"],
    &["InstanceType"],
];
/// What is worth a series for each instance: what tells which one is full.
const PER_INSTANCE: [&str; 3] = ["cpu_usage_active", "mem_used_percent", "disk_used_percent"];
/// What is worth a series for each zone and each type of instance.
const IN_EVERY_LIST: [&str; 4] = [
    "cpu_usage_active",
    "mem_used_percent",
    "disk_used_percent",
    "load_per_vcpu",
];
/// Interfaces of the machine itself and of containers, whose traffic is seen elsewhere.
pub(crate) const INTERFACES_EXCLUDED: [&str; 14] = [
    "lo", "veth*", "docker*", "br-*", "virbr*", "cni*", "cali*", "flannel*", "cilium*", "lxc*",
    "dummy*", "ifb*", "tunl*", "sit*",
];
/// Devices that are made of files or memory.
pub(crate) const DEVICES_EXCLUDED: [&str; 6] = ["loop*", "ram*", "zram*", "sr*", "fd*", "nbd*"];

/// Reads the section; `None` when nothing is measured and nobody is listened to.
pub(super) fn read(root: &mut Section<'_>, measures_logs: bool) -> Option<MetricsConfig> {
    let Some(mut section) = root.take_section("metrics") else {
        return Some(default());
    };
    let mut config = default();
    config.selection.families = host::every_family().collect();
    host::style(&mut section, &mut config);
    intervals(&mut section, &mut config);
    if let Some(namespace) = section.take_name("namespace")
        && is_namespace(&section, &namespace)
    {
        config.shape.namespace = namespace.value;
    }
    host::families(&mut section, &mut config.selection);
    if section.keys().any(|key| key == "dimensions") {
        told_in_all(&mut config.shape);
    }
    dimension_sets(&mut section, &mut config.shape.sets);
    excluded(&mut section, &mut config.shape.rules);
    if let Some(datums) =
        section.take_integer("waiting_datums", WAITING_DATUMS_MIN..=WAITING_DATUMS_MAX)
    {
        config.waiting_datums_max = usize::try_from(datums).unwrap_or(WAITING_DATUMS);
    }
    outage::read(&mut section, &mut config);
    shape::read(&mut section, &mut config);
    devices::processes(&mut section, &mut config);
    for (name, family) in FAMILIES {
        // Its tables are a list.
        if family == Family::Procstat {
            continue;
        }
        if let Some(mut table) = section.take_section(name) {
            shape::common(&mut table, Feed::Host(family), &mut config);
            host::of_family(&mut table, family, &mut config.selection);
            table.finish();
        }
    }
    datagrams::read(&mut section, &mut config);
    pull::read(&mut section, &mut config);
    emf::read(&mut section, &mut config);
    section.finish();
    let anything = !config.selection.families.is_empty() || config.applications.any();
    let anything = anything || measures_logs;
    anything.then_some(config)
}

/// The three times of the road.
fn intervals(section: &mut Section<'_>, config: &mut MetricsConfig) {
    let interval = shape::seconds(section, "interval").unwrap_or(config.interval);
    let sample_interval = shape::seconds(section, "sample_interval").unwrap_or(interval);
    if !shape::is_multiple(interval, sample_interval) {
        let found = format!("found {sample_interval:?} with an interval of {interval:?}");
        let expected = "expected a time of which `interval` is a multiple";
        section.report("sample_interval", &found, expected, None);
    }
    config.interval = interval;
    config.flush_interval = shape::seconds(section, "flush_interval").unwrap_or(interval);
    for selected in &mut config.selection.families {
        selected.interval = interval;
        selected.sample_interval = sample_interval;
    }
}

/// What is measured of the host unless the file says otherwise.
pub(super) fn default_selection() -> Selection {
    default().selection
}

fn default() -> MetricsConfig {
    let all_but = |excluded: &[&str]| NameFilter::new(&["*"], excluded).unwrap_or_default();
    let sets = DIMENSION_SETS.iter().map(|set| {
        let names = set.iter();
        names.map(|name| (*name).to_owned()).collect()
    });
    let families = host::every_family();
    let families = families.filter(|one| host::is_default(one.family, Style::Plimsoll));
    MetricsConfig {
        interval: INTERVAL,
        flush_interval: INTERVAL,
        selection: Selection {
            style: Style::Plimsoll,
            families: families.collect(),
            mounts: MountFilter {
                ignored_types: PSEUDO_TYPES.map(str::to_owned).to_vec(),
                paths: all_but(&[]),
                ..MountFilter::default()
            },
            devices: all_but(&DEVICES_EXCLUDED),
            interfaces: all_but(&INTERFACES_EXCLUDED),
            ethtool: devices::default_ethtool(),
            ..Selection::default()
        },
        shape: Shape {
            namespace: catalog::namespace::HOST.to_owned(),
            sets: sets.collect(),
            per_instance: NameFilter::new(&PER_INSTANCE, &[] as &[&str]).unwrap_or_default(),
            in_every_list: NameFilter::new(&IN_EVERY_LIST, &[] as &[&str]).unwrap_or_default(),
            ..Shape::default()
        },
        applications: Applications::default(),
        series_per_metric_max: SERIES_PER_METRIC,
        waiting_datums_max: WAITING_DATUMS,
        spool_bytes_max: outage::SPOOL_BYTES,
        when_unknown: WhenUnknown::default(),
    }
}

/// Source: CloudWatch API reference, PutMetricData, `Namespace`.
pub(super) fn is_namespace(section: &Section<'_>, name: &Field<String>) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#: ".contains(c);
    let good = name.value.len() <= limits::metrics::NAME_MAX
        && name.value.chars().all(allowed)
        && !name.value.starts_with(':')
        && !name.value.starts_with("AWS/");
    if !good {
        section.reject(
            name,
            &format!("found \"{}\"", name.value),
            "expected at most 255 letters, digits and . - _ / # :, not starting with AWS/ or :",
        );
    }
    good
}

fn dimension_sets(section: &mut Section<'_>, sets: &mut Vec<Vec<String>>) {
    const KEY: &str = "dimensions";
    let Some(written) = section.take_string_lists(KEY) else {
        return;
    };
    if !(1..=DIMENSION_SETS_MAX).contains(&written.len()) {
        let found = format!("found {} sets", written.len());
        let expected = format!("expected 1 to {DIMENSION_SETS_MAX}");
        section.report(KEY, &found, &expected, None);
    }
    for name in written.iter().flatten() {
        if !DIMENSIONS.contains(&name.trim_end_matches('?')) {
            section.report(
                KEY,
                &format!("found \"{name}\""),
                &format!("expected names out of: {}", DIMENSIONS.join(", ")),
                nearest(name, DIMENSIONS.iter().copied()),
            );
        }
    }
    for set in &written {
        let different: BTreeSet<&String> = set.iter().collect();
        if different.len() < set.len() {
            let found = format!("found a name twice in {set:?}");
            section.report(KEY, &found, "expected each name once", None);
        }
    }
    *sets = written;
}

/// What is told where is chosen for the lists that are there by default. Who writes lists wants all
/// metrics in them, unless they say otherwise.
pub(super) fn told_in_all(shape: &mut Shape) {
    let all = NameFilter::new(&["*"], &[] as &[&str]).unwrap_or_default();
    shape.per_instance.clone_from(&all);
    shape.in_every_list = all;
}

/// Each excluded metric is a rule that drops it.
fn excluded(section: &mut Section<'_>, rules: &mut Vec<MetricRule>) {
    let words = || {
        HOST_METRICS
            .iter()
            .chain(AGENT_METRICS)
            .chain(CWAGENT_METRICS)
            .chain(PROCESS_METRICS)
            .chain(DEVICE_METRICS)
            .map(|metric| metric.name)
    };
    for name in section.take_strings("exclude_metrics") {
        if words().any(|word| word == name.value) {
            rules.push(MetricRule {
                names: NameFilter::new(&[&name.value], &[] as &[&str]).unwrap_or_default(),
                drop: true,
                ..MetricRule::default()
            });
        } else {
            let found = format!("found \"{}\"", name.value);
            let expected = "expected the name of a metric of the reference";
            section.reject_near(&name, &found, expected, &name.value, words());
        }
    }
}

/// `include` and `exclude` of a table of names.
pub(super) fn filter(section: &mut Section<'_>, excluded_by_default: &[&str]) -> NameFilter {
    let mut include = patterns(section, "include");
    let mut exclude = patterns(section, "exclude");
    if include.is_empty() {
        include.push("*".to_owned());
    }
    if section.keys().all(|key| key != "exclude") {
        exclude.extend(excluded_by_default.iter().map(|name| (*name).to_owned()));
    }
    NameFilter::new(&include, &exclude).unwrap_or_default()
}

/// The patterns of a list of names.
pub(super) fn patterns(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let mut patterns = Vec::new();
    for pattern in section.take_strings(key) {
        match NameFilter::new(&[&pattern.value], &[] as &[&str]) {
            Ok(_) => patterns.push(pattern.value),
            Err(error) => {
                let found = format!("found \"{}\": {error}", pattern.value);
                section.reject(&pattern, &found, "expected a pattern with *, ? or [...]");
            }
        }
    }
    patterns
}
