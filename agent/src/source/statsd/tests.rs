//! What becomes of lines.

use super::*;
use crate::aggregate::SeriesGuard;
use crate::sample::Sample;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_mins(1);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

struct Bench {
    statsd: Statsd,
    intake: Intake,
    health: Arc<Health>,
}

fn config() -> StatsdConfig {
    StatsdConfig {
        address: None,
        socket: None,
        socket_mode: 0o600,
        receive_buffer_bytes: 4096,
        prefix: String::new(),
        separator: None,
        keep_gauges: false,
    }
}

impl Bench {
    fn new(config: &StatsdConfig, style: Style) -> Self {
        let intake = Intake::new(MINUTE, SeriesGuard::new(100, 1000));
        let health = Arc::new(Health::default());
        let (to, told) = (intake.clone(), Arc::clone(&health));
        Self {
            statsd: Statsd::new(config, style, MINUTE, to, told),
            intake,
            health,
        }
    }

    fn send(&mut self, now: UnixMillis, bytes: &[u8]) {
        let is_whole = true;
        self.statsd.due(now);
        self.statsd
            .take([Datagram { bytes, is_whole }].into_iter(), now);
    }

    /// What the windows hold, with the second of their beginning after [`NOW`].
    fn told(&self) -> Vec<String> {
        let windows = self.intake.take(NOW, true).windows.into_iter();
        let mut told = Vec::new();
        for (begin, samples) in windows {
            let second = (begin.0 - NOW.0) / 1000;
            told.extend(
                samples
                    .iter()
                    .map(|sample| format!("{second}: {}", tell(sample))),
            );
        }
        told
    }
}

fn tell(sample: &Sample) -> String {
    let labels = sample
        .labels
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    let (labels, all) = (
        labels.collect::<Vec<_>>().concat(),
        sample.value.statistics(),
    );
    let unit = sample.metric.unit().as_str();
    format!(
        "{} {unit}{labels} n={} sum={}",
        sample.name(),
        all.count,
        all.sum
    )
}

#[test]
fn each_kind_of_line_becomes_what_it_says() {
    let mut bench = Bench::new(&config(), Style::Plimsoll);
    bench.send(
        NOW,
        b"api.hits:1|c|#env:prod,canary,zone:\napi.hits:2|c|@0.5|#env:prod,canary,zone:\r\n\
          queue:7|g\nqueue:9|g\n\ntook:10:30|ms|@0.5\nsize:5|h\nsize:6|d\nusers:ann|s\nusers:bob|s\nusers:ann|s",
    );
    assert_eq!(
        bench.told(),
        [
            "0: api.hits None canary=true env=prod zone=<empty> n=1 sum=5",
            "0: queue None n=1 sum=9",
            "0: took Milliseconds n=4 sum=80",
            "0: size None n=2 sum=11",
            "0: users None n=1 sum=2",
        ]
    );
    assert_eq!(bench.health.problems.total(), 0);
}

#[test]
fn names_and_dimensions_are_those_of_the_amazon_cloudwatch_agent_when_asked_for() {
    let mut bench = Bench::new(&config(), Style::CloudWatchAgent);
    bench.send(
        NOW,
        b"api.hits:1|c|#env:prod,canary\nqueue:7|g\ntook:10|ms\nsize:5|h\nusers:ann|s",
    );
    assert_eq!(
        bench.told(),
        [
            "0: api_hits None canary=<empty> env=prod metric_type=counter n=1 sum=1",
            "0: queue None metric_type=gauge n=1 sum=7",
            "0: took None metric_type=timing n=1 sum=10",
            "0: size None metric_type=histogram n=1 sum=5",
            "0: users None metric_type=set n=1 sum=1",
        ]
    );
    let named = StatsdConfig {
        prefix: "shop.".into(),
        separator: Some("/".into()),
        ..config()
    };
    let mut bench = Bench::new(&named, Style::Plimsoll);
    bench.send(NOW, b"api.hits:1|c");
    assert_eq!(bench.told(), ["0: shop/api/hits None n=1 sum=1"]);
}

#[test]
fn a_gauge_changes_from_what_it_has_shown_before() {
    let later = NOW + MINUTE;
    for (style, expected) in [
        (Style::Plimsoll, ["7", "9"]),
        // There each interval begins with nothing.
        (Style::CloudWatchAgent, ["7", "2"]),
    ] {
        let mut bench = Bench::new(&config(), style);
        bench.send(NOW, b"queue:+10|g\nqueue:-3|g");
        bench.send(later, b"queue:+2|g");
        let told = bench.told();
        let values: Vec<&str> = told
            .iter()
            .filter_map(|line| Some(line.rsplit_once('=')?.1))
            .collect();
        assert_eq!(values, expected, "{told:?}");
    }
}

#[test]
fn a_gauge_that_is_sent_once_is_told_once_unless_it_is_kept() {
    for (keep_gauges, expected) in [(false, 1), (true, 3)] {
        let config = StatsdConfig {
            keep_gauges,
            ..config()
        };
        let mut bench = Bench::new(&config, Style::Plimsoll);
        bench.send(NOW, b"queue:7|g\nhits:1|c");
        for window in 1..3 {
            bench.statsd.due(NOW + MINUTE * window);
            bench.statsd.due(NOW + MINUTE * window + MINUTE / 2);
        }
        let told = bench.told();
        let gauges = told
            .iter()
            .filter(|line| line.ends_with("queue None n=1 sum=7"));
        assert_eq!(gauges.count(), expected, "{told:?}");
        assert_eq!(told.iter().filter(|line| line.contains("hits")).count(), 1);
    }
    let kept = StatsdConfig {
        keep_gauges: true,
        ..config()
    };
    let mut bench = Bench::new(&kept, Style::Plimsoll);
    let due = bench.statsd.due(NOW + Duration::from_secs(20));
    assert_eq!(due, Some(Duration::from_secs(40)));
}

#[test]
fn a_line_with_a_time_belongs_to_the_window_of_that_time() {
    let mut bench = Bench::new(&config(), Style::Plimsoll);
    let seconds = NOW.as_secs() - 100;
    bench.send(
        NOW,
        format!("hits:1|c\nhits:5|c|T{seconds}\nhits:1|c").as_bytes(),
    );
    let expected = ["-120: hits None n=1 sum=5", "0: hits None n=1 sum=2"];
    assert_eq!(bench.told(), expected);
}

#[test]
fn what_cannot_be_taken_is_counted_and_costs_nothing_else() {
    let mut bench = Bench::new(&config(), Style::Plimsoll);
    let many: Vec<String> = (0..10_000).map(|n| format!("tag{n}:x")).collect();
    let many = format!("a:1|c|#{}\n", many.join(","));
    let mut bytes =
        b"a:1|c\nrubbish\na:nan|g\nb\xff:1|c\na:1|c|#t:\xff\n_e{1,1}:a|b\n_sc|a|0\n".to_vec();
    bytes.extend_from_slice(many.as_bytes());
    bytes.extend_from_slice(b"a:1|c\nb:1");
    let whole = Datagram {
        bytes: &bytes,
        is_whole: true,
    };
    let cut = Datagram {
        bytes: b"a:1|c\na:1|c",
        is_whole: false,
    };
    bench.statsd.take([whole, cut].into_iter(), NOW);
    assert_eq!(bench.told(), ["0: a None n=1 sum=3"]);
    assert_eq!(
        bench.health.problems.snapshot(),
        [
            ("statsd_event", 2),
            ("statsd_malformed", 4),
            ("statsd_oversized", 2),
            ("statsd_value", 1),
        ]
    );
}

proptest! {
    #[test]
    fn every_line_is_counted_or_its_values_are(
        lines in prop::collection::vec(
            prop_oneof![
                "[a-c]{1,2}:[0-9]{1,3}\\|c(\\|#[a-b:,]{0,6})?",
                "[a-c]?:?[0-9:+.-]{0,4}\\|?[cgms@#T|:]{0,4}[0-9.]{0,3}",
                "\\PC{0,12}",
            ], 0..40)
    ) {
        let mut bench = Bench::new(&config(), Style::Plimsoll);
        let text = lines.join("\n");
        bench.send(NOW, text.as_bytes());
        // The naive model: counters of whole numbers, read by splitting.
        let expected: f64 = text.split('\n').filter_map(|line| {
            match line::read(line.strip_suffix('\r').unwrap_or(line).as_bytes()) {
                Ok(Read::Metric(read)) if read.kind == Kind::Counter && read.time.is_none() => {
                    let values = line.split_once(':')?.1.split('|').next()?;
                    let sum: f64 = values.split(':').map(|one| one.parse::<f64>().unwrap()).sum();
                    Some(sum / read.rate)
                }
                _ => None,
            }
        }).sum();
        let windows = bench.intake.take(NOW, true).windows;
        let samples = windows.iter().flat_map(|(_, samples)| samples);
        let told: f64 = samples.filter(|one| one.additive).map(Sample::number).sum();
        prop_assert!((told - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{told} {expected}");
    }
}
