//! The road of metrics, put together: sources → windows → datums → PutMetricData.
//!
//! The teller is one task that wakes once per tick: it reads the host, takes what applications
//! handed in, and makes datums of what is over. The sink is another that never makes it wait. When
//! the sources have ended the teller takes one last reading of the agent's own counters, so that
//! what the last seconds did is told as well, and everything that applications handed in; then the
//! sink drains.

mod intakes;
mod sources;
mod teller;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::MetricsApi;
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::{Shutdown, channel};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::barrier::{Asked, Questions, barrier};
use crate::config::MetricsConfig;
use crate::fs::HostFs;
use crate::health::Health;
use crate::identity::Host;
use crate::logs::Mode;
use crate::scraper::HostRoot;
use crate::sink::metrics::{Keeper, MetricsSink, SinkSettings, SpoolSettings};
pub(crate) use intakes::Intakes;
pub(crate) use sources::Opened;
use teller::Teller;

/// Ticks between teller and sink. The sink takes them at once; the second slot only spares the
/// teller a switch.
const TICKS_MAX: usize = 2;
/// The longest that a host of a fleet holds its datums back.
const SPREAD_MAX: Duration = Duration::from_secs(5);
/// The share of the interval in which the datums of a fleet arrive.
const SPREAD_SHARE: u32 = 10;

/// What the road is given besides its configuration.
pub(crate) struct World<A> {
    pub(crate) api: Arc<A>,
    pub(crate) root: HostRoot,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) host: watch::Receiver<Host>,
    pub(crate) intakes: Intakes,
    /// Where metrics wait out an outage; `None` if nothing is to be written.
    pub(crate) spool: Option<PathBuf>,
    pub(crate) opened: Opened,
    /// Where is asked whether everything is handed over.
    pub(crate) questions: Questions,
    pub(crate) seed: u64,
    pub(crate) shutdown: Shutdown,
    pub(crate) drain_max: Duration,
}

/// Starts to measure. The task ends after `shutdown`, or after one tick in [`Mode::Once`], when
/// everything is sent or `drain_max` is over.
pub(crate) fn start<A: MetricsApi>(
    config: MetricsConfig,
    mode: Mode,
    mut world: World<A>,
) -> JoinHandle<()> {
    world.intakes.reload(&config);
    let mut random = fastrand::Rng::with_seed(world.seed);
    let settings = SinkSettings {
        waiting_datums_max: config.waiting_datums_max,
        backoff: Backoff::default(),
        spread: spread(&config, &world.host.borrow()),
        drain_max: world.drain_max,
        when_unknown: config.when_unknown,
    };
    let spool = world.spool.clone().map(|directory| SpoolSettings {
        directory,
        bytes_max: config.spool_bytes_max,
    });
    let spool = spool.filter(|spool| spool.bytes_max > 0);
    let (of_sink, asked_sink) = barrier();
    let sink = MetricsSink::new(
        Arc::clone(&world.api),
        Arc::clone(&world.clock),
        Arc::clone(&world.health),
        settings,
        Keeper::new(HostFs, spool, Arc::clone(&world.health)),
        random.u64(..),
    )
    .answering(Asked::by(asked_sink));
    let (out, input) = mpsc::channel(TICKS_MAX);
    tokio::spawn(async move {
        let mut shutdown = world.shutdown.clone();
        let opened = std::mem::take(&mut world.opened);
        let teller = Teller::new(&config, &world, out);
        let mut sources = sources::start(&config, &world, opened);
        let questions = world.questions;
        // Sources and sink belong to this task: if it is aborted, all stop.
        let tell = async move {
            match mode {
                Mode::Follow => {
                    let (ended, sources_ended) = channel();
                    let end = async move {
                        shutdown.requested().await;
                        sources::end(&mut sources).await;
                        ended.request();
                    };
                    tokio::join!(teller.follow(sources_ended, questions, &of_sink), end);
                }
                Mode::Once => teller.once().await,
            }
        };
        tokio::join!(tell, sink.run(input));
    })
}

/// How long after a tick this host calls: always the same time, which its instance id decides, so
/// that a fleet is spread evenly over the window and stays so.
pub(crate) fn spread(config: &MetricsConfig, host: &Host) -> Duration {
    let instance = host.instance.as_ref();
    let id = instance.map_or(&host.name, |instance| &instance.instance_id);
    // FNV-1a, which the generator then mixes. Source: draft-eastlake-fnv, 64-bit constants.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let window = (config.flush_interval / SPREAD_SHARE).min(SPREAD_MAX);
    window.mul_f64(fastrand::Rng::with_seed(hash).f64())
}

#[cfg(test)]
mod tests;
