//! Where applications hand in their metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Feed, OtlpConfig, PrometheusTarget};

/// Where applications hand in their metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applications {
    /// The interval of each feed that has its own.
    pub interval_of: BTreeMap<Feed, Duration>,
    /// Targets that are scraped.
    pub prometheus: Vec<PrometheusTarget>,
    /// Where OTLP is listened for.
    pub otlp: Option<OtlpConfig>,
    /// StatsD and DogStatsD; `None` if nobody is listened to.
    pub statsd: Option<StatsdConfig>,
    /// The network protocol of collectd; `None` if nobody is listened to.
    pub collectd: Option<CollectdConfig>,
    /// Embedded metric format; `None` if nobody is listened to.
    pub emf: Option<EmfListeners>,
}

impl Applications {
    /// Whether anyone is asked or listened to.
    #[must_use]
    pub fn any(&self) -> bool {
        let asked = !self.prometheus.is_empty() || self.emf.is_some();
        asked || self.otlp.is_some() || self.statsd.is_some() || self.collectd.is_some()
    }
}

/// Where embedded metric format is received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmfListeners {
    /// Lines over TCP.
    pub tcp: Option<SocketAddr>,
    /// Lines in datagrams over UDP.
    pub udp: Option<SocketAddr>,
    /// Lines over a Unix socket, at this path.
    pub socket: Option<PathBuf>,
}

/// Where StatsD is received and what its metrics are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsdConfig {
    /// Where UDP is received.
    pub address: Option<SocketAddr>,
    /// The path of a Unix socket for datagrams.
    pub socket: Option<PathBuf>,
    /// Its permissions.
    pub socket_mode: u32,
    /// What the kernel is asked to hold while the agent is busy.
    pub receive_buffer_bytes: usize,
    /// What stands before each name.
    pub prefix: String,
    /// What each point of a name becomes; `None` leaves it, or does what the style asks for.
    pub separator: Option<String>,
    /// Whether a gauge is told again in each interval until it changes.
    pub keep_gauges: bool,
}

/// Where collectd is received and what its metrics are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectdConfig {
    /// Where UDP is received.
    pub address: SocketAddr,
    /// What the kernel is asked to hold while the agent is busy.
    pub receive_buffer_bytes: usize,
    /// What stands before each name.
    pub prefix: String,
    /// Which packets are believed.
    pub security: CollectdSecurity,
    /// The file of users and passwords.
    pub auth_file: PathBuf,
    /// Files that name the data sources of types; `None` is collectd's own if it is there.
    pub types_db: Option<Vec<PathBuf>>,
}

/// Which packets of collectd are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CollectdSecurity {
    /// All of them.
    #[default]
    None,
    /// Those that a user of the file has signed or encrypted.
    Sign,
    /// Those that a user of the file has encrypted.
    Encrypt,
}
