//! Starts what applications hand their metrics in by.
//!
//! Each source is a task that hears the shutdown and hands in to the intake of its feed. They end
//! with the road: what they have handed in by then is told. Sockets for datagrams, and files with
//! secrets, are opened before anything runs.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::shutdown::Shutdown;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Intakes, World};
use crate::config::MetricsConfig;
use crate::sample::Feed;
use crate::source::collectd::{self, Collectd};
use crate::source::datagram::{Mailbox, OpenError, Surroundings, receive};
use crate::source::emf;
use crate::source::otlp::Receiver;
use crate::source::prometheus::Scraper;
use crate::source::statsd::{self, Statsd};

/// How long a source may take to end; the drain of the whole road is at most five seconds.
const END_MAX: Duration = Duration::from_millis(1500);

/// What sources need that may not be there: sockets, and files with secrets.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    statsd: Option<Vec<Mailbox>>,
    collectd: Option<(Vec<Mailbox>, collectd::Secrets)>,
}

impl Opened {
    /// Opens all that the configuration names.
    ///
    /// # Errors
    /// The first that cannot be opened, by its key.
    pub(crate) fn open(config: &MetricsConfig) -> Result<Self, OpenError> {
        let of = &config.applications;
        Ok(Self {
            statsd: of.statsd.as_ref().map(statsd::open).transpose()?,
            collectd: of.collectd.as_ref().map(collectd::open).transpose()?,
        })
    }
}

/// Starts the sources that the configuration names.
pub(super) fn start<A>(config: &MetricsConfig, world: &World<A>, opened: Opened) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    start_datagrams(config, world, opened, &mut tasks);
    start_prometheus(config, world, &mut tasks);
    start_otlp(config, world, &mut tasks);
    start_emf(config, world, &mut tasks);
    tasks
}

/// Waits for them to end after the shutdown, so that the last of what they took is told.
pub(super) async fn end(tasks: &mut JoinSet<()>) {
    let ended = async { while tasks.join_next().await.is_some() {} };
    if timeout(END_MAX, ended).await.is_err() {
        log::warn!("a source of metrics did not end in time and is cut off");
    }
}

fn start_prometheus<A>(config: &MetricsConfig, world: &World<A>, tasks: &mut JoinSet<()>) {
    let Some(intake) = world.intakes.of(Feed::Prometheus) else {
        return;
    };
    for target in &config.applications.prometheus {
        let scraper = Scraper {
            target: target.clone(),
            interval: Intakes::interval(config, Feed::Prometheus),
            intake: intake.clone(),
            clock: Arc::clone(&world.clock),
            health: Arc::clone(&world.health),
        };
        tasks.spawn(scraper.run(world.shutdown.clone()));
    }
}

fn start_otlp<A>(config: &MetricsConfig, world: &World<A>, tasks: &mut JoinSet<()>) {
    let shutdown: Shutdown = world.shutdown.clone();
    if let Some(otlp) = &config.applications.otlp
        && let Some(intake) = world.intakes.of(Feed::Otlp)
    {
        let receiver = Receiver::new(
            otlp.rules.clone(),
            intake.clone(),
            Arc::clone(&world.clock),
            Arc::clone(&world.health),
        );
        tasks.spawn(receiver.run(otlp.address, shutdown));
    }
}

fn start_datagrams<A>(
    config: &MetricsConfig,
    world: &World<A>,
    opened: Opened,
    tasks: &mut JoinSet<()>,
) {
    let (of, style) = (&config.applications, config.selection.style);
    let around = Surroundings {
        clock: Arc::clone(&world.clock),
        health: Arc::clone(&world.health),
    };
    let intake = |feed| world.intakes.of(feed).cloned();
    let health = || Arc::clone(&world.health);
    let shutdown = || world.shutdown.clone();
    if let (Some(settings), Some(mailboxes), Some(intake)) =
        (&of.statsd, opened.statsd, intake(Feed::Statsd))
    {
        let interval = Intakes::interval(config, Feed::Statsd);
        let taker = Statsd::new(settings, style, interval, intake, health());
        let around = around.clone();
        tasks.spawn(receive("statsd", mailboxes, taker, around, shutdown()));
    }
    if let (Some(settings), Some((mailboxes, secrets)), Some(intake)) =
        (&of.collectd, opened.collectd, intake(Feed::Collectd))
    {
        let taker = Collectd::new(settings, secrets, style, intake, health());
        tasks.spawn(receive("collectd", mailboxes, taker, around, shutdown()));
    }
}

fn start_emf<A>(config: &MetricsConfig, world: &World<A>, tasks: &mut JoinSet<()>) {
    if let Some(listeners) = &config.applications.emf
        && let Some(intake) = world.intakes.of(Feed::Emf)
    {
        let receiver = emf::Receiver::new(
            intake.clone(),
            Arc::clone(&world.clock),
            Arc::clone(&world.health),
            world.shutdown.clone(),
        );
        receiver.start(listeners, tasks);
    }
}
