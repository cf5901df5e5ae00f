//! Records over sockets of this host.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::aggregate::SeriesGuard;
use plimsoll_core::clock::{ManualClock, UnixMillis};
use plimsoll_core::shutdown::{Trigger, channel};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn receiver() -> (Receiver, Trigger) {
    let (trigger, shutdown) = channel();
    let intake = Intake::new(Duration::from_mins(1), SeriesGuard::new(100, 100));
    let clock = Arc::new(ManualClock::at(NOW));
    let receiver = Receiver::new(intake, clock, Arc::default(), shutdown);
    (receiver, trigger)
}

fn record(value: u32, age_ms: i64) -> String {
    let time = NOW.0 - age_ms;
    format!(
        r#"{{"_aws":{{"Timestamp":{time},"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[[]],"Metrics":[{{"Name":"m"}}]}}]}},"m":{value}}}"#
    ) + "\n"
}

/// The sum of each window.
fn sums(receiver: &Receiver) -> Vec<(i64, f64)> {
    let taken = receiver.intake.take(NOW, true);
    let windows = taken.windows.iter();
    windows
        .map(|(begin, samples)| (begin.0 - NOW.0, samples[0].number()))
        .collect()
}

#[tokio::test]
async fn records_of_streams_and_datagrams_land_in_the_window_of_their_own_time() {
    let (receiver, trigger) = receiver();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("emf.sock");
    let stale = bind_unix(&path).unwrap();
    drop(stale);
    let unix = bind_unix(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.connect(udp.local_addr().unwrap()).await.unwrap();
    let mut over_tcp = TcpStream::connect(tcp.local_addr().unwrap()).await.unwrap();
    let mut over_unix = UnixStream::connect(&path).await.unwrap();

    let two = record(1, 0) + record(2, 60_000).trim_end();
    sender.send(two.as_bytes()).await.unwrap();
    sender.send(b"no record").await.unwrap();
    let text = record(4, 0) + "\n" + &record(8, 60_000);
    let (first, second) = text.split_at(100);
    over_tcp.write_all(first.as_bytes()).await.unwrap();
    over_tcp.write_all(second.as_bytes()).await.unwrap();
    over_unix
        .write_all(record(16, 0).trim_end().as_bytes())
        .await
        .unwrap();
    over_unix.shutdown().await.unwrap();
    drop((over_tcp, over_unix));

    let mut tasks = JoinSet::new();
    let own = receiver.clone();
    tasks.spawn(async move { own.accept(tcp).await });
    let own = receiver.clone();
    tasks.spawn(async move { own.accept(unix).await });
    let own = receiver.clone();
    tasks.spawn(async move { own.datagrams(udp).await });
    let mut all: BTreeMap<i64, f64> = BTreeMap::new();
    while all.values().sum::<f64>() < 31.0 || receiver.health.problems.total() == 0 {
        for (begin, sum) in sums(&receiver) {
            *all.entry(begin).or_default() += sum;
        }
        tokio::task::yield_now().await;
    }
    trigger.request();
    while tasks.join_next().await.is_some() {}
    assert_eq!(
        all.into_iter().collect::<Vec<_>>(),
        [(-60_000, 10.0), (0, 21.0)]
    );
    let problems = receiver.health.problems.snapshot();
    assert_eq!(problems, [("emf_not_object", 1)]);
}

#[tokio::test]
async fn what_a_socket_holds_at_the_shutdown_is_still_taken() {
    let (receiver, trigger) = receiver();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.connect(udp.local_addr().unwrap()).await.unwrap();
    for _ in 0..40 {
        sender.send(record(1, 0).as_bytes()).await.unwrap();
    }
    udp.readable().await.unwrap();
    trigger.request();
    receiver.datagrams(udp).await;
    assert_eq!(sums(&receiver), [(0, 40.0)]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_taken_is_told_and_tried_again_until_it_is_free() {
    let (receiver, _trigger) = receiver();
    let tries = AtomicU64::new(0);
    let bind = || async {
        match tries.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(io::Error::from(io::ErrorKind::AddrInUse)),
            number => Ok(number),
        }
    };
    assert_eq!(receiver.bound("here", bind).await, Some(2));
    assert_eq!(receiver.health.problems.snapshot(), [("emf_listener", 2)]);
}
