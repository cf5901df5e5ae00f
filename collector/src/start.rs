//! Starts every part, notices when one ends, and lets them drain in order.

mod once;
mod planner;

use std::sync::Arc;

use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::{self, Shutdown, Trigger};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::calls::Calls;
use crate::config::{Config, CostFeed, Feed};
use crate::health::{Health, Pulse};
use crate::pipeline::{Decisions, Pipeline};
use crate::plan::PlanError;
use crate::sink::metrics::Publisher;
use crate::sink::notify::Notifier;
use crate::source::cost::{CostSource, Counted};
use crate::source::directory::{DirectorySource, Ended, Format};
use crate::source::queue::QueueSource;
use crate::source::{self, Outlet};
use crate::state::{State, StateError};
use crate::{RunError, RunOptions};

pub(crate) use planner::wanted;

/// What every part shares.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) state: Arc<State>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Parts {
    /// The pulse of another source or sink.
    fn pulse(&self, kind: &'static str, place: &str) -> Arc<Pulse> {
        self.health.pulse(kind, place, &self.clock)
    }
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Running {
    stop_sources: Trigger,
    stop_sinks: Trigger,
    sources: JoinSet<Result<(), Ended>>,
    pipeline: JoinHandle<Result<(), StateError>>,
    notifier: JoinHandle<Result<(), StateError>>,
    publisher: JoinHandle<Result<(), StateError>>,
    planner: JoinHandle<Result<(), PlanError>>,
    /// Whether the pipeline was awaited already.
    pipeline_ended: bool,
}

impl Running {
    /// Starts the parts from the sinks to the sources, so that nothing is read before it can be
    /// handled.
    pub(crate) fn start<C: Calls>(
        config: &Config,
        calls: &C,
        parts: &Parts,
        options: RunOptions,
    ) -> Self {
        let (stop_sources, sources_stop) = shutdown::channel();
        let (stop_sinks, sinks_stop) = shutdown::channel();
        // One place is enough: a second announcement would say the same as the first.
        let (announce, announced) = mpsc::channel(1);
        let (outlet, units) = source::pipeline();
        prepare(config, parts);
        let notifier = tokio::spawn(notifier(config, calls, parts).run(announced));
        let pipeline = tokio::spawn(pipeline(config, parts, announce).run(units));
        let publisher = Publisher::new(
            calls.cloudwatch(),
            Arc::clone(&parts.state),
            Arc::clone(&parts.health),
            Arc::clone(&parts.clock),
        );
        let publisher = tokio::spawn(publisher.run(config.interval, sinks_stop.clone()));
        let planner = planner::start(config, calls, parts, sinks_stop, options);
        let sources = start_sources(config, calls, parts, &outlet, &sources_stop, options);
        Self {
            stop_sources,
            stop_sinks,
            sources,
            pipeline,
            notifier,
            publisher,
            planner,
            pipeline_ended: false,
        }
    }

    /// Completes when running is over without having been asked to: every source is done
    /// (`once`), or one cannot go on, or the pipeline cannot.
    pub(crate) async fn ended(&mut self, options: RunOptions) -> Result<(), RunError> {
        loop {
            tokio::select! {
                ended = &mut self.pipeline => {
                    self.pipeline_ended = true;
                    return Ok(ended??);
                }
                source = self.sources.join_next() => match source {
                    Some(ended) => ended??,
                    None if options.once => return Ok(()),
                    None => return std::future::pending().await,
                },
            }
        }
    }

    /// Stops the sources, then waits for everything behind them in the order of the data. Gives the
    /// first thing that went wrong; goes on to the end all the same.
    pub(crate) async fn drain(mut self, options: RunOptions) -> Result<(), RunError> {
        let mut result = Ok(());
        let mut note = |ended: Result<(), RunError>| {
            if let Err(error) = ended {
                log::error!("{error}");
                if result.is_ok() {
                    result = Err(error);
                }
            }
        };
        self.stop_sources.request();
        while let Some(ended) = self.sources.join_next().await {
            note(flatten(ended));
        }
        if !self.pipeline_ended {
            note(flatten(self.pipeline.await));
        }
        note(flatten(self.notifier.await));
        self.stop_sinks.request();
        note(flatten(self.publisher.await));
        let planned = flatten(self.planner.await);
        // While it runs, the planner tells of its failures in the log and tries again.
        note(if options.once { planned } else { Ok(()) });
        result
    }
}

/// The two ways in which a task can fail as one.
fn flatten<E: Into<RunError>>(
    ended: Result<Result<(), E>, tokio::task::JoinError>,
) -> Result<(), RunError> {
    ended?.map_err(Into::into)
}

/// Sets the gauges that are known from the start.
fn prepare(config: &Config, parts: &Parts) {
    parts.health.forget_pulses();
    let now = parts.clock.now();
    for source in config.sources() {
        parts.health.watch(source, now);
    }
    let rules = config.detectors.rules.rules().len();
    parts
        .health
        .rules_loaded
        .set(u64::try_from(rules).unwrap_or(u64::MAX));
}

fn notifier<C: Calls>(config: &Config, calls: &C, parts: &Parts) -> Notifier<C::Notify> {
    let topics = [&config.notify.topic_arn, &config.notify.chat_topic_arn];
    let topics: Vec<&str> = topics.into_iter().flatten().map(String::as_str).collect();
    Notifier::new(
        calls.notify(),
        Arc::clone(&parts.state),
        Arc::clone(&parts.clock),
        Arc::clone(&parts.health.notifications_sent),
        Arc::clone(&parts.health.calls_failed),
        parts.pulse("notifications", &topics.join(", ")),
    )
}

fn pipeline(config: &Config, parts: &Parts, announce: mpsc::Sender<()>) -> Pipeline {
    let decisions = Decisions {
        detectors: config.detectors.clone(),
        notify: config.notify.clone(),
        quiet_period: config.quiet_period,
    };
    Pipeline::new(
        Arc::clone(&parts.state),
        decisions,
        Arc::clone(&parts.health),
        Arc::clone(&parts.clock),
        announce,
    )
}

/// Starts a task for each source. The pipeline ends when the last of them has.
fn start_sources<C: Calls>(
    config: &Config,
    calls: &C,
    parts: &Parts,
    outlet: &Outlet,
    stop: &Shutdown,
    options: RunOptions,
) -> JoinSet<Result<(), Ended>> {
    let mut sources = JoinSet::new();
    let feeds = [
        ("cloudtrail", &config.cloudtrail, Format::CloudTrail),
        ("guardduty", &config.guardduty, Format::GuardDuty),
    ];
    for (kind, feed, format) in feeds {
        let Some(Feed {
            directory,
            queue_url,
        }) = feed
        else {
            continue;
        };
        if let Some(directory) = directory {
            let source = DirectorySource::new(
                directory.clone(),
                format,
                config.scan_interval,
                Arc::clone(&parts.state),
                outlet.clone(),
                parts.pulse(kind, &directory.display().to_string()),
            );
            start_directory(&mut sources, source, stop, options);
        }
        if let Some(url) = queue_url {
            let pulse = parts.pulse(kind, url);
            start_queue(&mut sources, pulse, calls, parts, outlet, stop, options);
        }
    }
    if let Some(feed) = &config.cost {
        start_cost(
            &mut sources,
            feed,
            config,
            calls,
            parts,
            outlet,
            (stop, options),
        );
    }
    sources
}

fn start_cost<C: Calls>(
    sources: &mut JoinSet<Result<(), Ended>>,
    feed: &CostFeed,
    config: &Config,
    calls: &C,
    parts: &Parts,
    outlet: &Outlet,
    (stop, options): (&Shutdown, RunOptions),
) {
    match feed {
        CostFeed::Files(path) => {
            let source = DirectorySource::new(
                path.clone(),
                Format::Cost,
                config.scan_interval,
                Arc::clone(&parts.state),
                outlet.clone(),
                parts.pulse("cost", &path.display().to_string()),
            );
            start_directory(sources, source, stop, options);
        }
        CostFeed::Explorer { refresh } => {
            let counted = Counted {
                requests: Arc::clone(&parts.health.cost_requests),
                failures: Arc::clone(&parts.health.calls_failed),
                pulse: parts.pulse("cost", "Cost Explorer"),
            };
            let source = CostSource::new(
                Arc::new(calls.cost()),
                *refresh,
                Arc::clone(&parts.clock),
                Arc::clone(&parts.state),
                outlet.clone(),
                counted,
            );
            if options.once {
                sources.spawn(once::cost(source));
            } else {
                sources.spawn(source.run(stop.clone()));
            }
        }
    }
}

fn start_directory(
    sources: &mut JoinSet<Result<(), Ended>>,
    source: DirectorySource,
    stop: &Shutdown,
    options: RunOptions,
) {
    if options.once {
        sources.spawn(source.run_once(stop.clone()));
    } else {
        sources.spawn(source.run(stop.clone()));
    }
}

fn start_queue<C: Calls>(
    sources: &mut JoinSet<Result<(), Ended>>,
    pulse: Arc<Pulse>,
    calls: &C,
    parts: &Parts,
    outlet: &Outlet,
    stop: &Shutdown,
    options: RunOptions,
) {
    let objects = Arc::new(calls.objects());
    let failures = Arc::clone(&parts.health.calls_failed);
    let (state, outlet, url) = (
        Arc::clone(&parts.state),
        outlet.clone(),
        pulse.place.clone(),
    );
    if options.once {
        let (queue, empty) = once::until_empty(calls.queue());
        let source = QueueSource::new(
            url,
            Arc::new(queue),
            objects,
            state,
            outlet,
            failures,
            pulse,
        );
        sources.spawn(once::queue(source, empty, stop.clone()));
    } else {
        let queue = Arc::new(calls.queue());
        let source = QueueSource::new(url, queue, objects, state, outlet, failures, pulse);
        sources.spawn(source.run(stop.clone()));
    }
}
