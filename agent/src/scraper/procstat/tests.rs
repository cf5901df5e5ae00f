//! The family `procstat` on a `/proc` of the test's own.

use super::*;
use std::fs;
use std::path::Path;
use std::time::Duration;

use plimsoll_core::catalog::{
    PROCSTAT_CPU_USAGE, PROCSTAT_MEMORY_RSS, PROCSTAT_READ_BYTES, PROCSTAT_RLIMIT_NUM_FDS_HARD,
    PROCSTAT_RLIMIT_NUM_FDS_SOFT,
};

const INTERVAL: Duration = Duration::from_secs(10);

/// A process with 3 open descriptors and 100 kB of resident memory.
struct Fake<'f> {
    pid: u32,
    name: &'f str,
    state: char,
    ticks: u64,
    start: u64,
    command_line: &'f str,
    cgroup: &'f str,
    uid: u32,
    read_bytes: u64,
}

impl Default for Fake<'_> {
    fn default() -> Self {
        Self {
            pid: 10,
            name: "nginx",
            state: 'S',
            ticks: 0,
            start: 5,
            command_line: "nginx: worker\0",
            cgroup: "0::/system.slice/nginx.service\n",
            uid: 33,
            read_bytes: 0,
        }
    }
}

impl Fake<'_> {
    fn write(&self, root: &Path) {
        let directory = root.join("proc").join(self.pid.to_string());
        fs::create_dir_all(directory.join("fd")).unwrap();
        for fd in ["0", "1", "2"] {
            fs::write(directory.join("fd").join(fd), "").unwrap();
        }
        let Self {
            pid,
            name,
            state,
            ticks,
            start,
            uid,
            read_bytes,
            ..
        } = self;
        let stat = format!(
            "{pid} ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {start} 0 0 0 0 0 \
             0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n"
        );
        let status =
            format!("Name:\t{name}\nUid:\t{uid}\t0\t0\t0\nVmRSS:\t     100 kB\nThreads:\t1\n");
        for (file, text) in [
            ("stat", stat.as_str()),
            ("status", status.as_str()),
            ("cmdline", self.command_line),
            ("cgroup", self.cgroup),
            ("io", &format!("read_bytes: {read_bytes}\n")),
            (
                "limits",
                "Max open files            1024                 unlimited            files\n",
            ),
        ] {
            fs::write(directory.join(file), text).unwrap();
        }
    }
}

fn target(finder: Finder, measurements: &[&'static Metric]) -> ProcessTarget {
    ProcessTarget {
        finder,
        process_name: None,
        dimensions: Vec::new(),
        measurements: measurements.to_vec(),
    }
}

fn procstat(root: &Path, style: Style, targets: &[ProcessTarget]) -> Procstat {
    Procstat::new(HostRoot::at(root), style, targets)
}

/// Samples as `name{labels}=sum/count`.
fn told(look: &Look) -> Vec<String> {
    let samples = look.samples.iter().map(|sample| {
        let labels: Vec<String> = sample
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let all = sample.value.statistics();
        let name = sample.name().trim_start_matches("procstat_");
        format!("{name}{{{}}}={}/{}", labels.join(","), all.sum, all.count)
    });
    samples.collect()
}

fn reasons(look: &Look) -> Vec<(&'static str, u64)> {
    let troubles = look.troubles.iter();
    troubles.map(|one| (one.reason, one.count)).collect()
}

#[test]
fn every_finder_finds_its_processes_and_says_so_in_its_dimensions() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    for fake in [
        Fake::default(),
        Fake {
            pid: 11,
            name: "a-very-long-pro",
            command_line: "/opt/a-very-long-program-name\0--serve\0",
            cgroup: "4:cpu:/other\n1:name=systemd:/user.slice/run-1.scope\n",
            uid: 1000,
            ..Fake::default()
        },
        Fake {
            pid: 12,
            name: "nginx",
            state: 'Z',
            ..Fake::default()
        },
    ] {
        fake.write(root);
    }
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "web:x:33:33::/:/bin/sh\n").unwrap();
    fs::write(root.join("run.pid"), "11\n").unwrap();
    let text = str::to_owned;
    let (nginx, long) = (Some("nginx"), Some("a-very-long-program-name"));
    for (finder, process_name) in [
        (Finder::Exe(text("^ngi")), nginx),
        (Finder::Exe(text("program-name$")), long),
        (Finder::Pattern(text("name --serve")), long),
        (Finder::PidFile("/run.pid".into()), long),
        (Finder::Unit(text("ng*")), None),
        (Finder::Unit(text("run-?.scope")), None),
        (Finder::Cgroup(text("/sys/fs/cgroup/system.slice/*")), None),
        (Finder::Cgroup(text("/**/run-1.scope")), None),
        (Finder::User(text("web")), None),
        (Finder::User(text("1000")), None),
    ] {
        let (name, value) = finder.dimension();
        let measured = [&PROCSTAT_MEMORY_RSS, &PROCSTAT_LOOKUP_PID_COUNT];
        let look =
            procstat(root, Style::Plimsoll, &[target(finder, &measured)]).look(Instant::now());
        let labels = |more: Option<(&str, &str)>| {
            let mut pairs = vec![format!("{name}={value}")];
            pairs.extend(more.map(|(name, value)| format!("{name}={value}")));
            pairs.sort();
            pairs.join(",")
        };
        let own = labels(process_name.map(|name| ("process_name", name)));
        let count = labels(Some(("pid_finder", "native")));
        assert_eq!(
            told(&look),
            [
                format!("memory_rss{{{own}}}=102400/1"),
                format!("lookup_pid_count{{{count}}}=1/1")
            ]
        );
        assert_eq!(reasons(&look), [], "{name}={value}");
    }
}

#[test]
fn who_is_not_there_is_told_as_zero_and_what_is_wrong_is_counted() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    Fake::default().write(root);
    fs::write(root.join("bad.pid"), "ten\n").unwrap();
    fs::write(root.join("stale.pid"), "4242\n").unwrap();
    for (finder, expected) in [
        (Finder::Exe("apache".to_owned()), None),
        (Finder::PidFile("/missing.pid".into()), None),
        (Finder::PidFile("/stale.pid".into()), None),
        (
            Finder::PidFile("/bad.pid".into()),
            Some("pid_file_malformed"),
        ),
        (Finder::PidFile("/proc".into()), Some("pid_file_unreadable")),
        (Finder::User("ghost".to_owned()), Some("user_unknown")),
    ] {
        let what = format!("{finder:?}");
        let targets = [target(finder, &[&PROCSTAT_LOOKUP_PID_COUNT])];
        let look = procstat(root, Style::Plimsoll, &targets).look(Instant::now());
        let numbers: Vec<f64> = look.samples.iter().map(Sample::number).collect();
        assert_eq!(numbers, [0.0], "{what}");
        let found: Vec<_> = reasons(&look)
            .into_iter()
            .map(|(reason, _)| reason)
            .collect();
        assert_eq!(found, Vec::from_iter(expected), "{what}");
    }
}

const MEASURED: [&Metric; 5] = [
    &PROCSTAT_CPU_USAGE,
    &PROCSTAT_MEMORY_RSS,
    &PROCSTAT_READ_BYTES,
    &PROCSTAT_RLIMIT_NUM_FDS_HARD,
    &PROCSTAT_RLIMIT_NUM_FDS_SOFT,
];

#[test]
fn processes_of_one_name_are_one_series_and_counters_are_what_was_added() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    let targets = [target(Finder::Exe("nginx".to_owned()), &MEASURED)];
    let write = |pid, ticks, read_bytes| {
        Fake {
            pid,
            ticks,
            read_bytes,
            ..Fake::default()
        }
        .write(root);
    };
    let mut ours = procstat(
        root,
        Style::Plimsoll,
        &targets.clone().map(|target| ProcessTarget {
            dimensions: vec![("a".to_owned(), "1".to_owned())],
            ..target
        }),
    );
    let mut theirs = procstat(root, Style::CloudWatchAgent, &targets);
    let start = Instant::now();
    write(1, 1000, 100);
    write(2, 2000, 1000);
    ours.look(start);
    theirs.look(start);
    write(1, 1500, 150);
    write(2, 4000, 3000);
    write(3, 7, 9);
    let labels = "{exe=nginx,process_name=nginx}";
    let later = start + INTERVAL;
    let labels_of_ours = "{a=1,exe=nginx,process_name=nginx}";
    assert_eq!(
        told(&ours.look(later)),
        [
            // Five and twenty seconds of processor time in ten seconds.
            format!("cpu_usage{labels_of_ours}=250/2"),
            format!("memory_rss{labels_of_ours}=307200/3"),
            format!("read_bytes{labels_of_ours}=2050/2"),
            format!("rlimit_num_fds_soft{labels_of_ours}=3072/3"),
        ]
    );
    let look = theirs.look(later);
    let infinity = as_value(u64::MAX) * 3.0;
    assert_eq!(
        told(&look),
        [
            format!("cpu_usage{labels}=250/2"),
            format!("memory_rss{labels}=307200/3"),
            format!("read_bytes{labels}=3159/3"),
            format!("rlimit_num_fds_hard{labels}={infinity}/3"),
            format!("rlimit_num_fds_soft{labels}=3072/3"),
        ]
    );
    assert!(look.samples.iter().all(|sample| !sample.additive));
}

#[test]
fn a_number_that_is_given_to_another_process_starts_anew() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    let targets = [target(
        Finder::Pattern("worker".to_owned()),
        &[&PROCSTAT_CPU_USAGE, &PROCSTAT_LOOKUP_PID_COUNT],
    )];
    let mut procstat = procstat(root, Style::Plimsoll, &targets);
    let start = Instant::now();
    let mut count = |fake: Fake<'_>, at: u32| {
        fake.write(root);
        let look = procstat.look(start + INTERVAL * at);
        (look.samples.len(), look.samples.last().unwrap().number())
    };
    assert_eq!(count(Fake::default(), 0), (1, 1.0));
    let other = || Fake {
        start: 6,
        ticks: 100,
        ..Fake::default()
    };
    assert_eq!(count(other(), 1), (1, 1.0), "no usage over two processes");
    assert_eq!(count(other(), 2), (2, 1.0));
    let exec = |command_line| Fake {
        command_line,
        ..other()
    };
    // It was found twice, so its command line is not read again.
    assert_eq!(count(exec("changed\0"), 3), (2, 1.0));
    let renamed = Fake {
        name: "sh",
        ..exec("changed\0")
    };
    assert_eq!(count(renamed, 4), (1, 0.0), "it runs another program now");
}

#[test]
fn a_child_that_still_looked_like_its_parent_is_found_at_the_next_look() {
    let host = tempfile::tempdir().unwrap();
    let finder = Finder::Pattern("worker".to_owned());
    let targets = [target(finder, &[&PROCSTAT_LOOKUP_PID_COUNT])];
    let mut procstat = procstat(host.path(), Style::Plimsoll, &targets);
    let start = Instant::now();
    for (command_line, at, count) in [("parent\0", 0, 0.0), ("worker\0", 1, 1.0)] {
        let fake = Fake {
            command_line,
            ..Fake::default()
        };
        fake.write(host.path());
        let look = procstat.look(start + INTERVAL * at);
        let counts: Vec<f64> = look.samples.iter().map(Sample::number).collect();
        assert_eq!(counts, [count], "{command_line}");
    }
}

#[test]
fn names_of_measurements_are_known_with_and_without_their_prefix() {
    for name in measurement_names() {
        let metric = measurement(name).unwrap();
        assert_eq!(
            measurement(&format!("procstat_{name}")),
            Some(metric),
            "{name}"
        );
    }
    assert_eq!(measurement("pid_count"), Some(&PROCSTAT_LOOKUP_PID_COUNT));
    assert_eq!(
        measurement("lookup_pid_count"),
        Some(&PROCSTAT_LOOKUP_PID_COUNT)
    );
    assert_eq!(measurement("load_1"), None);
}
