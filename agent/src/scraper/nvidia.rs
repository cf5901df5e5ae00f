//! NVIDIA GPUs, as `nvidia-smi` tells of them.
//!
//! The program is run at each look and asked for a table without units. It is ended with all that
//! it has started when it takes too long. What a GPU does not know is left out.
//! Source: `nvidia-smi --help-query-gpu`.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::catalog::{self, Metric};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::aside::{Breaker, Device, Look};
use crate::sample::{Labels, Sample};

/// How long the program may take, as in the amazon-cloudwatch-agent. Without persistence mode it
/// needs seconds.
pub(super) const PATIENCE_MAX: Duration = Duration::from_secs(5);
/// Where the driver's packages put the program.
const PROGRAM: &str = "/usr/bin/nvidia-smi";
/// Bytes of its answer that are read, some thousand GPUs.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// What is asked for besides number and name, with the metric that it becomes.
const FIELDS: [(&str, &Metric); 17] = [
    ("utilization.gpu", &catalog::NVIDIA_SMI_UTILIZATION_GPU),
    (
        "utilization.memory",
        &catalog::NVIDIA_SMI_UTILIZATION_MEMORY,
    ),
    ("temperature.gpu", &catalog::NVIDIA_SMI_TEMPERATURE_GPU),
    ("power.draw", &catalog::NVIDIA_SMI_POWER_DRAW),
    ("fan.speed", &catalog::NVIDIA_SMI_FAN_SPEED),
    ("memory.total", &catalog::NVIDIA_SMI_MEMORY_TOTAL),
    ("memory.used", &catalog::NVIDIA_SMI_MEMORY_USED),
    ("memory.free", &catalog::NVIDIA_SMI_MEMORY_FREE),
    (
        "pcie.link.gen.current",
        &catalog::NVIDIA_SMI_PCIE_LINK_GEN_CURRENT,
    ),
    (
        "pcie.link.width.current",
        &catalog::NVIDIA_SMI_PCIE_LINK_WIDTH_CURRENT,
    ),
    (
        "encoder.stats.sessionCount",
        &catalog::NVIDIA_SMI_ENCODER_STATS_SESSION_COUNT,
    ),
    (
        "encoder.stats.averageFps",
        &catalog::NVIDIA_SMI_ENCODER_STATS_AVERAGE_FPS,
    ),
    (
        "encoder.stats.averageLatency",
        &catalog::NVIDIA_SMI_ENCODER_STATS_AVERAGE_LATENCY,
    ),
    (
        "clocks.current.graphics",
        &catalog::NVIDIA_SMI_CLOCKS_CURRENT_GRAPHICS,
    ),
    ("clocks.current.sm", &catalog::NVIDIA_SMI_CLOCKS_CURRENT_SM),
    (
        "clocks.current.memory",
        &catalog::NVIDIA_SMI_CLOCKS_CURRENT_MEMORY,
    ),
    (
        "clocks.current.video",
        &catalog::NVIDIA_SMI_CLOCKS_CURRENT_VIDEO,
    ),
];

/// The family `nvidia_gpu`.
pub(super) struct NvidiaGpu {
    program: PathBuf,
    arguments: Vec<String>,
    running: Running,
}

/// The program while it runs. It stays here until it has ended, so that its number is its own.
type Running = Arc<Mutex<Option<Child>>>;

impl NvidiaGpu {
    /// Runs `program`, or that of the driver's packages if it is empty.
    pub(super) fn new(program: &Path) -> Self {
        let program = if program.as_os_str().is_empty() {
            PathBuf::from(PROGRAM)
        } else {
            program.to_owned()
        };
        let fields: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
        Self {
            program,
            arguments: vec![
                format!("--query-gpu=index,name,{}", fields.join(",")),
                "--format=csv,noheader,nounits".to_owned(),
            ],
            running: Running::default(),
        }
    }

    /// What the program writes, and how it ends.
    fn answer(&self) -> io::Result<(String, ExitStatus)> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // So that all of it can be ended at once.
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        let output = child.stdout.take();
        *lock(&self.running) = Some(child);
        let mut bytes = Vec::new();
        let read = match output {
            Some(output) => output.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Waits without taking the number away, so that it can still be ended meanwhile.
        let waited = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        let child = lock(&self.running).take();
        let status = child.map(|mut child| child.wait());
        read?;
        waited?;
        let status = status.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), status))
    }
}

impl Device for NvidiaGpu {
    fn look(&mut self, _now: Instant) -> Look {
        let mut look = Look::default();
        let program = self.program.display();
        match self.answer() {
            Ok((text, status)) if status.success() => {
                let torn = parse(&text, &mut look.samples);
                if torn > 0 {
                    let why =
                        format!("{program} answers with {torn} lines that are not understood");
                    look.trouble("nvidia_smi_malformed", torn, why);
                }
            }
            Ok((text, status)) => {
                // It writes what is wrong where the answer should be.
                let first = text.lines().next().unwrap_or_default();
                let why = format!("{program} failed ({status}): {first}");
                look.trouble("nvidia_smi_failed", 1, why);
            }
            Err(error) => {
                let why = format!("{program} cannot be run: {error}");
                look.trouble("nvidia_smi_missing", 1, why);
            }
        }
        look
    }

    fn breaker(&self) -> Option<Breaker> {
        let running = Arc::clone(&self.running);
        Some(Arc::new(move || {
            if let Some(child) = lock(&running).as_ref() {
                kill_process_group(Pid::from_child(child), Signal::KILL).ok();
            }
        }))
    }
}

/// Adds what each line says, and gives the number of those that are not understood.
pub(super) fn parse(text: &str, samples: &mut Vec<Sample>) -> u64 {
    let mut torn = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        let [index, name, values @ ..] = words.as_slice() else {
            torn += 1;
            continue;
        };
        if values.len() != FIELDS.len() || index.parse::<u32>().is_err() || name.is_empty() {
            torn += 1;
            continue;
        }
        let labels = Labels::new([
            (Arc::from("index"), Arc::from(*index)),
            (Arc::from("name"), Arc::from(*name)),
        ]);
        for (value, (_, metric)) in values.iter().zip(FIELDS) {
            // What it does not know is `[N/A]`, `[Not Supported]`, or another word.
            if let Some(value) = value.parse().ok().filter(|value: &f64| value.is_finite()) {
                samples.push(Sample::new(metric, value).labelled(&labels));
            }
        }
    }
    torn
}

fn lock(running: &Running) -> MutexGuard<'_, Option<Child>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T4: &str = "0, Tesla T4, 37, 12, 45, 27.85, [N/A], 15360, 3, 14923, 3, 8, 0, 0, 0, 585, 585, 5000, 540";

    fn shell(script: &str) -> NvidiaGpu {
        NvidiaGpu {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            running: Running::default(),
        }
    }

    fn reasons(look: &Look) -> Vec<&str> {
        look.troubles.iter().map(|one| one.reason).collect()
    }

    #[test]
    fn what_a_gpu_knows_is_told_under_its_number_and_name() {
        let mut samples = Vec::new();
        let text = format!("{T4}\n\n1, NVIDIA A10G{}\n", ", [Not Supported]".repeat(17));
        assert_eq!(parse(&text, &mut samples), 0);
        assert_eq!(samples.len(), 16);
        let told: Vec<(&str, f64)> = samples
            .iter()
            .take(5)
            .map(|sample| (sample.name(), sample.number()))
            .collect();
        assert_eq!(
            told,
            [
                ("nvidia_smi_utilization_gpu", 37.0),
                ("nvidia_smi_utilization_memory", 12.0),
                ("nvidia_smi_temperature_gpu", 45.0),
                ("nvidia_smi_power_draw", 27.85),
                ("nvidia_smi_memory_total", 15360.0),
            ]
        );
        let name = samples[0].labels.value("name").map(|name| &**name);
        assert_eq!((samples[0].label(), name), (Some("0"), Some("Tesla T4")));
    }

    #[test]
    fn lines_of_another_shape_are_counted_and_none_of_their_numbers_is_believed() {
        let cases = [
            "No devices were found",
            "0, T4, 1",
            "x",
            &format!("{T4}, 1"),
        ];
        for line in cases {
            let mut samples = Vec::new();
            assert_eq!(parse(line, &mut samples), 1, "{line}");
            assert!(samples.is_empty());
        }
    }

    #[test]
    fn the_program_is_asked_and_its_failures_are_told_apart() {
        let look = shell(&format!("echo '{T4}'")).look(Instant::now());
        assert_eq!((look.samples.len(), reasons(&look)), (16, vec![]));
        let mut missing = NvidiaGpu::new(Path::new("/does/not/exist"));
        for (look, reason, why) in [
            (
                shell("echo 'driver not loaded'; exit 9").look(Instant::now()),
                "nvidia_smi_failed",
                "driver not loaded",
            ),
            (
                missing.look(Instant::now()),
                "nvidia_smi_missing",
                "cannot be run",
            ),
        ] {
            assert_eq!(reasons(&look), [reason]);
            assert!(look.troubles[0].why.contains(why), "{:?}", look.troubles);
        }
        assert!(missing.arguments[0].starts_with("--query-gpu=index,name,utilization.gpu,"));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_has_started() {
        let mut hanging = shell("sleep 1000 & echo ready; wait");
        let running = Arc::clone(&hanging.running);
        let end = hanging.breaker().unwrap();
        let look = std::thread::spawn(move || hanging.look(Instant::now()));
        while lock(&running).is_none() {
            std::thread::yield_now();
        }
        end();
        assert_eq!(reasons(&look.join().unwrap()), ["nvidia_smi_failed"]);
        assert!(lock(&running).is_none(), "it was waited for");
    }
}
