//! The service on each instance: logs and metrics to Amazon CloudWatch.
//!
//! Two roads of the same shape, source → batch → sink, that share nothing but the AWS clients and
//! the counters of [`health`]: [`logs`] follows files, `metrics` measures on a tick. This file puts
//! them together, waits for a signal, and lets them drain within a stated time.

mod aggregate;
mod api;
mod barrier;
mod batch;
mod budget;
mod checkpoint;
pub mod cli;
mod compat;
pub mod config;
mod control;
mod deadletter;
mod derive;
mod doctor;
mod dry_run;
mod ending;
mod estimate;
mod fs;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod glob;
pub mod health;
mod identity;
mod lifecycle;
pub mod logs;
mod metrics;
#[cfg(test)]
mod model;
pub mod policy;
mod record;
mod reload;
mod roads;
mod sample;
pub mod scraper;
mod signal;
mod sink;
mod source;
mod spool;
mod sys;
mod tap;
mod ticker;
mod unsent;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_aws::imds::Imds;
use plimsoll_aws::{Clients, ConnectError};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::logging::message;
use plimsoll_core::shutdown;
use plimsoll_ops::{Service, systemd};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use api::Api;
use barrier::Barriers;
use config::{Config, LogsConfig, PLACEHOLDERS, Persistence, Placeholder};
use control::Control;
use dry_run::DryRun;
use health::Health;
use identity::Host;
use logs::{LogsRoad, Mode};
use reload::Reloader;
use roads::{Roads, metrics_drain};
use scraper::HostRoot;
use signal::Gate;
use signal::road::SignalRoad;
pub use source::datagram::OpenError;

/// What operators see of the agent.
pub const SERVICE: Service = Service {
    program: "plimsoll-agent",
    word: "agent",
    socket: "agent.sock",
    runtime_directory: "/run/plimsoll",
    group: "plimsoll",
    config: config::DEFAULT_PATH,
    version: env!("CARGO_PKG_VERSION"),
};

/// How much sooner the sink of metrics stops, so that it can write down what it did not send, but at
/// most half of the time that there is.
const KEEPING_TIME: Duration = Duration::from_secs(1);

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Print calls instead of making them, and write nothing.
    pub dry_run: bool,
    /// End when everything that is there now was sent.
    pub once: bool,
    /// End after this time.
    pub run_for: Option<Duration>,
}

impl RunOptions {
    fn mode(self) -> Mode {
        if self.once { Mode::Once } else { Mode::Follow }
    }
}

/// Why the agent did not run, or not to its proper end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting of `[aws]` does not work here.
    #[error("AWS cannot be called")]
    Connect(#[from] ConnectError),
    /// The files cannot be followed.
    #[error("logs cannot be followed")]
    Logs(#[from] logs::StartError),
    /// An address or a file for metrics of applications is not to be had.
    #[error("metrics of applications cannot be received")]
    Applications(#[from] OpenError),
    /// The process may not handle signals.
    #[error("signals cannot be handled")]
    Signals(#[from] io::Error),
    /// A part ended that should not have.
    #[error("the road of {0} ended by itself; this is a defect of the agent")]
    Ended(&'static str),
    /// With [`RunOptions::once`]: nothing moved any more.
    #[error("nothing was accepted for {} seconds; {bytes} bytes of the files are left and are sent by the next run", waited.as_secs())]
    Stalled {
        /// How long nothing moved.
        waited: Duration,
        /// What is left in the files.
        bytes: u64,
    },
}

/// Runs until a signal, the end of [`RunOptions::run_for`], or the end of the work with
/// [`RunOptions::once`]; then drains.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, options: RunOptions) -> Result<(), RunError> {
    let health = Arc::new(Health::default());
    let (api, imds, region) = connect(&config, options, &health).await?;
    let host = identity::at_start(&imds, region.as_deref(), &health).await;
    greet(&host, options);
    let logs_config = names_of_logs(&config, &host, &health);
    let api = Arc::new(api.unwrap_or_else(|| dry_run(logs_config.as_ref())));
    let (host, known) = watch::channel(host);
    let (logs_stop, logs_shutdown) = shutdown::channel();
    let (metrics_stop, metrics_shutdown) = shutdown::channel();
    // All end when this is dropped.
    let mut aside = JoinSet::new();
    let world = World {
        api: Arc::clone(&api),
        health: Arc::clone(&health),
        control: Control::new(&config, &health, known.clone()),
        known,
        group_matters: Arc::default(),
        intakes: metrics::Intakes::default(),
        gate: Gate::default(),
        barriers: Barriers::default(),
        mode: options.mode(),
        dry_run: options.dry_run,
    };
    world.follow_identity(&config, imds.clone(), host, &logs_shutdown, &mut aside);
    let departure = world.start_life(&config, imds, logs_stop.announcer(), &mut aside);
    let opened = world.open_sources(&config)?;
    world.answer(&config, &mut aside).await;
    let reload_shutdown = logs_shutdown.clone();
    let logs = logs_config.map(|logs| world.start_logs(&config, logs, logs_shutdown));
    let logs = logs.transpose()?;
    let roads = Roads {
        logs,
        logs_stop,
        metrics: None,
        metrics_stop,
        signals: None,
        departure,
    };
    let alive = systemd::alive(in_a_line(&health));
    systemd::ready();
    let ended = if options.once {
        let once = roads.once(|| world.start_metrics(&config, opened, metrics_shutdown));
        ending::unless_stalled(once, &health, config.agent.drain_timeout).await
    } else {
        let metrics = world.start_metrics(&config, opened, metrics_shutdown);
        let signals = world.start_signals(&config);
        let roads = Roads {
            metrics,
            signals,
            ..roads
        };
        let reloader = Reloader::new(world, config.clone(), reload_shutdown);
        roads.follow(options.run_for, reloader).await
    };
    alive.inspect(JoinHandle::abort);
    let ended = ending::tell_unsent(&config, options, ended).await;
    farewell(&api, &health);
    ended
}

/// What both roads are given.
struct World {
    api: Arc<Api>,
    health: Arc<Health>,
    /// What questions about the agent are answered from.
    control: Arc<Control>,
    known: watch::Receiver<Host>,
    /// Whether the configuration needs the name of the Auto Scaling group.
    group_matters: Arc<AtomicBool>,
    intakes: metrics::Intakes,
    /// Whether signals may be told.
    gate: Gate,
    /// Where the roads are asked whether all is handed over.
    barriers: Barriers,
    mode: Mode,
    dry_run: bool,
}

impl World {
    /// Learns what of the host matters to a configuration.
    fn weigh(&self, config: &Config) {
        let matters = policy::names_group(config);
        self.group_matters.store(matters, Ordering::Relaxed);
    }

    /// Goes on asking who this host is.
    fn follow_identity(
        &self,
        config: &Config,
        imds: Imds,
        host: watch::Sender<Host>,
        shutdown: &shutdown::Shutdown,
        aside: &mut JoinSet<()>,
    ) {
        let (scaling, health) = (Arc::clone(&self.api), Arc::clone(&self.health));
        self.weigh(config);
        let matters = Arc::clone(&self.group_matters);
        identity::follow(aside, imds, scaling, host, matters, health, shutdown);
    }

    /// Answers questions about the agent from now on. One that ends by itself is not asked.
    async fn answer(&self, config: &Config, aside: &mut JoinSet<()>) {
        if !self.dry_run && self.mode == Mode::Follow {
            control::start(&self.control, &config.agent, aside).await;
        }
    }

    fn start_logs(
        &self,
        config: &Config,
        logs: LogsConfig,
        shutdown: shutdown::Shutdown,
    ) -> Result<LogsRoad, logs::StartError> {
        // Followed logs hand in before the road of metrics has begun.
        if let Some(metrics) = &config.metrics {
            self.intakes.reload(metrics);
        }
        let directory = config.agent.state_dir.clone();
        let persistence = if self.dry_run {
            Persistence::ReadOnly(directory)
        } else {
            Persistence::Directory(directory)
        };
        if !self.dry_run {
            unsent::tell(&config.agent.state_dir);
        }
        let (api, health) = (Arc::clone(&self.api), Arc::clone(&self.health));
        let seed = fastrand::u64(..);
        let journals = control::journals(&logs);
        let road = logs::start(
            logs,
            &persistence,
            self.mode,
            api,
            clock(),
            health,
            seed,
            shutdown,
            self.intakes.clone(),
        )?;
        self.barriers.set("logs", road.barrier());
        self.control.follows(journals, road.ledger());
        Ok(road)
    }

    /// Watches over the instance. Only an agent that goes on acts for it.
    fn start_life(
        &self,
        config: &Config,
        imds: Imds,
        announcer: shutdown::Announcer,
        aside: &mut JoinSet<()>,
    ) -> lifecycle::Departure {
        let given = lifecycle::Given {
            config: config.lifecycle.clone(),
            api: Arc::clone(&self.api),
            clock: clock(),
            health: Arc::clone(&self.health),
            known: self.known.clone(),
            gate: self.gate.clone(),
            barriers: self.barriers.clone(),
            announcer,
            state_dir: config.agent.state_dir.clone(),
            acts: !self.dry_run && self.mode == Mode::Follow,
        };
        lifecycle::start(given, imds, aside)
    }

    /// Opens what applications send to. With [`Mode::Once`] nobody is listened to.
    fn open_sources(&self, config: &Config) -> Result<metrics::Opened, OpenError> {
        match (&config.metrics, self.mode) {
            (Some(metrics), Mode::Follow) => metrics::Opened::open(metrics),
            _ => Ok(metrics::Opened::default()),
        }
    }

    fn start_signals(&self, config: &Config) -> Option<SignalRoad> {
        let signals = config.signals.clone()?;
        let world = signal::road::World {
            api: Arc::clone(&self.api),
            root: HostRoot::default(),
            clock: clock(),
            health: Arc::clone(&self.health),
            host: self.known.clone(),
            intakes: self.intakes.clone(),
            gate: self.gate.clone(),
            seed: fastrand::u64(..),
        };
        Some(signal::road::start(signals, world))
    }

    fn start_metrics(
        &self,
        config: &Config,
        opened: metrics::Opened,
        shutdown: shutdown::Shutdown,
    ) -> Option<JoinHandle<()>> {
        let metrics = config.metrics.clone()?;
        let (barrier, questions) = barrier::barrier();
        self.barriers.set("metrics", barrier);
        let world = metrics::World {
            api: Arc::clone(&self.api),
            root: HostRoot::default(),
            clock: clock(),
            health: Arc::clone(&self.health),
            host: self.known.clone(),
            intakes: self.intakes.clone(),
            spool: (!self.dry_run).then(|| config.agent.state_dir.join(spool::DIRECTORY)),
            opened,
            questions,
            seed: fastrand::u64(..),
            shutdown,
            drain_max: sink_drain(metrics_drain(config.agent.drain_timeout)),
        };
        Some(metrics::start(metrics, self.mode, world))
    }
}

/// The clients, or none in a dry run, with instance metadata and the Region.
async fn connect(
    config: &Config,
    options: RunOptions,
    health: &Health,
) -> Result<(Option<Api>, Imds, Option<String>), ConnectError> {
    if options.dry_run {
        return Ok((None, Imds::new(&config.aws), config.aws.region.clone()));
    }
    let clients = Clients::connect(&config.aws).await?;
    let region = clients.region().to_owned();
    Ok((
        Some(Api::aws(&clients, Arc::clone(&health.taps))),
        clients.imds().clone(),
        Some(region),
    ))
}

fn dry_run(logs: Option<&LogsConfig>) -> Api {
    let groups = logs.iter().flat_map(|logs| logs.groups());
    Api::DryRun(DryRun::new(Box::new(io::stdout()), groups))
}

/// The road of logs with its names, if there is one.
fn names_of_logs(config: &Config, host: &Host, health: &Health) -> Option<LogsConfig> {
    let logs = config.logs.as_ref();
    logs.map(|_| fill_names(config, host, health))
}

/// Fills in the names of groups and streams, and tells the placeholders that have no value.
fn fill_names(config: &Config, host: &Host, health: &Health) -> LogsConfig {
    let Some(logs) = &config.logs else {
        return LogsConfig::default();
    };
    let words = PLACEHOLDERS.map(|(word, placeholder)| (word.to_owned(), placeholder));
    for (word, placeholder) in words.into_iter().chain(logs.tags()) {
        let later = matches!(
            placeholder,
            Placeholder::FileName | Placeholder::FilePath | Placeholder::Date
        );
        if later || !logs.names(&placeholder) {
            continue;
        }
        if host
            .placeholder(placeholder)
            .is_none_or(|value| value.is_empty())
        {
            health.problems.add("placeholder_unknown", 1);
            log::warn!(placeholder = word.as_str(); "a placeholder has no value on this host; it becomes `unknown`");
        }
    }
    logs.fill(|placeholder| host.placeholder(placeholder))
}

/// How long the sink of metrics may go on sending in the drain of its road.
fn sink_drain(road: Duration) -> Duration {
    road.saturating_sub(KEEPING_TIME.min(road / 2))
}

/// What `systemctl status` shows of the agent.
fn in_a_line(health: &Arc<Health>) -> impl Fn() -> String + Send + 'static {
    let health = Arc::clone(health);
    move || {
        let waits = match health.oldest_unsent_ms.value() / 1000 {
            0 => "nothing waits".to_owned(),
            seconds => format!("the oldest line waits for {seconds} s"),
        };
        format!(
            "{} files followed, {} events and {} datums sent; {waits}",
            health.files.value(),
            health.events_sent.value(),
            health.datums_sent.value()
        )
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn greet(host: &Host, options: RunOptions) {
    let system = sysinfo::System::long_os_version().unwrap_or_default();
    let kernel = sysinfo::System::kernel_version().unwrap_or_default();
    let instance = host
        .instance
        .as_ref()
        .map_or("none", |instance| &instance.instance_id);
    log::info!(
        message_id = message::AGENT_STARTED.id, version = env!("CARGO_PKG_VERSION"), host = host.name.as_str(), instance = instance,
        system = system.as_str(), kernel = kernel.as_str(), dry_run = options.dry_run;
        "started"
    );
}

/// The last words: what was done.
fn farewell(api: &Api, health: &Health) {
    if let Api::DryRun(dry) = api {
        dry.summary();
    }
    log::info!(
        message_id = message::AGENT_ENDED.id,
        lines_read = health.lines_read.value(),
        events_sent = health.events_sent.value(),
        events_rejected = health.events_rejected.total(),
        events_dropped = health.events_dropped.total(),
        datums_sent = health.datums_sent.value(),
        datums_dropped = health.datums_dropped.total(),
        calls = health.calls.total(),
        retries = health.retries.value(),
        throttles = health.throttles.value(),
        problems = health.problems.total(),
        unsent_bytes = health.queue_bytes.value();
        "ended"
    );
    for (what, tally) in [
        ("dropped datums", &health.datums_dropped),
        ("rejected events", &health.events_rejected),
        ("events left out", &health.events_dropped),
        ("redactions", &health.redactions),
        ("problems", &health.problems),
    ] {
        for (reason, count) in tally.snapshot() {
            log::info!(reason = reason, count = count; "{what}");
        }
    }
}
