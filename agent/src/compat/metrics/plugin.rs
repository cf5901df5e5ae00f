//! A plugin that measures the host: its measurements, what it looks at, and how often.

use super::super::reader::{Item, Reader};
use super::super::toml::{Table, Toml};
use super::measurement::{Wanted, drop_originals};
use super::names::{NVME, Plugin};
use super::{Plan, dimensions, measurement, seconds};

/// Kinds of file systems that the amazon-cloudwatch-agent leaves out unasked.
const NEVER_MEASURED: &str = "autofs";

/// Reads one plugin.
pub(super) fn read(mut reader: Reader<'_>, plugin: &'static Plugin, plan: &mut Plan<'_>) {
    let mut table = Table::named(&format!("metrics.{}", plugin.family)).from(&reader.at);
    let wanted = measurement::read(&mut reader, plugin, plan);
    let interval = plan.interval(&mut reader, "metrics_collection_interval");
    if let Some(interval) = interval.filter(|interval| interval.value != plan.interval) {
        table.set("interval", seconds(interval.value), &interval.at);
    }
    let measures = match plugin.key {
        "cpu" => cpu(&mut reader, &mut table),
        "disk" => disk(&mut reader, &mut table),
        "diskio" => diskio(&mut reader, &mut table),
        "net" => net(&mut reader, &mut table),
        _ => true,
    };
    dimensions::append(&mut reader, &mut table);
    let dropped = dimensions::dropped(&mut reader);
    let at = reader.at.clone();
    reader.open_ended();
    let all_of_gpu = plugin.key == "nvidia_smi" && wanted.is_none();
    let wanted = wanted.map_or(Vec::new(), |(wanted, _)| wanted);
    if let Some(names) = &dropped {
        drop_originals(names, &wanted, plugin, plan);
    }
    let names = |of_nvme: bool| -> Vec<String> {
        let wanted = wanted.iter().filter(|one| one.of_nvme == of_nvme);
        wanted.map(|one: &Wanted| one.metric.clone()).collect()
    };
    let nvme = names(true);
    if !nvme.is_empty() {
        let mut devices = table.clone().renamed(&format!("metrics.{}", NVME.family));
        devices.keep(&["interval", "append_dimensions"]);
        devices.set("measurements", nvme, &at);
        plan.tables.push(devices);
        plan.scrapers.push(NVME.family.to_owned());
    }
    let own = names(false);
    if measures && (all_of_gpu || !own.is_empty()) {
        if !own.is_empty() {
            table.set("measurements", own, &at);
        }
        if !plan.scrapers.iter().any(|name| name == plugin.family) {
            plan.scrapers.push(plugin.family.to_owned());
            plan.tables.push(table);
        }
    }
}

/// Whether anything is measured: with `totalcpu: false` and no `resources` nothing is.
fn cpu(reader: &mut Reader<'_>, table: &mut Table) -> bool {
    let notes = reader.notes;
    let per_core = reader.texts("resources", 0..=1, 1..=255);
    let wrong = per_core
        .as_ref()
        .and_then(|cores| cores.value.iter().find(|name| *name != "*").cloned());
    if let (Some(cores), Some(wrong)) = (&per_core, wrong) {
        let found = format!("found \"{wrong}\"");
        notes.wrong(&cores.at, &found, "expected [\"*\"], for each core", None);
    }
    let cores = per_core.filter(|cores| !cores.value.is_empty());
    match &cores {
        Some(cores) => table.set("per_core", true, &cores.at),
        None => table.add("per_core", false),
    }
    let total = reader.flag("totalcpu");
    let Some(total) = total else {
        table.add("total", true);
        return true;
    };
    table.set("total", total.value, &total.at);
    if total.value || cores.is_some() {
        return true;
    }
    let why = "without resources = [\"*\"] this measures no CPU at all, as with the \
               amazon-cloudwatch-agent; take it out to have cpu-total";
    notes.changed(&total.at, why);
    false
}

fn disk(reader: &mut Reader<'_>, table: &mut Table) -> bool {
    resources(reader, table, |_| {});
    let types = reader.texts("ignore_file_system_types", 0..=256, 1..=4096);
    let mut ignored = vec![NEVER_MEASURED.to_owned()];
    match types {
        Some(types) => {
            ignored.extend(types.value);
            table.set("ignore_types", ignored, &types.at);
        }
        None => table.add("ignore_types", ignored),
    }
    if let Some(drop) = reader.flag("drop_device") {
        table.set("drop_device", drop.value, &drop.at);
    }
    true
}

fn diskio(reader: &mut Reader<'_>, table: &mut Table) -> bool {
    resources(reader, table, |_| {});
    table.add("exclude", Toml::List(Vec::new()));
    true
}

/// All interfaces are measured but the loopback, unless they are named.
fn net(reader: &mut Reader<'_>, table: &mut Table) -> bool {
    resources(reader, table, |table| table.add("exclude", vec!["lo"]));
    true
}

/// `resources`: names of what is measured. With a star among them, or without the key, all is.
fn resources(reader: &mut Reader<'_>, table: &mut Table, all: impl FnOnce(&mut Table)) {
    match reader.texts("resources", 0..=256, 1..=4096) {
        Some(Item { at, value }) if !value.is_empty() && !value.iter().any(|one| one == "*") => {
            table.set("include", value, &at);
            if table.is_named("metrics.net") {
                table.add("exclude", Toml::List(Vec::new()));
            }
        }
        _ => all(table),
    }
}
