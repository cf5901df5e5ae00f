//! What `[metrics]` says about single processes and devices: `[[metrics.procstat]]`,
//! `[metrics.ethtool]` and `[metrics.nvidia_gpu]`.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_aws::limits;
use plimsoll_core::catalog::Metric;
use plimsoll_core::config::{Field, Section};

use super::super::MetricsConfig;
use super::metrics::{INTERFACES_EXCLUDED, filter, patterns};
use super::shape;
use crate::scraper::{
    ALLOWANCES, EthtoolSelection, Family, FamilySelection, Finder, MEASUREMENTS, NameFilter,
    ProcessTarget, Selection, TARGETS_MAX, measurement, measurement_names,
};

const KEY: &str = "procstat";
/// The keys that say how processes are found, of which a target has one.
const FINDERS: [&str; 6] = ["pid_file", "exe", "pattern", "unit", "cgroup", "user"];

/// Reads the table of a family that is about devices.
pub(super) fn of_family(table: &mut Section<'_>, family: Family, selection: &mut Selection) {
    match family {
        Family::Ethtool => selection.ethtool = ethtool(table),
        Family::NvidiaGpu => {
            let Some(program) = table.take_name("program") else {
                return;
            };
            let path = PathBuf::from(&program.value);
            if path.is_absolute() {
                selection.nvidia_smi = path;
            } else {
                let found = format!("found \"{}\"", program.value);
                table.reject(&program, &found, "expected an absolute path");
            }
        }
        _ => {}
    }
}

/// Reads all `[[metrics.procstat]]`. They are what the family measures, so they switch it on.
pub(super) fn processes(metrics: &mut Section<'_>, config: &mut MetricsConfig) {
    let selection = &mut config.selection;
    let usual = FamilySelection {
        family: Family::Procstat,
        sample_interval: config.interval,
        interval: config.interval,
    };
    let is_meant = |one: &FamilySelection| one.family == Family::Procstat;
    let is_listed = selection.families.iter().any(is_meant);
    let targets = metrics.take_sections(KEY);
    match targets.len() {
        0 if is_listed => metrics.report(
            "scrapers",
            "found procstat, which nothing is said about",
            "expected a table [[metrics.procstat]] as well",
            None,
        ),
        0 => {}
        1..=TARGETS_MAX if is_listed => {}
        1..=TARGETS_MAX => selection.families.push(usual),
        many => {
            let found = format!("found {many} tables");
            metrics.report(
                KEY,
                &found,
                &format!("expected at most {TARGETS_MAX}"),
                None,
            );
        }
    }
    let mut shortest: Option<Duration> = None;
    for mut section in targets {
        let interval = shape::seconds(&mut section, "interval");
        shortest = shortest.into_iter().chain(interval).min();
        selection.processes.extend(target(&mut section));
        section.finish();
    }
    let ours = selection.families.iter_mut().filter(|one| is_meant(one));
    for (one, interval) in ours.zip(shortest) {
        one.interval = interval;
        one.sample_interval = one.sample_interval.min(interval);
    }
}

/// What `ethtool` tells unless the file says otherwise.
pub(super) fn default_ethtool() -> EthtoolSelection {
    EthtoolSelection {
        interfaces: NameFilter::new(&["*"], &INTERFACES_EXCLUDED).unwrap_or_default(),
        counters: NameFilter::new(&ALLOWANCES, &[] as &[&str]).unwrap_or_default(),
    }
}

fn ethtool(section: &mut Section<'_>) -> EthtoolSelection {
    let interfaces = filter(section, &INTERFACES_EXCLUDED);
    let counters = patterns(section, "metrics_include");
    let default = default_ethtool();
    EthtoolSelection {
        interfaces,
        counters: if counters.is_empty() {
            default.counters
        } else {
            NameFilter::new(&counters, &[] as &[&str]).unwrap_or_default()
        },
    }
}

/// One `[[metrics.procstat]]`.
fn target(section: &mut Section<'_>) -> Option<ProcessTarget> {
    let written: Vec<&str> = FINDERS
        .into_iter()
        .filter(|finder| section.keys().any(|key| key == *finder))
        .collect();
    let finder = finder(section);
    let process_name = section.take_name("process_name");
    if let Some(name) = &process_name
        && name.value.len() > limits::metrics::DIMENSION_VALUE_MAX
    {
        let found = format!("found {} bytes", name.value.len());
        section.reject(name, &found, "expected at most 1024");
    }
    let dimensions = dimensions(section);
    let measurements = measurements(section);
    if written.len() != 1 {
        let found = match written.as_slice() {
            [] => "found none of them".to_owned(),
            several => format!("found {}", several.join(" and ")),
        };
        let expected = format!("expected one of: {}", FINDERS.join(", "));
        let key = written.get(1).copied().unwrap_or("exe");
        section.report(key, &found, &expected, None);
        return None;
    }
    Some(ProcessTarget {
        finder: finder?,
        process_name: process_name.map(|name| name.value),
        dimensions,
        measurements,
    })
}

fn finder(section: &mut Section<'_>) -> Option<Finder> {
    let mut finders = Vec::new();
    for (key, finder) in [
        ("exe", Finder::Exe as fn(String) -> Finder),
        ("pattern", Finder::Pattern),
        ("unit", Finder::Unit),
        ("cgroup", Finder::Cgroup),
        ("user", Finder::User),
        ("pid_file", |path| Finder::PidFile(path.into())),
    ] {
        let Some(field) = section.take_name(key) else {
            continue;
        };
        let finder = finder(field.value.clone());
        if let Some((found, expected)) = mistake(&field, &finder) {
            section.reject(&field, &found, expected);
        } else {
            finders.push(finder);
        }
    }
    finders.pop()
}

/// What is wrong with how a finder is written.
fn mistake(field: &Field<String>, finder: &Finder) -> Option<(String, &'static str)> {
    let text = &field.value;
    let expected = match finder {
        Finder::PidFile(path) if !path.is_absolute() => {
            return Some((format!("found \"{text}\""), "expected an absolute path"));
        }
        Finder::Cgroup(path) if !path.starts_with('/') => {
            let expected = "expected a glob that begins with a slash, such as \"/system.slice/*\"";
            return Some((format!("found \"{text}\""), expected));
        }
        Finder::Exe(_) | Finder::Pattern(_) => {
            "expected a regular expression as the Rust crate regex knows it: without look-around \
             and back-references"
        }
        _ => "expected a pattern with *, ? or [...]",
    };
    let mistake = finder.mistake()?;
    Some((format!("found \"{text}\": {mistake}"), expected))
}

/// Plain text: processes are told by themselves, so what the host is called need not be known.
fn dimensions(section: &mut Section<'_>) -> Vec<(String, String)> {
    const KEY: &str = "append_dimensions";
    let is_name = |name: &str| !name.is_empty() && name.is_ascii() && !name.starts_with(':');
    let is_text =
        |text: &str| !text.trim().is_empty() && text.is_ascii() && !text.contains(['{', '}']);
    let mut good = Vec::new();
    for (name, text) in section.take_string_map(KEY) {
        if is_name(&name) && is_text(&text) {
            good.push((name, text));
        } else {
            let found = format!("found {name} = \"{text}\"");
            let expected = "expected names and values in ASCII without placeholders, which \
                            metrics.append_dimensions knows";
            section.report(KEY, &found, expected, None);
        }
    }
    good
}

fn measurements(section: &mut Section<'_>) -> Vec<&'static Metric> {
    let mut metrics: Vec<&'static Metric> = Vec::new();
    let written = section.keys().any(|key| key == "measurements");
    for name in section.take_strings("measurements") {
        match measurement(&name.value) {
            Some(metric) if metrics.contains(&metric) => {
                section.reject(&name, "found twice", "expected each measurement once");
            }
            Some(metric) => metrics.push(metric),
            None => section.reject_near(
                &name,
                &format!("found \"{}\"", name.value),
                "expected the name of a metric of processes, with or without \"procstat_\"",
                &name.value,
                measurement_names(),
            ),
        }
    }
    if written {
        metrics
    } else {
        MEASUREMENTS.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn selection(text: &str) -> Selection {
        let config = Config::from_text("agent.toml", text).unwrap();
        config.metrics.unwrap().selection
    }

    fn mistakes(text: &str) -> Vec<String> {
        let problems = Config::from_text("agent.toml", text).err();
        let problems = problems.map(|problems| problems.0).unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    fn is_on(selection: &Selection, family: Family) -> bool {
        let mut on = selection.families.iter();
        on.any(|one| one.family == family)
    }

    #[test]
    fn a_table_switches_its_family_on_and_nothing_else_does_but_its_name() {
        let asked = [
            (Family::Procstat, "[[metrics.procstat]]\nexe = \"x\""),
            (Family::Ethtool, "[metrics.ethtool]"),
            (Family::Nvme, "[metrics.nvme]"),
            (Family::NvidiaGpu, "[metrics.nvidia_gpu]"),
        ];
        for (family, table) in asked {
            assert!(!is_on(&selection("[metrics]"), family), "{table}");
            let selection = selection(table);
            assert!(is_on(&selection, family), "{table}");
            assert!(is_on(&selection, Family::Cpu), "{table}");
        }
        let listed = "[metrics]\nscrapers = [\"nvme\"]\n[[metrics.procstat]]\nexe = \"x\"";
        let on = selection(listed).families;
        let on: Vec<Family> = on.iter().map(|one| one.family).collect();
        assert_eq!(on, [Family::Nvme, Family::Procstat]);
    }

    #[test]
    fn a_target_has_one_finder_and_measurements_with_or_without_their_prefix() {
        let text = "[[metrics.procstat]]\nunit = \"nginx\"\nprocess_name = \"web\"\n\
                    append_dimensions = {role = \"front\"}\n\
                    measurements = [\"cpu_usage\", \"procstat_pid_count\"]\n\
                    [[metrics.procstat]]\npid_file = \"/run/x.pid\"";
        let processes = selection(text).processes;
        assert_eq!(processes[0].finder, Finder::Unit("nginx".to_owned()));
        assert_eq!(processes[0].process_name.as_deref(), Some("web"));
        let role = ("role".to_owned(), "front".to_owned());
        assert_eq!(processes[0].dimensions, [role]);
        let names: Vec<&str> = processes[0]
            .measurements
            .iter()
            .map(|one| one.name)
            .collect();
        assert_eq!(names, ["procstat_cpu_usage", "procstat_lookup_pid_count"]);
        assert_eq!(processes[1].finder, Finder::PidFile("/run/x.pid".into()));
        assert_eq!(processes[1].measurements, MEASUREMENTS);
    }

    #[test]
    fn mistakes_are_told_with_what_is_allowed() {
        for (target, told) in [
            ("", "expected one of: pid_file, exe"),
            ("exe = \"a\"\nuser = \"b\"", "found exe and user"),
            ("exe = \"(\"", "expected a regular expression"),
            ("unit = \"a[\"", "expected a pattern"),
            ("cgroup = \"a\"", "begins with a slash"),
            (
                "exe = \"a\"\nappend_dimensions = {id = \"{instance_id}\"}",
                "without placeholders",
            ),
            ("pid_file = \"run.pid\"", "expected an absolute path"),
            ("exe = \"a\"\nmeasurements = [\"cpu_usag\"]", "cpu_usage"),
            (
                "exe = \"a\"\nmeasurements = [\"pid\", \"pid\"]",
                "found twice",
            ),
        ] {
            let mistakes = mistakes(&format!("[[metrics.procstat]]\n{target}"));
            assert_eq!(mistakes.len(), 1, "{target}: {mistakes:?}");
            assert!(mistakes[0].contains(told), "{target}: {mistakes:?}");
        }
        let relative = mistakes("[metrics.nvidia_gpu]\nprogram = \"nvidia-smi\"");
        assert!(relative[0].contains("absolute"), "{relative:?}");
        let idle = mistakes("[metrics]\nscrapers = [\"procstat\"]");
        assert!(idle[0].contains("[[metrics.procstat]]"), "{idle:?}");
        let many = "[[metrics.procstat]]\nexe = \"a\"\n".repeat(TARGETS_MAX + 1);
        assert_eq!(mistakes(&many).len(), 1);
    }
}
