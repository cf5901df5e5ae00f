//! Asks the application whether it does its work.
//!
//! A signal of an instance whose application does not answer says nothing about the load of the
//! group, so it is withheld. Each probe is asked on its own, and once for all signals that name it.
//! What is asked is given to the application only: nothing is followed, no body is read.

mod unit;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::config::{Probe, ProbeKind};
use crate::scraper::HostRoot;

/// The beginning of an answer that holds the status: `HTTP/1.1 200`.
/// Source: RFC 9112, section 4, status line.
const STATUS_BYTES: usize = 12;
/// What all probes answered last. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<Probe, State>>>);

/// What one probe answered.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Since when it answers.
    good_since: Option<Instant>,
    /// Bad answers in a row.
    bad: u32,
}

impl Answers {
    /// Asks these probes in `tasks` until those end.
    pub(super) fn ask(&self, probes: Vec<Probe>, root: &HostRoot, tasks: &mut JoinSet<()>) {
        for probe in probes {
            self.note(&probe, false);
            let (answers, root) = (self.clone(), root.clone());
            tasks.spawn(async move {
                let mut ticks = interval(probe.interval);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    let asked = timeout(probe.timeout, ask(&probe.kind, &root)).await;
                    answers.note(&probe, asked.unwrap_or(false));
                }
            });
        }
    }

    /// Since when all of these answer; `None` while any does not, and for none.
    pub(super) fn good_since(&self, probes: &[Probe]) -> Option<Instant> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |probe| all.get(probe).and_then(|state: &State| state.good_since);
        let since: Option<Vec<Instant>> = probes.iter().map(since).collect();
        since?.into_iter().max()
    }

    fn note(&self, probe: &Probe, good: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = all.entry(probe.clone()).or_default();
        if good {
            state.bad = 0;
            state.good_since.get_or_insert_with(Instant::now);
            return;
        }
        state.bad = state.bad.saturating_add(1);
        if state.bad >= probe.failures {
            state.good_since = None;
        }
    }
}

async fn ask(kind: &ProbeKind, root: &HostRoot) -> bool {
    match kind {
        ProbeKind::Http {
            address,
            host,
            path,
        } => http(*address, host, path).await.unwrap_or(false),
        ProbeKind::Tcp(address) => TcpStream::connect(address).await.is_ok(),
        ProbeKind::File(path) => exists(path.clone()).await,
        ProbeKind::Unit(unit) => is_active(root, unit).await,
    }
}

/// Whether a `GET` is answered with a status from 200 to 399.
async fn http(address: SocketAddr, host: &str, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: plimsoll-agent\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; STATUS_BYTES];
    stream.read_exact(&mut answer).await?;
    Ok(is_good(&answer))
}

fn is_good(answer: &[u8]) -> bool {
    let status = answer
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..));
    matches!(status, Some([b'2' | b'3', ..]))
}

async fn exists(path: PathBuf) -> bool {
    let asked = tokio::task::spawn_blocking(move || path.try_exists().unwrap_or(false));
    asked.await.unwrap_or(false)
}

async fn is_active(root: &HostRoot, unit: &str) -> bool {
    let (root, unit) = (root.clone(), unit.to_owned());
    let asked = tokio::task::spawn_blocking(move || unit::is_active(&root, &unit));
    asked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::TcpListener;

    fn probe(kind: ProbeKind, failures: u32) -> Probe {
        Probe {
            kind,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            failures,
        }
    }

    #[test]
    fn only_so_many_bad_answers_in_a_row_count_and_one_good_one_ends_that() {
        let answers = Answers::default();
        let probe = probe(ProbeKind::File(PathBuf::from("/x")), 2);
        let asked = [probe.clone()];
        let is_good = |good: bool| {
            answers.note(&probe, good);
            answers.good_since(&asked).is_some()
        };
        assert_eq!(
            [false, true, false, true, false, false, true].map(is_good),
            [false, true, true, true, true, false, true]
        );
        assert_eq!(answers.good_since(&[]), None);
    }

    #[tokio::test]
    async fn each_kind_asks_what_it_says() {
        let root = tempfile::tempdir().unwrap();
        let host = HostRoot::at(root.path());
        let unit = root.path().join("sys/fs/cgroup/system.slice/app.service");
        std::fs::create_dir_all(&unit).unwrap();
        std::fs::write(unit.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        let asked = |unit: &str| ProbeKind::Unit(unit.to_owned());
        assert!(ask(&asked("app.service"), &host).await);
        assert!(!ask(&asked("none.service"), &host).await);
        let file = ProbeKind::File(unit.clone());
        assert!(ask(&file, &host).await);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for status in ["200 OK", "503 No"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest).await);
            }
        });
        let asked = ProbeKind::Http {
            address,
            host: "localhost".to_owned(),
            path: "/health".to_owned(),
        };
        assert!(ask(&asked, &host).await);
        assert!(!ask(&asked, &host).await);
    }
}
