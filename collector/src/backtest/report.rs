//! Outcomes as a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::run::Outcome;
use super::scenario::Scenario;
use super::search::{Found, as_input};

/// Columns of a line of capacity over time.
const LINE: usize = 72;
/// Eighths of a full block, for a line over time.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The table, capacity over time, what thrashes, and the suggestion.
#[must_use]
pub fn table(scenario: &Scenario, outcomes: &[Outcome], found: Option<&Found>) -> String {
    let mut text = head(scenario);
    let all = outcomes.iter().chain(found.map(|found| &found.outcome));
    let rows: Vec<[String; 11]> = std::iter::once(TITLES.map(str::to_owned))
        .chain(all.map(row))
        .collect();
    let widths: Vec<usize> = (0..TITLES.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in &rows {
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if index == 0 {
                put(&mut text, format_args!("{cell:<width$}"));
            } else {
                put(&mut text, format_args!("  {cell:>width$}"));
            }
        }
        text.push('\n');
    }
    text.push_str("\nCapacity over time\n");
    let most = outcomes.iter().map(|outcome| outcome.measure.most_capacity);
    let most = most.fold(1.0, f64::max);
    let widest = outcomes
        .iter()
        .map(|outcome| outcome.name.chars().count())
        .max();
    for outcome in outcomes {
        let width = widest.unwrap_or(0);
        put(
            &mut text,
            format_args!("{:<width$}  {}\n", outcome.name, over_time(outcome, most)),
        );
    }
    for outcome in outcomes {
        if let Some(why) = outcome.measure.thrash() {
            put(
                &mut text,
                format_args!("\n{} thrashes: {why}.\n", outcome.name),
            );
        }
    }
    if let Some(found) = found {
        text.push_str(&suggestion(outcomes, found));
    }
    text
}

/// Writing to a string does not fail.
fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).unwrap_or_default();
}

const TITLES: [&str; 11] = [
    "alternative",
    "out",
    "in",
    "reversals/h",
    "wasted",
    "min. over",
    "worst",
    "mean",
    "answer",
    "On-Demand",
    "Spot",
];

fn head(scenario: &Scenario) -> String {
    let hours = f64::from(scenario.history.length()) / 3600.0;
    let group = &scenario.group;
    let price = if group.on_demand > 0.0 {
        format!(
            "{} at ${:.4} an hour (list of {})",
            scenario.instance_type,
            group.on_demand,
            plimsoll_core::price::PRICES_AS_OF
        )
    } else {
        scenario.instance_type.clone()
    };
    format!(
        "{hours:.1} h, peak {:.1}; at most {} an instance; {} to {} instances, {} s to start, {} s \
         to warm up; {price}\n\n",
        scenario.history.peak(),
        group.objective,
        group.min,
        group.max,
        group.start_up,
        group.warm_up
    )
}

fn row(outcome: &Outcome) -> [String; 11] {
    let measure = &outcome.measure;
    let worst = if measure.worst_ratio.is_finite() {
        format!("{:.0} %", measure.worst_ratio * 100.0)
    } else {
        "none up".to_owned()
    };
    let dollars = |usd: f64| format!("${usd:.2}");
    [
        outcome.name.clone(),
        measure.scale_outs.to_string(),
        measure.scale_ins.to_string(),
        format!("{:.2}", measure.reversals_per_hour),
        format!("{:.0} %", measure.wasted_share * 100.0),
        format!("{:.1}", measure.minutes_over),
        worst,
        format!("{:.2}", measure.mean_capacity),
        measure
            .first_answer_seconds
            .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
        dollars(measure.usd_on_demand),
        measure.usd_spot.map_or_else(|| "-".to_owned(), dollars),
    ]
}

/// Capacity as a line of blocks, each the most of its time, the highest being `most`.
fn over_time(outcome: &Outcome, most: f64) -> String {
    let length = outcome.looks.len();
    (0..LINE)
        .filter_map(|column| {
            let from = column * length / LINE;
            let to = ((column + 1) * length / LINE).max(from + 1);
            let looks = outcome.looks.get(from..to.min(length))?;
            let capacity = looks.iter().map(|look| look.capacity).fold(0.0, f64::max);
            let full = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];
            let level = full.iter().filter(|part| capacity / most > **part).count();
            BLOCKS.get(level)
        })
        .collect()
}

fn suggestion(outcomes: &[Outcome], found: &Found) -> String {
    let mut text = format!(
        "\nSuggested, of {} tried: {}{}\n",
        found.tried,
        found.alternative.name,
        if found.good {
            ""
        } else {
            " (none keeps to what is allowed; this one comes nearest)"
        }
    );
    let new = &found.outcome.measure;
    for outcome in outcomes {
        let old = &outcome.measure;
        put(
            &mut text,
            format_args!(
                "  against {}: {:+.1} minutes over, {:+.2} reversals an hour, {:+.2} US$ a month\n",
                outcome.name,
                new.minutes_over - old.minutes_over,
                new.reversals_per_hour - old.reversals_per_hour,
                new.usd_month - old.usd_month
            ),
        );
    }
    put(
        &mut text,
        format_args!("{:#}\n", as_input(&found.alternative.rules)),
    );
    text
}

/// The same as JSON: `alternatives`, each with its figures and decisions, and `suggestion`.
#[must_use]
pub fn json(scenario: &Scenario, outcomes: &[Outcome], found: Option<&Found>) -> Json {
    json!({
        "seconds": scenario.history.length(),
        "prices_as_of": plimsoll_core::price::PRICES_AS_OF,
        "on_demand_usd_an_hour": scenario.group.on_demand,
        "alternatives": outcomes.iter().map(one).collect::<Vec<_>>(),
        "suggestion": found.map(|found| {
            let mut written = one(&found.outcome);
            written["input"] = as_input(&found.alternative.rules);
            written["tried"] = json!(found.tried);
            written["good"] = json!(found.good);
            written
        }),
    })
}

fn one(outcome: &Outcome) -> Json {
    let decisions: Vec<Json> = outcome
        .decisions
        .iter()
        .map(|made| json!({ "at": made.at, "from": made.from, "to": made.to }))
        .collect();
    json!({
        "name": outcome.name,
        "measure": outcome.measure,
        "thrashes": outcome.measure.thrash(),
        "decisions": decisions,
    })
}
