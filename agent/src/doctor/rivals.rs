//! Other agents that read the same files: each line would arrive, and be paid for, twice.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_ops::doctor::Report;

use crate::config::Config;
use crate::glob::PathGlob;
use crate::scraper::HostRoot;

/// Agents by the names of their processes, of which the kernel keeps 15 characters. Source:
/// `proc_pid_comm(5)`.
const RIVALS: [(&str, &str); 9] = [
    ("amazon-cloudwat", "the amazon-cloudwatch-agent"),
    ("fluent-bit", "Fluent Bit"),
    ("td-agent-bit", "Fluent Bit"),
    ("fluentd", "Fluentd"),
    ("vector", "Vector"),
    ("filebeat", "Filebeat"),
    ("promtail", "Promtail"),
    ("alloy", "Grafana Alloy"),
    ("otelcol", "an OpenTelemetry collector"),
];

pub(super) fn look(config: &Config, root: &HostRoot, report: &mut Report) {
    let files = config.logs.iter().flat_map(|logs| &logs.files);
    let globs = files.flat_map(|file| &file.include);
    let globs: Vec<PathGlob> = globs.filter_map(|glob| PathGlob::new(glob).ok()).collect();
    let mut alone = true;
    for (pid, name) in rivals(root) {
        alone = false;
        let (shared, unknown) = shared(root, &pid, &globs);
        let remedy = "take them out of one of the two configurations; \
                      `plimsoll-agent migrate` takes over the amazon-cloudwatch-agent's";
        if let Some(path) = shared.first() {
            let more = shared.len() - 1;
            let found = format!(
                "{name} (process {pid}) reads {} and {more} more that this agent follows: their \
                 lines arrive twice",
                path.display()
            );
            report.fail("other_agents", found, remedy);
        } else if unknown {
            let found =
                format!("{name} runs (process {pid}); what it reads is not shown to this user");
            report.warn("other_agents", found, "ask again as root");
        } else {
            report.fine(
                "other_agents",
                format!("{name} runs (process {pid}) and reads none of our files"),
            );
        }
    }
    if alone {
        report.fine("other_agents", "no other agent runs");
    }
}

/// Process and name of each other agent.
fn rivals(root: &HostRoot) -> Vec<(String, &'static str)> {
    let Ok(entries) = fs::read_dir(root.path("/proc")) else {
        return Vec::new();
    };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().into_string().ok()?;
        pid.parse::<u32>().ok()?;
        let comm = fs::read_to_string(entry.path().join("comm")).ok()?;
        let known = RIVALS
            .iter()
            .find(|(comm_of, _)| *comm_of == comm.trim_end())?;
        Some((pid, known.1))
    });
    named.collect()
}

/// The files of ours that a process has open, and whether it hides what it has open.
fn shared(root: &HostRoot, pid: &str, globs: &[PathGlob]) -> (Vec<PathBuf>, bool) {
    let Ok(entries) = fs::read_dir(root.path(&format!("/proc/{pid}/fd"))) else {
        return (Vec::new(), true);
    };
    let ours = |path: &Path| globs.iter().any(|glob| glob.matches(path));
    let open = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut shared: Vec<PathBuf> = open.filter(|path| ours(path)).collect();
    shared.sort_unstable();
    shared.dedup();
    (shared, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_ops::doctor::Verdict;

    #[test]
    fn an_agent_that_reads_the_same_file_is_named_with_the_file() {
        let root = tempfile::tempdir().unwrap();
        let proc = root.path().join("proc/4711");
        fs::create_dir_all(proc.join("fd")).unwrap();
        fs::write(proc.join("comm"), "fluent-bit\n").unwrap();
        let text = "[[logs.file]]\npath = \"/var/log/app/*.log\"\ngroup = \"g\"\n";
        let config = Config::from_text("agent.toml", text).unwrap();
        let host = HostRoot::at(root.path());
        let found_now = || {
            let mut report = Report::default();
            look(&config, &host, &mut report);
            report.0.pop().unwrap()
        };
        assert_eq!(found_now().verdict, Verdict::Fine);
        std::os::unix::fs::symlink("/var/log/app/a.log", proc.join("fd/3")).unwrap();
        let found = found_now();
        assert_eq!(found.verdict, Verdict::Failure);
        assert!(
            found
                .found
                .contains("Fluent Bit (process 4711) reads /var/log/app/a.log"),
            "{}",
            found.found
        );
        fs::remove_dir_all(proc.join("fd")).unwrap();
        assert_eq!(found_now().verdict, Verdict::Warning);
        fs::write(proc.join("comm"), "bash\n").unwrap();
        assert_eq!(found_now().found, "no other agent runs");
    }
}
