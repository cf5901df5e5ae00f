//! The thread, over real sockets.

use super::*;
use plimsoll_core::clock::SystemClock;
use plimsoll_core::shutdown;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;

/// Keeps what comes.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<Vec<u8>>>>);

impl Taker for Kept {
    fn take<'b>(&mut self, datagrams: impl Iterator<Item = Datagram<'b>>, _now: UnixMillis) {
        let mut kept = self.0.lock().unwrap();
        kept.extend(datagrams.map(|datagram| datagram.bytes.to_vec()));
    }

    fn due(&mut self, _now: UnixMillis) -> Option<Duration> {
        None
    }

    fn lost(&self) -> &'static str {
        "test_lost"
    }
}

fn around() -> Surroundings {
    Surroundings {
        clock: Arc::new(SystemClock),
        health: Arc::new(Health::default()),
    }
}

#[tokio::test]
async fn what_was_sent_before_the_shutdown_is_received_from_every_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let udp = Mailbox::udp("k", "127.0.0.1:0".parse().unwrap(), 1 << 20).unwrap();
    let unix = Mailbox::unix("k", &path, 0o600, 1 << 20).unwrap();
    let address = udp.address();
    let kept = Kept::default();
    let (stop, heard) = shutdown::channel();
    let receiving = receive("test", vec![udp, unix], kept.clone(), around(), heard);
    let receiving = tokio::spawn(receiving);

    let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let local = UnixDatagram::unbound().unwrap();
    for number in 0..200_u8 {
        sender.send_to(&[number], address).unwrap();
    }
    // Not more than wait in a socket of this kind: the sender would wait for the reader.
    for number in 200..208_u8 {
        local.send_to(&[number], &path).unwrap();
    }
    stop.request();
    receiving.await.unwrap();
    let mut kept = kept.0.lock().unwrap().concat();
    kept.sort_unstable();
    assert_eq!(kept, (0..208).collect::<Vec<u8>>());
    assert!(!path.exists());
}

#[test]
fn what_the_kernel_drops_is_counted_once() {
    let mailbox = Mailbox::udp("k", "127.0.0.1:0".parse().unwrap(), 4096).unwrap();
    let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let sent = 500;
    for _ in 0..sent {
        sender.send_to(&[0; 512], mailbox.address()).unwrap();
    }
    let (wake, _stop) = io::pipe().unwrap();
    let kept = Kept::default();
    let mut reader = Reader {
        mailboxes: vec![mailbox],
        taker: kept.clone(),
        around: around(),
        wake,
    };
    let mut burst = Burst::default();
    while reader.read(&mut burst) > 0 {}
    let taken = u64::try_from(kept.0.lock().unwrap().len()).unwrap();
    let problems = reader.around.health.problems.snapshot();
    assert_eq!(problems, [("test_lost", sent - taken)]);
}
