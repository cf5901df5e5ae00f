//! Which scrapers are on, and in whose style.

use super::super::super::Config;
use super::check;
use crate::config::MetricsConfig;
use crate::scraper::{Family, Style};

fn metrics(text: &str) -> MetricsConfig {
    let config = Config::from_text("agent.toml", text).unwrap();
    config.metrics.unwrap()
}

fn families(metrics: &MetricsConfig) -> Vec<Family> {
    let families = metrics.selection.families.iter();
    families.map(|one| one.family).collect()
}

#[test]
fn a_table_switches_on_what_is_off_by_default_and_a_list_decides_alone() {
    let default = families(&metrics(""));
    assert!(default.contains(&Family::Oom) && !default.contains(&Family::Scheduler));
    let with = families(&metrics("[metrics.scheduler]\n"));
    assert_eq!(with.len(), default.len() + 1);
    let listed = metrics("[metrics]\nscrapers = [\"load\"]\n[metrics.scheduler]\n");
    assert_eq!(families(&listed), [Family::Load]);
}

#[test]
fn compatibility_brings_namespace_dimensions_and_only_what_is_named() {
    let text = "[metrics]\ncompatibility = \"cloudwatch-agent\"\n\
                [metrics.cpu]\nper_core = true\ntotal = false\n\
                [metrics.disk]\ndrop_device = true\nignore_types = [\"tmpfs\"]\n";
    let compatible = metrics(text);
    let selection = &compatible.selection;
    assert_eq!(selection.style, Style::CloudWatchAgent);
    assert_eq!(families(&compatible), [Family::Cpu, Family::Disk]);
    assert_eq!(compatible.shape.namespace, "CWAgent");
    assert_eq!(compatible.shape.sets, [["host"]]);
    assert!(compatible.shape.per_instance.admits("swap_used"));
    assert!(compatible.shape.in_every_list.admits("swap_used"));
    assert_eq!((selection.cpu.total, selection.cpu.per_core), (false, true));
    assert_eq!(selection.mounts.ignored_types, ["tmpfs"]);
    assert!(selection.mounts.drop_device && selection.mounts.root_by_type);

    let text = "[metrics]\ncompatibility = \"cloudwatch-agent\"\nnamespace = \"Mine\"\n\
                dimensions = [[\"InstanceId\"]]\nscrapers = [\"memory\", \"pressure\"]\n";
    let mine = metrics(text);
    assert_eq!(mine.shape.namespace, "Mine");
    assert_eq!(mine.shape.sets, [["InstanceId"]]);
    assert_eq!(families(&mine), [Family::Memory, Family::Pressure]);
    assert!(
        !mine.selection.mounts.root_by_type,
        "the list is not theirs"
    );
}

#[test]
fn mistakes_about_the_style_are_told_with_place_and_remedy() {
    let style = "compatibility = \"cloudwatch-agnet\"";
    check(
        "[metrics]\n",
        &[
            (
                style,
                ":2:17: metrics.compatibility: found \"cloudwatch-agnet\"",
            ),
            (style, "did you mean `cloudwatch-agent`?"),
            ("cpu.per_core = true", "metrics.cpu.per_core: found"),
            (
                "disk.drop_device = true",
                "together with `metrics.compatibility`",
            ),
            ("pressure.full = 1", "metrics.pressure.full: "),
        ],
    );
}
