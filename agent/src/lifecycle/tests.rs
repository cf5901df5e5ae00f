//! An instance that leaves, from the notice to the completion of its hook.

use super::watch::tests::Instance;
use super::watch::{INTERVAL, LIFE_CYCLE, REBALANCE, SPOT, TARGET};
use super::*;
use std::sync::Mutex;

use plimsoll_aws::Error;
use plimsoll_aws::imds::Identity;
use plimsoll_aws::{Lifecycle, LifecycleAction, LifecycleResult};
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::shutdown::{Hurry, Trigger, channel};
use tokio::time::sleep;

use crate::barrier::{Questions, barrier};
use crate::config::{Config, LifecycleCommand};

/// Auto Scaling that writes down what it is told.
#[derive(Default)]
struct Scaling {
    told: Mutex<Vec<String>>,
    refuses: Mutex<u32>,
    over: bool,
}

impl Scaling {
    fn hear(&self, what: String) -> Result<Lifecycle, Error> {
        let mut refuses = self.refuses.lock().unwrap();
        if *refuses > 0 {
            *refuses -= 1;
            return Err(Error::Throttled {
                call: "CompleteLifecycleAction",
                code: "Throttling".to_owned(),
                retry_after: None,
            });
        }
        self.told.lock().unwrap().push(what);
        Ok(if self.over {
            Lifecycle::Over
        } else {
            Lifecycle::Taken
        })
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl ScalingApi for Scaling {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        let (group, hook, id) = (&action.group, &action.hook, &action.instance_id);
        self.hear(format!("{} {group} {hook} {id}", result.as_str()))
    }

    async fn record_heartbeat(&self, _: &LifecycleAction) -> Result<Lifecycle, Error> {
        self.hear("heartbeat".to_owned())
    }

    async fn group_of(&self, _: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

struct Scene {
    instance: Instance,
    scaling: Arc<Scaling>,
    gate: Gate,
    health: Arc<Health>,
    questions: Questions,
    host: latest::Sender<Host>,
    departure: Departure,
    hurry: Hurry,
    directory: tempfile::TempDir,
    _tasks: JoinSet<()>,
    _trigger: Trigger,
}

fn config() -> LifecycleConfig {
    let text = "[lifecycle]\nlog_group = \"g\"\ntermination_hook = \"drain\"\n";
    Config::from_text("agent.toml", text).unwrap().lifecycle
}

fn host(group: Option<&str>) -> Host {
    let instance = Identity {
        instance_id: "i-1".to_owned(),
        auto_scaling_group: group.map(str::to_owned),
        ..Identity::default()
    };
    Host {
        instance: Some(instance),
        ..Host::default()
    }
}

fn scene(config: LifecycleConfig, scaling: Scaling) -> Scene {
    let instance = Instance::default();
    instance.put(LIFE_CYCLE, "spot");
    let (host, known) = latest::channel(host(Some("web")));
    let (trigger, shutdown) = channel();
    let barriers = Barriers::default();
    let (road, questions) = barrier();
    barriers.set("logs", road);
    let directory = tempfile::tempdir().unwrap();
    let (scaling, gate, health) = (Arc::new(scaling), Gate::default(), Arc::<Health>::default());
    let given = Given {
        config,
        api: Arc::clone(&scaling),
        clock: Arc::new(ManualClock::at(UnixMillis(0))),
        health: Arc::clone(&health),
        known,
        gate: gate.clone(),
        barriers,
        announcer: trigger.announcer(),
        state_dir: directory.path().to_owned(),
        acts: true,
    };
    let mut tasks = JoinSet::new();
    let departure = start(given, instance.clone(), &mut tasks);
    Scene {
        instance,
        scaling,
        gate,
        health,
        questions,
        host,
        departure,
        hurry: shutdown.hurry(),
        directory,
        _tasks: tasks,
        _trigger: trigger,
    }
}

impl Scene {
    /// The names of the events that are written.
    fn events(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join(EVENTS_FILE));
        let text = text.unwrap_or_default();
        let events = text.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["event"].as_str().unwrap().to_owned()
        });
        events.collect()
    }

    async fn until_told(&self, count: usize) -> Vec<String> {
        while self.scaling.told().len() < count {
            sleep(Duration::from_millis(100)).await;
        }
        self.scaling.told()
    }
}

const CONTINUE: &str = "CONTINUE web drain i-1";
const ABANDON: &str = "ABANDON web drain i-1";

#[tokio::test(start_paused = true)]
async fn a_scale_in_is_completed_once_all_and_the_last_event_are_delivered() {
    let mut scene = scene(config(), Scaling::default());
    scene.instance.put(TARGET, "Terminated");
    let first = scene.questions.recv().await.unwrap();
    scene.hurry.asked().await;
    assert_eq!(scene.gate.closed(), Some("draining"));
    assert_eq!(scene.events(), ["notice"]);
    sleep(Duration::from_secs(35)).await;
    // The instance waits in the hook as long as it takes.
    assert_eq!(scene.scaling.told(), ["heartbeat"; 3]);
    first.send(()).unwrap();
    let second = scene.questions.recv().await.unwrap();
    assert_eq!(scene.events(), ["notice", "drained"]);
    second.send(()).unwrap();
    assert_eq!(scene.until_told(4).await[3], CONTINUE);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.events(), ["notice", "drained", "hook"]);
    assert_eq!(scene.scaling.told().len(), 4);
    assert_eq!(scene.health.lifecycle_notices.snapshot(), [("scale_in", 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_delivered_before_the_deadline_is_abandoned_within_the_margin() {
    let drain = Duration::from_mins(5);
    for (path, text, most) in [
        (TARGET, "Terminated", drain),
        (SPOT, "soon", notice::SPOT_NOTICE),
    ] {
        let scene = scene(config(), Scaling::default());
        let begun = Instant::now();
        scene.instance.put(path, text);
        while !scene.scaling.told().iter().any(|told| told == ABANDON) {
            sleep(Duration::from_millis(100)).await;
        }
        let took = begun.elapsed();
        assert!(
            took + INTERVAL >= most && took <= most + INTERVAL,
            "{took:?}"
        );
        assert_eq!(scene.events()[..2], ["notice", "abandoned"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_spot_brings_the_end_of_a_scale_in_nearer() {
    let scene = scene(config(), Scaling::default());
    scene.instance.put(TARGET, "Terminated");
    sleep(Duration::from_mins(1)).await;
    let begun = Instant::now();
    scene.instance.put(SPOT, "soon");
    while !scene.scaling.told().iter().any(|told| told == ABANDON) {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() <= notice::SPOT_NOTICE + INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_taken_back_opens_the_gate_and_completes_nothing() {
    let mut scene = scene(config(), Scaling::default());
    scene.instance.put(TARGET, "Terminated");
    let _unanswered = scene.questions.recv().await.unwrap();
    scene.instance.put(TARGET, "InService");
    sleep(INTERVAL * 2).await;
    assert_eq!(scene.gate.closed(), None);
    assert_eq!(scene.events(), ["notice", "taken_back"]);
    sleep(Duration::from_mins(10)).await;
    let told = scene.scaling.told();
    assert!(told.iter().all(|told| told == "heartbeat"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_recommendation_is_only_told_unless_it_should_drain() {
    for drains in [false, true] {
        let config = LifecycleConfig {
            drain_on_rebalance: drains,
            ..config()
        };
        let scene = scene(config, Scaling::default());
        scene.instance.put(REBALANCE, "{}");
        sleep(INTERVAL * 2).await;
        assert_eq!(scene.gate.closed().is_some(), drains);
        assert_eq!(scene.events(), ["notice"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_is_tried_again_and_one_that_is_over_is_success() {
    for over in [false, true] {
        let scaling = Scaling {
            refuses: Mutex::new(3),
            over,
            ..Scaling::default()
        };
        let mut scene = scene(config(), scaling);
        // The name of the group is learned later.
        scene.host.send_replace(host(None));
        scene.instance.put(SPOT, "soon");
        for _ in 0..2 {
            scene.questions.recv().await.unwrap().send(()).unwrap();
        }
        sleep(Duration::from_secs(20)).await;
        assert_eq!(scene.scaling.told(), [""; 0]);
        scene.host.send_replace(host(Some("web")));
        assert_eq!(scene.until_told(1).await, [CONTINUE]);
        let failed = scene.health.problems.snapshot();
        assert!(
            failed.contains(&("hook_completion_failed", 3)),
            "{failed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn commands_run_before_the_drain_and_a_failure_does_not_stop_it() {
    let command = |script: &str| LifecycleCommand {
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        timeout: Duration::from_hours(100),
    };
    let config = LifecycleConfig {
        commands: vec![command("exit 7"), command("echo $PLIMSOLL_NOTICE")],
        ..config()
    };
    // The clock of the test runs on while a command runs, so the deadline must be far away.
    let config = LifecycleConfig {
        drain_timeout: Duration::from_hours(1000),
        termination_hook: None,
        ..config
    };
    let mut scene = scene(config, Scaling::default());
    scene.instance.put(TARGET, "Terminated");
    let _asked = scene.questions.recv().await.unwrap();
    assert_eq!(scene.events(), ["notice", "command", "command"]);
    let text = std::fs::read_to_string(scene.directory.path().join(EVENTS_FILE)).unwrap();
    assert!(
        text.contains("exit status: 7") && text.contains("it said: scale_in"),
        "{text}"
    );
    let failed = scene.health.problems.snapshot();
    assert_eq!(failed, [("lifecycle_command_failed", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_agent_does_nothing_and_an_end_after_a_notice_waits_for_the_hook() {
    let mut scene = scene(config(), Scaling::default());
    scene.departure.leave(Duration::from_secs(10)).await;
    assert_eq!(scene.events(), [""; 0]);
    scene.instance.put(TARGET, "Terminated");
    let first = scene.questions.recv().await.unwrap();
    let departure = scene.departure.clone();
    let begun = Instant::now();
    let within = Duration::from_secs(10);
    let ends = tokio::spawn(async move { departure.leave(within).await });
    sleep(Duration::from_secs(1)).await;
    assert!(!ends.is_finished());
    assert_eq!(scene.events(), ["notice", "notice"]);
    first.send(()).unwrap();
    scene.questions.recv().await.unwrap().send(()).unwrap();
    ends.await.unwrap();
    assert!(begun.elapsed() < within);
    assert_eq!(scene.scaling.told(), [CONTINUE]);
}

#[tokio::test(start_paused = true)]
async fn the_launch_hook_is_completed_once_for_each_boot_after_the_first_delivery() {
    let config = LifecycleConfig {
        launch_hook: Some("ready".to_owned()),
        ..config()
    };
    let scene = scene(config.clone(), Scaling::default());
    sleep(Duration::from_mins(1)).await;
    assert_eq!(scene.scaling.told(), [""; 0]);
    scene.health.datums_sent.add(1);
    assert_eq!(scene.until_told(1).await, ["CONTINUE web ready i-1"]);
    sleep(Duration::from_secs(5)).await;
    assert!(scene.directory.path().join("launch-hook").exists());
}
