//! What is done from a notice to the completion of the hook, in this order: the user's commands,
//! everything handed over, the closing event handed over too, the hook completed.
//!
//! Deadlines are monotonic from the moment of the notice, so that no jump of the clock moves them.
//! A later notice may bring the end nearer. What is not handed over in time ends in ABANDON with
//! the reason; both results end in the termination of the instance, and ABANDON says so.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Lifecycle, LifecycleResult, ScalingApi};
use plimsoll_core::clock::UnixMillis;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::event::Event;
use super::notice::Kind;
use super::{World, command, hook};

/// What may change while the instance leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Why it leaves.
    pub(super) kind: Kind,
    /// When the notice came.
    pub(super) begun: Instant,
    /// When all must be over.
    pub(super) until: Instant,
    /// The same on the wall, as it was when the notice came.
    pub(super) deadline: UnixMillis,
    /// Whether Auto Scaling waits in a hook that wants heartbeats.
    pub(super) waits: bool,
}

impl Terms {
    /// The margin, or a quarter of a time that is short.
    fn margin(&self, margin: Duration) -> Duration {
        margin.min(self.until.saturating_duration_since(self.begun) / 4)
    }
}

/// Completes when `at` of the terms has come, which they may bring nearer meanwhile.
async fn over(mut terms: watch::Receiver<Terms>, at: impl Fn(&Terms) -> Instant) {
    loop {
        let until = at(&terms.borrow_and_update());
        tokio::select! {
            () = sleep_until(until) => return,
            Ok(()) = terms.changed() => {}
            else => return,
        }
    }
}

/// One departure.
pub(super) struct Leaving<A> {
    pub(super) world: Arc<World<A>>,
    pub(super) terms: watch::Receiver<Terms>,
    /// Whether the user's commands are still to be run.
    pub(super) commands: bool,
    pub(super) steps: Vec<(Duration, String)>,
}

impl<A: ScalingApi> Leaving<A> {
    /// Does all of it.
    pub(super) async fn run(mut self) {
        self.step("notice");
        let world = Arc::clone(&self.world);
        let beating = heartbeats(&world, self.terms.clone());
        let work = async {
            let result = self.hand_over().await;
            self.complete(result).await;
        };
        tokio::select! {
            () = work => {}
            () = beating => {}
        }
        log::info!("the time line of leaving: {}", self.time_line());
    }

    /// Runs the commands and hands everything over; the result is what the hook is told.
    async fn hand_over(&mut self) -> Result<(), String> {
        let margin = self.world.config.margin;
        let over = over(self.terms.clone(), move |terms| {
            terms
                .until
                .checked_sub(terms.margin(margin))
                .unwrap_or(terms.until)
        });
        let mut over = std::pin::pin!(over);
        let handed = async {
            if self.commands && self.world.acts {
                self.run_commands().await;
            }
            self.world.barriers.settled().await;
            self.step("all delivered");
            self.tell("drained", "everything that was there is delivered")
                .await;
            // The closing event is a line of a file as well.
            self.world.barriers.settled().await;
        };
        let handed = tokio::select! {
            () = handed => Ok(()),
            () = &mut over => Err("not everything was delivered before the deadline".to_owned()),
        };
        if let Err(why) = &handed {
            self.world.health.problems.add("drain_incomplete", 1);
            self.step("deadline");
            self.tell("abandoned", why).await;
        }
        handed
    }

    async fn run_commands(&mut self) {
        let world = Arc::clone(&self.world);
        if world.config.commands.is_empty() {
            return;
        }
        let (instance_id, _) = hook::names(&world.known.borrow());
        for wanted in &world.config.commands {
            let now = *self.terms.borrow();
            let environment = [
                ("PLIMSOLL_NOTICE", now.kind.as_str().to_owned()),
                (
                    "PLIMSOLL_INSTANCE_ID",
                    instance_id.clone().unwrap_or_default(),
                ),
                ("PLIMSOLL_DEADLINE", now.deadline.to_string()),
            ];
            let until = Instant::now() + wanted.timeout;
            let ran = command::run(&wanted.command, &environment, until).await;
            let name = wanted.command.first().map_or("", String::as_str);
            let took = ran.took.as_secs_f64();
            if !ran.well {
                world.health.problems.add("lifecycle_command_failed", 1);
            }
            let output = if ran.output.is_empty() {
                ""
            } else {
                "; it said: "
            };
            let told = format!(
                "{name}: {} after {took:.1} s{output}{}",
                ran.how, ran.output
            );
            self.tell("command", &told).await;
        }
        self.step("commands done");
    }

    /// Completes the hook within what is left.
    async fn complete(&mut self, handed: Result<(), String>) {
        let world = Arc::clone(&self.world);
        let Some(name) = world
            .config
            .termination_hook
            .as_deref()
            .filter(|_| world.acts)
        else {
            return;
        };
        let result = match handed {
            Ok(()) => LifecycleResult::Continue,
            Err(_) => LifecycleResult::Abandon,
        };
        let until = self.terms.borrow().until;
        let action = timeout_at(until, hook::action(world.known.clone(), name)).await;
        let completed = match action {
            Ok(action) => hook::complete(&*world.api, &action, result, until, &world.health).await,
            Err(_) => Err("the name of the group is not known".to_owned()),
        };
        let told = match &completed {
            Ok(Lifecycle::Taken) => {
                format!("the hook {name} is completed with {}", result.as_str())
            }
            Ok(Lifecycle::Over) => format!("the hook {name} was over already"),
            Err(why) => format!("the hook {name} is not completed: {why}"),
        };
        self.step(if completed.is_ok() {
            "hook completed"
        } else {
            "hook not completed"
        });
        self.tell("hook", &told).await;
    }

    async fn tell(&self, event: &'static str, detail: &str) {
        let terms = *self.terms.borrow();
        self.world
            .tell(event, terms.kind, Some(&terms), detail)
            .await;
    }

    fn step(&mut self, what: &str) {
        let since = self.terms.borrow().begun.elapsed();
        self.steps.push((since, what.to_owned()));
    }

    /// All steps with the time since the notice.
    fn time_line(&self) -> String {
        let mut line = String::new();
        for (since, what) in &self.steps {
            let space = if line.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            write!(line, "{space}+{:.1} s {what}", since.as_secs_f64()).ok();
        }
        line
    }
}

/// Heartbeats from when Auto Scaling waits; never ends.
async fn heartbeats<A: ScalingApi>(world: &World<A>, mut terms: watch::Receiver<Terms>) {
    let waits = terms.wait_for(|terms| terms.waits).await.is_ok();
    let hook = world.config.termination_hook.as_deref();
    if let Some(hook) = hook.filter(|_| waits && world.acts) {
        let (known, every) = (world.known.clone(), world.config.heartbeat);
        hook::heartbeats(&*world.api, known, hook, every, &world.health).await;
    }
    std::future::pending::<()>().await;
}

impl<A> World<A> {
    /// Tells an event of this instance.
    pub(super) async fn tell(
        &self,
        event: &'static str,
        notice: Kind,
        terms: Option<&Terms>,
        detail: &str,
    ) {
        let (instance_id, group) = hook::names(&self.known.borrow());
        let event = Event {
            name: event,
            notice,
            instance_id,
            group,
            deadline: terms.map(|terms| terms.deadline),
            elapsed: terms.map_or(Duration::ZERO, |terms| terms.begun.elapsed()),
            detail,
        };
        self.events.tell(event).await;
    }
}
