//! What `[metrics]` says about the host: which scrapers are on, in whose style, and the tables of
//! single scrapers.

use plimsoll_core::catalog::namespace;
use plimsoll_core::config::Section;

use super::super::MetricsConfig;
use super::devices;
use super::metrics::{DEVICES_EXCLUDED, INTERFACES_EXCLUDED, INTERVAL, filter, told_in_all};
use crate::scraper::{FAMILIES, Family, FamilySelection, OFF_BY_DEFAULT, Selection, Style};

const STYLES: [(&str, Style); 1] = [("cloudwatch-agent", Style::CloudWatchAgent)];

/// Every family, with the times that hold unless the file says otherwise.
pub(super) fn every_family() -> impl Iterator<Item = FamilySelection> {
    FAMILIES.iter().map(|(_, family)| FamilySelection {
        family: *family,
        sample_interval: INTERVAL,
        interval: INTERVAL,
    })
}

/// Whether a family is measured that the file does not name. In the style of the
/// amazon-cloudwatch-agent none is, since it collects what its configuration lists and nothing else.
pub(super) fn is_default(family: Family, style: Style) -> bool {
    style == Style::Plimsoll && !OFF_BY_DEFAULT.contains(&family)
}

/// Reads whose style is told, and with it what else is not as usual: the namespace and the
/// dimensions are those that the amazon-cloudwatch-agent has on a host that adds none.
pub(super) fn style(section: &mut Section<'_>, config: &mut MetricsConfig) {
    if let Some(style) = section.take_choice("compatibility", &STYLES) {
        config.selection.style = style;
        namespace::CWAGENT.clone_into(&mut config.shape.namespace);
        config.shape.sets = vec![vec!["host".to_owned()]];
        told_in_all(&mut config.shape);
    }
}

/// Reads the list of scrapers. Without it those are on that are by default, and those that have a
/// table.
pub(super) fn families(section: &mut Section<'_>, selection: &mut Selection) {
    let written = section.keys().any(|key| key == "scrapers");
    let names = section.take_strings("scrapers");
    if !written {
        let style = selection.style;
        selection.families.retain(|one| {
            let has_table = section.keys().any(|key| key == one.family.name());
            has_table || is_default(one.family, style)
        });
        return;
    }
    let all = std::mem::take(&mut selection.families);
    let words = || FAMILIES.iter().map(|(word, _)| *word);
    for name in names {
        let is_meant = |selected: &&FamilySelection| selected.family.name() == name.value;
        match all.iter().find(is_meant) {
            Some(selected) if selection.families.contains(selected) => {
                section.reject(&name, "found twice", "expected each scraper once");
            }
            Some(selected) => selection.families.push(*selected),
            None => {
                let allowed: Vec<&str> = words().collect();
                section.reject_near(
                    &name,
                    &format!("found \"{}\"", name.value),
                    &format!("expected one of: {}", allowed.join(", ")),
                    &name.value,
                    words(),
                );
            }
        }
    }
}

/// What the table of one scraper says besides what all of them say.
pub(super) fn of_family(table: &mut Section<'_>, family: Family, selection: &mut Selection) {
    match family {
        Family::Cpu => cpu(table, selection),
        Family::Disk => disk(table, selection),
        Family::DiskIo => selection.devices = filter(table, &DEVICES_EXCLUDED),
        Family::Net => selection.interfaces = filter(table, &INTERFACES_EXCLUDED),
        Family::Pressure => {
            selection.pressure_full = table.take_bool("full").unwrap_or(selection.pressure_full);
        }
        _ => devices::of_family(table, family, selection),
    }
}

/// The native style tells the busiest processor instead of each; a key that would do nothing is a
/// mistake.
fn cpu(table: &mut Section<'_>, selection: &mut Selection) {
    let defaults = selection.cpu;
    for (key, default, place) in [
        ("total", defaults.total, &mut selection.cpu.total),
        ("per_core", defaults.per_core, &mut selection.cpu.per_core),
    ] {
        let written = table.take_bool(key);
        only_compatible(table, key, written.is_some(), selection.style);
        *place = written.unwrap_or(default);
    }
}

fn disk(table: &mut Section<'_>, selection: &mut Selection) {
    let written = table.keys().any(|key| key == "ignore_types");
    let types = table.take_strings("ignore_types").into_iter();
    let compatible = selection.style == Style::CloudWatchAgent;
    if written {
        selection.mounts.ignored_types = types.map(|kind| kind.value).collect();
        // Its list of types holds for the root file system as well.
        selection.mounts.root_by_type = compatible;
    }
    let drop_device = table.take_bool("drop_device");
    only_compatible(table, "drop_device", drop_device.is_some(), selection.style);
    selection.mounts.drop_device = drop_device.unwrap_or(false);
    selection.mounts.paths = filter(table, &[]);
}

fn only_compatible(table: &Section<'_>, key: &str, is_written: bool, style: Style) {
    if is_written && style != Style::CloudWatchAgent {
        let expected = "expected only together with `metrics.compatibility`";
        table.report(key, "found", expected, None);
    }
}
