//! The groups on the control path: JSON, knobs and a plot.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::decide::float;
use super::group::{Group, Knobs};
use super::history::Sample;
use super::{Order, Scaling};

/// Width and height of the plot, and the height of its upper part with the capacity.
const WIDTH: f64 = 900.0;
const PART: f64 = 180.0;
const MARGIN: f64 = 50.0;

/// What `POST /_local/groups/NAME` takes; what is absent stays.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    startup_seconds: Option<i64>,
    high_periods: Option<i64>,
    low_seconds: Option<i64>,
    low_share: Option<f64>,
    /// A negative number for never.
    complete_hooks_after_seconds: Option<i64>,
}

impl GroupChange {
    fn apply(&self, old: Knobs) -> Option<Knobs> {
        let knobs = Knobs {
            startup_seconds: self.startup_seconds.unwrap_or(old.startup_seconds),
            high_periods: self.high_periods.unwrap_or(old.high_periods),
            low_seconds: self.low_seconds.unwrap_or(old.low_seconds),
            low_share: self.low_share.unwrap_or(old.low_share),
            complete_hooks_after_seconds: self
                .complete_hooks_after_seconds
                .or(old.complete_hooks_after_seconds)
                .filter(|seconds| *seconds >= 0),
        };
        let valid = (0..=86_400).contains(&knobs.startup_seconds)
            && (1..=100).contains(&knobs.high_periods)
            && (10..=7_200).contains(&knobs.low_seconds)
            && knobs.low_share > 0.0
            && knobs.low_share <= 1.0;
        valid.then_some(knobs)
    }
}

impl Scaling {
    /// All groups, without their histories.
    #[must_use]
    pub fn list(&self) -> Json {
        self.groups.values().map(brief).collect()
    }

    /// One group with its history and activities.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<Json> {
        let group = self.groups.get(name)?;
        let mut shown = brief(group);
        shown["history"] = group.history.json();
        let activities = group.activities.iter().map(|one| {
            json!({
                "id": one.id,
                "description": one.description,
                "cause": one.cause,
                "started_ms": one.started.0,
                "ended_ms": one.ended.map(|at| at.0),
                "status": one.status,
            })
        });
        shown["activities"] = activities.collect();
        Some(shown)
    }

    /// Changes what AWS's API does not know. `None` for no such group, `Some(false)` for a value
    /// that is out of its range.
    pub fn change(&mut self, name: &str, change: &GroupChange) -> Option<bool> {
        let group = self.groups.get_mut(name)?;
        let Some(knobs) = change.apply(group.knobs) else {
            return Some(false);
        };
        let alarms_change = knobs.high_periods != group.knobs.high_periods
            || knobs.low_seconds != group.knobs.low_seconds
            || knobs.low_share.total_cmp(&group.knobs.low_share).is_ne();
        group.knobs = knobs;
        if alarms_change {
            let policies = group.policies.values();
            let orders: Vec<Order> = policies
                .flat_map(|policy| policy.alarm_orders(&group.name, &knobs))
                .collect();
            self.orders.extend(orders);
        }
        Some(true)
    }

    /// The plot of a group: capacity above, metric against target below.
    #[must_use]
    pub fn plot(&self, name: &str) -> Option<String> {
        let group = self.groups.get(name)?;
        let samples: Vec<&Sample> = group.history.samples().collect();
        let from = samples.first().map_or(0, |one| one.at.0);
        let to = samples.last().map_or(1, |one| one.at.0).max(from + 1);
        let x = |at: i64| {
            MARGIN + WIDTH * float((at - from) / 1000) / float((to - from) / 1000).max(1.0)
        };
        let (reversals, wasted) = group.history.thrash();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" \
             font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" \
             fill=\"white\"/><text x=\"{MARGIN}\" y=\"18\">{}: {reversals:.2} reversals per hour, \
             {:.1} % of instance-minutes wasted; {:.0} minutes</text>",
            WIDTH + 2.0 * MARGIN,
            2.0 * (PART + MARGIN),
            escaped(&group.name),
            wasted * 100.0,
            float((to - from) / 1000) / 60.0
        );
        let desired = line(&samples, &x, |one| Some(float(one.desired)));
        let serving = line(&samples, &x, |one| Some(float(one.in_service)));
        let both = [
            ("in service", "#2563eb", serving, true),
            ("desired", "#dc2626", desired, true),
        ];
        part(&mut svg, 30.0, "instances", &both);
        let metric = line(&samples, &x, |one| one.metric);
        let target = line(&samples, &x, |one| one.target);
        let both = [
            ("metric", "#059669", metric, false),
            ("target", "#6b7280", target, false),
        ];
        part(&mut svg, 30.0 + PART + MARGIN, "metric", &both);
        svg.push_str("</svg>");
        Some(svg)
    }
}

type Points = Vec<Option<(f64, f64)>>;

fn line(
    samples: &[&Sample],
    x: &dyn Fn(i64) -> f64,
    value: impl Fn(&Sample) -> Option<f64>,
) -> Points {
    let points = samples.iter();
    points.map(|one| Some((x(one.at.0), value(one)?))).collect()
}

/// One part of the plot: an axis from zero to the greatest value, and lines (stepped or not) that
/// break where there is no value.
fn part(svg: &mut String, top: f64, title: &str, lines: &[(&str, &str, Points, bool)]) {
    let all = lines
        .iter()
        .flat_map(|(_, _, points, _)| points.iter().flatten());
    let greatest = all.map(|(_, value)| *value).fold(1.0, f64::max);
    let bottom = top + PART;
    // Writing to a String cannot fail, here and below.
    write!(
        svg,
        "<path d=\"M{MARGIN} {top}V{bottom}H{:.0}\" stroke=\"#9ca3af\" fill=\"none\"/>\
         <text x=\"4\" y=\"{:.0}\">{greatest:.4}</text><text x=\"4\" y=\"{bottom:.0}\">0</text>\
         <text x=\"4\" y=\"{:.0}\" fill=\"#6b7280\" font-size=\"9\">{title}</text>",
        MARGIN + WIDTH,
        top + 10.0,
        top + PART / 2.0
    )
    .ok();
    let mut legend = MARGIN + 10.0;
    for (name, color, points, stepped) in lines {
        let mut path = String::new();
        let mut before: Option<f64> = None;
        for point in points {
            let Some((x, value)) = point else {
                before = None;
                continue;
            };
            let y = bottom - PART * value / greatest;
            match before {
                None => write!(path, "M{x:.1} {y:.1}").ok(),
                Some(_) if *stepped => write!(path, "H{x:.1}V{y:.1}").ok(),
                Some(_) => write!(path, "L{x:.1} {y:.1}").ok(),
            };
            before = Some(y);
        }
        write!(
            svg,
            "<path d=\"{path}\" stroke=\"{color}\" stroke-width=\"1.5\" fill=\"none\"/>\
             <text x=\"{legend}\" y=\"{:.0}\" fill=\"{color}\">{name}</text>",
            top + 12.0
        )
        .ok();
        legend += 90.0;
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn brief(group: &Group) -> Json {
    let (reversals, wasted) = group.history.thrash();
    let instances: Vec<Json> = group
        .instances
        .iter()
        .map(|one| {
            json!({
                "id": one.id,
                "state": one.life.name(),
                "launched_ms": one.launched.0,
                "in_service_ms": one.in_service.map(|at| at.0),
                "hooks": one.waiting.iter().map(|wait| json!({
                    "hook": wait.hook,
                    "token": wait.token,
                    "since_ms": wait.since.0,
                    "until_ms": wait.until.0,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let knobs = &group.knobs;
    json!({
        "name": group.name,
        "min": group.min,
        "max": group.max,
        "desired": group.desired,
        "in_service": group.in_service(),
        "instances": instances,
        "policies": group.policies.keys().collect::<Vec<_>>(),
        "thrash": { "reversals_per_hour": reversals, "wasted_share": wasted },
        "settings": {
            "startup_seconds": knobs.startup_seconds,
            "high_periods": knobs.high_periods,
            "low_seconds": knobs.low_seconds,
            "low_share": knobs.low_share,
            "complete_hooks_after_seconds": knobs.complete_hooks_after_seconds,
        },
    })
}
