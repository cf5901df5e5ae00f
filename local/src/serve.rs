//! `plimsoll-local serve`: a world, a socket, and a stop on SIGTERM or SIGINT.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown;

use crate::contents::{Contents, ContentsError};
use crate::server::Server;
use crate::state::{Settings, World};

/// The variable that names the static pair's access key id; `local` when unset.
pub const ACCESS_KEY_ID: &str = "PLIMSOLL_LOCAL_ACCESS_KEY_ID";
/// The variable that names the static pair's secret key; `local` when unset.
pub const SECRET_ACCESS_KEY: &str = "PLIMSOLL_LOCAL_SECRET_ACCESS_KEY";

/// The flags of `serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeFlags {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// A file that gets the URL once requests are answered
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// The Region that ARNs and instance metadata name
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The account's 12 digits
    #[arg(long, default_value = "123456789012", value_parser = account)]
    pub account: String,
    /// Decides request ids, temporary credentials and which calls a fault strikes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Evaluate alarms on whole minutes only, as AWS does, even where the running minute decides
    #[arg(long)]
    pub whole_minutes: bool,
    /// Run the stand-in's clock this many times as fast as the machine's, from the start on
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub accelerate: u32,
    /// What is there before the first call.
    #[command(flatten)]
    pub contents: Contents,
}

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The ready file cannot be written.
    #[error("cannot write {}", path.display())]
    Ready {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A flag names something that cannot be there.
    #[error("cannot fill the stand-in")]
    Contents(#[from] ContentsError),
    /// Signal handlers cannot be installed.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// The world that the flags and the environment ask for.
#[must_use]
pub fn world(
    flags: &ServeFlags,
    variable: impl Fn(&str) -> Option<String>,
    clock: Arc<dyn Clock>,
) -> Arc<World> {
    let word = |name| variable(name).filter(|word| !word.is_empty());
    let defaults = Settings::default();
    let settings = Settings {
        account: flags.account.clone(),
        region: flags.region.clone(),
        seed: flags.seed,
        access_key_id: word(ACCESS_KEY_ID).unwrap_or(defaults.access_key_id),
        secret_access_key: word(SECRET_ACCESS_KEY).unwrap_or(defaults.secret_access_key),
        prompt_alarms: !flags.whole_minutes,
        accelerate: flags.accelerate,
    };
    Arc::new(World::new(settings, clock))
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(flags: ServeFlags, world: Arc<World>) -> Result<(), ServeError> {
    flags.contents.fill(&world)?;
    let address = flags.listen;
    let listen = |source| ServeError::Listen { address, source };
    let server = Server::bind(address, world).await.map_err(listen)?;
    let url = format!("http://{}", server.address().map_err(listen)?);
    let (trigger, shutdown) = shutdown::channel();
    let running = tokio::spawn(server.run(shutdown));
    if let Some(path) = &flags.ready_file {
        write_atomically(path, &url).map_err(|source| ServeError::Ready {
            path: path.clone(),
            source,
        })?;
    }
    log::info!("listening on {url}");
    let signal = shutdown::termination().await.map_err(ServeError::Signals)?;
    log::info!("stopping after {signal}");
    trigger.request();
    if let Err(error) = running.await {
        log::error!("serving ended badly: {error}");
    }
    Ok(())
}

/// Writes beside the file and renames, so that a reader sees all or nothing.
fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("part");
    let mut file = std::fs::File::create(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account has 12 digits".to_owned())
    }
}
