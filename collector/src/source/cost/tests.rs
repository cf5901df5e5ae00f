//! When Cost Explorer is asked, and for what.

use super::super::support::{NOON, Told, gathered, storing};
use super::*;
use plimsoll_aws::testing::{FakeCost, unavailable};
use plimsoll_core::clock::ManualClock;
use plimsoll_core::shutdown;

use crate::state::Tx;

const HOUR: Duration = Duration::from_hours(1);

struct Place {
    api: FakeCost,
    state: Arc<State>,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new(page_rows: Option<usize>) -> Self {
        let today = date_of(NOON);
        let rows = (1..=LOOKBACK_DAYS).map(|back| DailyCost {
            day: today.checked_sub(back.days()).unwrap().to_string(),
            service: "S".to_owned(),
            usd: if back == 1 { 500.0 } else { 100.0 },
            estimated: back < 3,
        });
        Self {
            api: FakeCost::new(rows.collect(), page_rows),
            state: Arc::new(State::open_in_memory().unwrap()),
            clock: Arc::new(ManualClock::at(NOON)),
        }
    }

    /// Lets a collector run for `length`, in steps that move the wall clock too.
    async fn run(&self, length: Duration) -> Told {
        let (outlet, told) = storing(&self.state, &self.clock);
        let (trigger, shutdown) = shutdown::channel();
        let source = CostSource::new(
            Arc::new(self.api.clone()),
            REFRESH,
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            Arc::clone(&self.state),
            outlet,
            Counted {
                requests: Arc::default(),
                failures: Arc::default(),
                pulse: Pulse::new("cost", "", Arc::clone(&self.clock) as Arc<dyn Clock>),
            },
        );
        let running = tokio::spawn(source.run(shutdown));
        let mut left = length;
        while !left.is_zero() {
            let step = left.min(Duration::from_mins(1));
            tokio::time::sleep(step).await;
            self.clock.advance(step);
            left -= step;
        }
        trigger.request();
        running.await.unwrap().unwrap();
        told
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_pays_nothing_before_the_refresh_is_due() {
    let place = Place::new(None);
    let told = place.run(HOUR).await;
    assert_eq!(place.api.calls(), 1);
    assert_eq!(told.findings(), 1, "the jump of yesterday");
    let told = place.run(HOUR).await;
    assert_eq!(place.api.calls(), 1, "the restart asked again");
    assert_eq!(told.findings(), 0, "what was told is not told again");
    place.run(8 * HOUR).await;
    assert_eq!(place.api.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_each_is_counted() {
    let place = Place::new(Some(30));
    place.run(HOUR).await;
    assert_eq!(place.api.calls(), 4);
    let count = |tx: &Tx<'_>| tx.cost().map(|known| known.len());
    let known = place.state.run(count).await.unwrap();
    assert_eq!(known, usize::try_from(LOOKBACK_DAYS).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_is_repeated_after_a_pause_that_survives_a_restart() {
    let place = Place::new(None);
    place.api.answer(Err(unavailable("GetCostAndUsage")));
    place.run(Duration::from_mins(10)).await;
    place.run(Duration::from_mins(10)).await;
    assert_eq!(place.api.calls(), 1);
    place.run(Duration::from_mins(15)).await;
    assert_eq!(place.api.calls(), 2);
}

#[test]
fn only_days_that_can_have_changed_are_asked_for() {
    let today = date_of(NOON);
    let back = |days: i32| today.checked_sub(days.days()).unwrap();
    let read_at = |at: UnixMillis| -> CostReads {
        (1..=LOOKBACK_DAYS)
            .filter(|days| start_of(back(*days)) < at)
            .map(|days| (back(days).to_string(), at))
            .collect()
    };
    let asked = |reads: &CostReads| days_to_ask(NOON, reads).first().copied();
    assert_eq!(asked(&CostReads::new()), Some(back(LOOKBACK_DAYS)));
    assert_eq!(asked(&read_at(NOON)), Some(back(3)));
    // After ten days off, what was fresh then is asked for again.
    let off = Duration::from_hours(10 * 24);
    assert_eq!(asked(&read_at(NOON - off)), Some(back(13)));
    let days = days_to_ask(NOON, &read_at(NOON));
    assert_eq!(days.last().copied(), Some(back(1)), "never today");
    // A hole is filled, and everything after it comes along in the same query.
    let mut hole = read_at(NOON);
    hole.remove(&back(40).to_string());
    assert_eq!(asked(&hole), Some(back(40)));
}

#[test]
fn a_file_gives_its_days_and_tells_what_it_lacks() {
    let text = r#"{"ResultsByTime": [
        {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"}, "Estimated": false,
         "Groups": [{"Keys": ["A"], "Metrics": {"UnblendedCost": {"Amount": "1.5", "Unit": "USD"}}},
                    {"Keys": ["B"], "Metrics": {"UnblendedCost": {"Amount": 2}}}]},
        {"TimePeriod": {"Start": "2026-11-02"}, "Estimated": true, "Groups": []},
        {"TimePeriod": {"Start": "someday"}},
        {"TimePeriod": {"Start": "2026-11-03"}, "Groups": [{"Keys": ["A"]}]},
        {"TimePeriod": {"Start": "2026-11-04"}, "Groups": [
            {"Keys": ["A"], "Metrics": {"UnblendedCost": {"Amount": "NaN"}}}]}
    ]}"#;
    let unit = gathered(|gather| read(text, "file", gather));
    let Signal::Cost(history) = &unit.signals[0] else {
        panic!("no cost in {unit:?}");
    };
    let rows: Vec<_> = history
        .days
        .iter()
        .map(|row| (row.day.as_str(), row.service.as_str(), row.usd))
        .collect();
    assert_eq!(rows, [("2026-11-01", "A", 1.5), ("2026-11-01", "B", 2.0)]);
    let days = vec!["2026-11-01".to_owned(), "2026-11-02".to_owned()];
    assert_eq!(unit.progress, [Progress::Cost { days, paid: false }]);
    assert_eq!(unit.problems.len(), 3);
    assert!(
        unit.problems
            .iter()
            .all(|p| p.reason == Reason::IncompleteCost)
    );
}
