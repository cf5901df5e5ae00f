//! How the roads end.

use tokio::sync::oneshot;

use super::*;
use std::sync::Arc;

use tokio::sync::watch;

use crate::World;
use crate::api::Api;
use crate::config::Config;
use crate::config::stored;
use crate::dry_run::DryRun;
use crate::health::Health;
use crate::identity::Host;
use crate::logs::{LogsSummary, Mode};

const DRAIN: Duration = Duration::from_secs(20);

/// Roads whose tasks are given, with what tells that the metrics were asked to stop.
fn roads(
    logs: JoinHandle<LogsSummary>,
    metrics: impl FnOnce(shutdown::Shutdown) -> JoinHandle<()>,
) -> Roads {
    let (logs_stop, _) = shutdown::channel();
    let (metrics_stop, metrics_shutdown) = shutdown::channel();
    Roads {
        logs: Some(LogsRoad::of_task(logs)),
        logs_stop,
        metrics: Some(metrics(metrics_shutdown)),
        metrics_stop,
        signals: None,
        departure: Departure::unattended(),
    }
}

const TEXT: &str = "[[logs.file]]\npath = \"/nonexistent.log\"\ngroup = \"g\"\n";

/// A reloader of a configuration that was read from no file.
fn reloader() -> Reloader {
    reloader_of(
        Config::from_text("agent.toml", TEXT).unwrap(),
        Arc::default(),
    )
}

fn reloader_of(config: Config, health: Arc<Health>) -> Reloader {
    let (_, logs_shutdown) = shutdown::channel();
    let api = Api::DryRun(DryRun::new(Box::new(Vec::new()), std::iter::empty()));
    let known = watch::channel(Host::default()).1;
    let world = World {
        api: Arc::new(api),
        control: crate::Control::new(&config, &health, known.clone()),
        health,
        known,
        group_matters: Arc::default(),
        intakes: crate::metrics::Intakes::default(),
        gate: crate::signal::Gate::default(),
        barriers: crate::barrier::Barriers::default(),
        mode: Mode::Follow,
        dry_run: true,
    };
    Reloader::new(world, config, logs_shutdown)
}

#[tokio::test(start_paused = true)]
async fn metrics_are_stopped_after_the_logs_so_that_they_tell_how_those_ended() {
    let (logs_end, logs_ended) = oneshot::channel();
    let logs = tokio::spawn(async move {
        sleep(Duration::from_secs(3)).await;
        logs_end.send(Instant::now()).ok();
        LogsSummary::default()
    });
    let (asked, was_asked) = oneshot::channel();
    let mut roads = roads(logs, |mut shutdown| {
        tokio::spawn(async move {
            shutdown.requested().await;
            asked.send(Instant::now()).ok();
        })
    });
    roads.drain(DRAIN).await;
    assert!(was_asked.await.unwrap() >= logs_ended.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_last_signals_are_waited_for() {
    let logs = tokio::spawn(async { LogsSummary::default() });
    let mut roads = roads(logs, |mut shutdown| {
        tokio::spawn(async move { shutdown.requested().await })
    });
    let (stop, mut shutdown) = shutdown::channel();
    let (sent, mut was_sent) = oneshot::channel();
    let signals = tokio::spawn(async move {
        shutdown.requested().await;
        sleep(Duration::from_millis(300)).await;
        sent.send(()).ok();
    });
    roads.signals = Some(SignalRoad::of_task(stop, signals));
    roads.drain(DRAIN).await;
    assert_eq!(was_sent.try_recv(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn roads_that_do_not_end_are_cut_off_within_the_drain_timeout() {
    let logs = tokio::spawn(std::future::pending());
    let mut roads = roads(logs, |_| tokio::spawn(std::future::pending()));
    let start = Instant::now();
    roads.drain(DRAIN).await;
    assert!(start.elapsed() <= DRAIN);
    assert!(start.elapsed() + METRICS_DRAIN_MAX >= DRAIN);
}

#[tokio::test(start_paused = true)]
async fn a_road_that_ends_by_itself_ends_the_agent_with_an_error() {
    let logs = tokio::spawn(async { LogsSummary::default() });
    let roads = roads(logs, |mut shutdown| {
        tokio::spawn(async move { shutdown.requested().await })
    });
    let ended = roads.follow(None, reloader()).await;
    assert!(matches!(ended, Err(RunError::Ended("logs"))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn the_given_time_ends_the_agent_well() {
    let logs = tokio::spawn(std::future::pending());
    let roads = roads(logs, |_| tokio::spawn(std::future::pending()));
    let start = Instant::now();
    roads
        .follow(Some(Duration::from_mins(1)), reloader())
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn signals_that_end_by_themselves_end_the_agent_too() {
    let logs = tokio::spawn(std::future::pending());
    let mut roads = roads(logs, |mut shutdown| {
        tokio::spawn(async move { shutdown.requested().await })
    });
    let (stop, _) = shutdown::channel();
    roads.signals = Some(SignalRoad::of_task(stop, tokio::spawn(async {})));
    let ended = roads.follow(None, reloader()).await;
    assert!(
        matches!(ended, Err(RunError::Ended("signals"))),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_parameters_hold_is_taken_or_refused_once_until_they_change_again() {
    let health = Arc::new(Health::default());
    let config = stored::read("ssm:/a".as_ref(), TEXT).unwrap();
    let mut reloader = reloader_of(config, Arc::clone(&health));
    let logs = tokio::spawn(std::future::pending());
    let mut roads = roads(logs, |_| tokio::spawn(std::future::pending()));
    let other = format!("[agent]\ndrain_timeout = \"7s\"\n{TEXT}");
    let bad = "[agent]\ndrain_timeout = 7\n";
    // What is held, and how many were refused and how long a drain is afterwards.
    for (text, refused, drain) in [
        (TEXT, 0, 20),
        (bad, 1, 20),
        (bad, 1, 20),
        (&other, 1, 7),
        (bad, 2, 7),
        (&other, 2, 7),
        (bad, 3, 7),
        (TEXT, 3, 20),
    ] {
        reloader.take_stored(text.to_owned(), &mut roads).await;
        let counts = health.problems.snapshot();
        let counted = counts
            .iter()
            .find(|(reason, _)| *reason == "reload_refused");
        assert_eq!(counted.map_or(0, |(_, count)| *count), refused, "{text}");
        assert_eq!(
            reloader.drain_timeout(),
            Duration::from_secs(drain),
            "{text}"
        );
    }
}
