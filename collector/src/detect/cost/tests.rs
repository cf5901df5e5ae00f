//! What the cost tests find in made-up histories, and what they leave alone.

use super::*;
use crate::signal::CostDay;

/// A Monday.
const START: Date = jiff::civil::date(2026, 8, 3);

/// One service with a week that dips at its end, growth, and noise from a seed.
fn usual(seed: u64, days: usize) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let base = 20.0 + 500.0 * rng.f64();
    let dip = 0.4 + 0.6 * rng.f64();
    let growth = 1.0 + 0.003 * rng.f64();
    let noise = 0.01 + 0.05 * rng.f64();
    let mut level = base;
    let mut drift = 0.0;
    (0..days)
        .map(|day| {
            level *= growth;
            // Noise that lasts a few days, from a sum of draws that is near enough to normal.
            let draw: f64 = (0..6).map(|_| rng.f64() - 0.5).sum::<f64>() * 1.4;
            drift = 0.5 * drift + noise * draw;
            let weekend = if day % 7 >= 5 { dip } else { 1.0 };
            level * weekend * (1.0 + drift)
        })
        .collect()
}

fn history(series: &[(&str, &[f64])], estimated_last: bool) -> CostHistory {
    let mut days = Vec::new();
    for (service, amounts) in series {
        for (offset, usd) in (0..).zip(*amounts) {
            days.push(CostDay {
                day: plus_days(START, offset).to_string(),
                service: (*service).to_owned(),
                usd: *usd,
                estimated: estimated_last && usize::try_from(offset).unwrap() + 1 == amounts.len(),
            });
        }
    }
    CostHistory {
        account: Some("111122223333".to_owned()),
        days,
    }
}

fn find(history: &CostHistory) -> Vec<Finding> {
    findings(history, Thresholds::default())
}

#[test]
fn a_dear_monday_is_told_in_one_sentence_with_the_numbers() {
    let mut amounts: Vec<f64> = (0_u32..56)
        .map(|day| {
            let base = if day % 7 < 5 { 412.0 } else { 250.0 };
            base + f64::from(day / 7 % 3) * 12.0 - 12.0
        })
        .collect();
    amounts.push(905.0);
    let found = find(&history(&[("Amazon EC2", &amounts)], true));
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].summary,
        "Amazon EC2: Mondays cost $412 ± 18; this Monday, 2026-09-28, $905 so far (+$493)"
    );
    assert_eq!(found[0].severity, Severity::Medium);
    assert_eq!(found[0].usd_per_day.map(f64::round), Some(493.0));
    assert!(
        found[0]
            .entities
            .contains(&Entity::Service("Amazon EC2".into()))
    );
}

#[test]
fn jumps_are_found_and_usual_days_are_left_alone() {
    let (mut hits, mut false_alarms) = (0, 0);
    let mut looked_at = 0;
    for seed in 0..40 {
        let amounts = usual(seed, 140);
        // Every day of three months is once the last, as it comes.
        for end in 49..140 {
            looked_at += 1;
            let found = find(&history(&[("S", &amounts[..end])], false));
            let today = plus_days(START, i32::try_from(end).unwrap() - 1);
            false_alarms += found
                .iter()
                .filter(|finding| finding.time_first == start_of(today))
                .count();
        }
        let mut jump = amounts[..100].to_vec();
        jump[99] *= 1.8;
        let found = find(&history(&[("S", &jump)], false));
        hits += usize::from(found.iter().any(|finding| finding.usd_per_day.is_some()));
    }
    // Measured 40 of 40, and 9 in 3,640 days: 0.07 in a month of one series.
    assert!(hits >= 38, "{hits} of 40 jumps by 80 % found");
    let per_month = 30.0 * f64::from(u32::try_from(false_alarms).unwrap()) / f64::from(looked_at);
    assert!(
        per_month <= 0.1,
        "{false_alarms} false alarms in {looked_at} days"
    );
}

#[test]
fn a_difference_that_is_not_worth_telling_is_not_told() {
    for (base, last) in [(20.0, 29.0), (1000.0, 1090.0)] {
        let mut amounts = vec![base; 70];
        amounts[69] = last;
        assert_eq!(
            find(&history(&[("S", &amounts)], false)),
            [],
            "{base} to {last}"
        );
    }
    let mut amounts = vec![20.0; 70];
    amounts[69] = 31.0;
    assert_eq!(find(&history(&[("S", &amounts)], false)).len(), 1);
}

#[test]
fn a_cheap_day_is_told_only_when_its_amount_is_final() {
    let mut amounts = vec![400.0; 70];
    amounts[69] = 80.0;
    assert_eq!(find(&history(&[("S", &amounts)], true)), []);
    let found = find(&history(&[("S", &amounts)], false));
    assert_eq!(found[0].severity, Severity::Low);
    assert_eq!(found[0].usd_per_day, None);
    assert_eq!(found[0].title, "S costs less than usual");
}

#[test]
fn a_jump_that_lasts_is_one_finding_that_is_updated() {
    let mut amounts = vec![100.0; 70];
    amounts.push(300.0);
    let first = find(&history(&[("S", &amounts)], false));
    amounts.push(320.0);
    let second = find(&history(&[("S", &amounts)], false));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].id, second[0].id);
    assert_eq!(second[0].evidence.len(), 2);
    // Two weeks later it is the new level and old news.
    amounts.extend([310.0; 14]);
    assert_eq!(find(&history(&[("S", &amounts)], false)), []);
}

#[test]
fn a_service_that_was_never_billed_needs_no_history_of_its_own() {
    let old = vec![100.0; 30];
    let mut new = vec![0.0; 30];
    new[29] = 600.0;
    let found = find(&history(&[("Old", &old), ("New", &new)], false));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rule, "cost:new-service");
    assert_eq!(found[0].severity, Severity::High);
    assert!(found[0].summary.contains("New was never billed before"));
    new[29] = 4.0;
    assert_eq!(find(&history(&[("Old", &old), ("New", &new)], false)), []);
    // In an account that is new itself, everything is.
    let young = history(&[("Old", &old[..10]), ("New", &[0.0, 0.0, 600.0])], false);
    assert_eq!(find(&young), []);
}

#[test]
fn the_total_of_the_last_day_comes_with_what_was_expected() {
    let amounts = vec![100.0; 60];
    let total = last_day(&history(&[("A", &amounts), ("B", &amounts)], false)).unwrap();
    assert!((total.usd - 200.0).abs() < 1e-9);
    assert_eq!(total.expected.map(f64::round), Some(200.0));
    assert_eq!(last_day(&CostHistory::default()), None);
}

#[test]
fn rows_without_a_date_change_nothing() {
    let mut broken = history(&[("S", &[1.0; 50])], false);
    broken.days[3].day = "yesterday".to_owned();
    assert_eq!(find(&broken), []);
}
