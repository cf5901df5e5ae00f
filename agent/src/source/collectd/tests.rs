//! What becomes of values.

use super::packet::testing::Packet;
use super::*;
use crate::aggregate::SeriesGuard;
use crate::config::CollectdSecurity;

const MINUTE: Duration = Duration::from_mins(1);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

struct Bench {
    collectd: Collectd,
    intake: Intake,
    health: Arc<Health>,
}

impl Bench {
    fn new(style: Style) -> Self {
        let config = CollectdConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            receive_buffer_bytes: 4096,
            prefix: "collectd_".into(),
            security: CollectdSecurity::None,
            auth_file: "/nonexistent".into(),
            types_db: Some(Vec::new()),
        };
        let intake = Intake::new(MINUTE, SeriesGuard::new(100, 1000));
        let health = Arc::new(Health::default());
        let (to, told) = (intake.clone(), Arc::clone(&health));
        let secrets = Secrets::default();
        Self {
            collectd: Collectd::new(&config, secrets, style, to, told),
            intake,
            health,
        }
    }

    fn send(&mut self, packet: &Packet) {
        let datagram = Datagram {
            bytes: &packet.0,
            is_whole: true,
        };
        self.collectd.take([datagram].into_iter(), NOW);
    }

    fn told(&self) -> Vec<String> {
        let windows = self.intake.take(NOW, true).windows.into_iter();
        let samples = windows.flat_map(|(begin, samples)| {
            let second = (begin.0 - NOW.0) / 1000;
            samples.into_iter().map(move |sample| (second, sample))
        });
        let told = samples.map(|(second, sample)| {
            let labels = sample.labels.iter();
            let labels: Vec<String> = labels
                .map(|(name, value)| format!(" {name}={value}"))
                .collect();
            let labels = labels.concat();
            let all = sample.value.statistics();
            format!(
                "{second}: {}{labels} n={} sum={}",
                sample.name(),
                all.count,
                all.sum
            )
        });
        told.collect()
    }
}

/// A packet of the second after [`NOW`].
fn at(second: u64, host: &str, values: &[Value]) -> Packet {
    let names = [host, "interface", "eth0", "if_octets", ""];
    let begin = u64::try_from(NOW.as_secs()).unwrap();
    Packet::default()
        .names(names)
        .time(begin + second)
        .values(values)
}

#[test]
fn what_counts_up_is_told_per_second_from_the_second_value_on() {
    let mut bench = Bench::new(Style::Plimsoll);
    for (second, value) in [
        (0, Value::Derive(1_000)),
        (10, Value::Derive(1_500)),
        (20, Value::Derive(1_700)),
        // The same packet again, and one from before.
        (20, Value::Derive(1_700)),
        (15, Value::Derive(1_600)),
        // A reset: nothing is known of it.
        (30, Value::Derive(3)),
        (40, Value::Derive(103)),
    ] {
        bench.send(&at(second, "other-host", &[value]));
    }
    let labels = "host=other-host instance=eth0 type=if_octets";
    let expected = format!("0: collectd_interface_value {labels} n=3 sum=80");
    assert_eq!(bench.told(), [expected]);
}

#[test]
fn every_kind_of_value_has_its_own_meaning() {
    let values = |by: u64| {
        let small = i64::try_from(by).unwrap();
        [
            Value::Counter(u64::MAX - 100 + by),
            Value::Gauge(-1.5),
            Value::Derive(small - 50),
            Value::Absolute(by),
        ]
    };
    let mut bench = Bench::new(Style::Plimsoll);
    bench.send(&at(0, "localhost", &values(0)));
    bench.send(&at(10, "localhost", &values(100)));
    let labels = "instance=eth0 type=if_octets";
    assert_eq!(
        bench.told(),
        [
            format!("0: collectd_interface_0 {labels} n=1 sum=10"),
            format!("0: collectd_interface_1 {labels} n=2 sum=-3"),
            format!("0: collectd_interface_2 {labels} n=1 sum=10"),
            format!("0: collectd_interface_3 {labels} n=2 sum=10"),
        ]
    );
}

#[test]
fn values_are_told_as_they_are_with_the_names_of_the_amazon_cloudwatch_agent() {
    let mut bench = Bench::new(Style::CloudWatchAgent);
    for (second, value) in [(0, 1_000), (10, 1_500)] {
        bench.send(&at(second, "localhost", &[Value::Derive(value)]));
    }
    let labels = "host=localhost instance=eth0 type=if_octets";
    let expected = format!("0: collectd_interface_value {labels} n=2 sum=2500");
    assert_eq!(bench.told(), [expected]);
}

#[test]
fn values_that_are_no_numbers_and_packets_that_are_broken_are_counted() {
    let mut bench = Bench::new(Style::Plimsoll);
    let values = [f64::NAN, f64::INFINITY, 1e300, 4.0];
    let mut packet = at(0, "localhost", &values.map(Value::Gauge));
    packet.0.extend_from_slice(&[0, 0, 0, 1]);
    bench.send(&packet);
    let expected = "0: collectd_interface_3 instance=eth0 type=if_octets n=1 sum=4";
    assert_eq!(bench.told(), [expected]);
    let expected = [("collectd_malformed", 1), ("collectd_value", 3)];
    assert_eq!(bench.health.problems.snapshot(), expected);
}
