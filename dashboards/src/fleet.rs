//! The fleet's dashboard: one page from what hurts to why.
//!
//! Top to bottom: what this page is and which alarms have changed; six numbers; hosts by group,
//! zone and worst instance; the agents; security; cost; what this observing costs itself.
//! Instances come and go, so hosts are searched for and never named.
//! Follows "Building dashboards for operational visibility" (Amazon Builders' Library): symptoms
//! before causes, thresholds drawn on every chart that has one.

mod chart;
mod hosts;
mod money;
mod security;
mod telemetry;
mod title;

use crate::body::{Body, Grid};
use crate::inventory::Inventory;

/// The dashboard of the fleet that `inventory` describes.
#[must_use]
pub fn fleet(inventory: &Inventory) -> Body {
    let inventory = inventory.in_order();
    let mut grid = Grid::default();
    title::add(&mut grid, &inventory);
    title::add_numbers(&mut grid, &inventory);
    hosts::add(&mut grid, &inventory);
    telemetry::add_agents(&mut grid, &inventory);
    security::add(&mut grid, &inventory);
    money::add(&mut grid, &inventory);
    telemetry::add_own_cost(&mut grid, &inventory);
    Body {
        period_override: "inherit",
        start: "-PT8H",
        widgets: grid.into_widgets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms;
    use crate::inventory::Mark;
    use crate::lint;
    use plimsoll_core::clock::UnixMillis;
    use std::path::PathBuf;

    fn example() -> Inventory {
        Inventory {
            region: "eu-west-1".to_owned(),
            account: Some("111122223333".to_owned()),
            auto_scaling_groups: vec!["web".to_owned()],
            paths: vec!["/".to_owned()],
            sources: vec!["cloudtrail".to_owned(), "cost".to_owned()],
            marks: Vec::new(),
            runbook_url: Some("https://example.com/runbook".to_owned()),
        }
    }

    #[test]
    fn the_committed_dashboard_is_the_generated_one() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("generated/fleet.json");
        let generated = fleet(&example()).to_pretty_json().unwrap();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "{} is out of date: run the tests once with UPDATE_GENERATED=1 and review the diff",
            path.display()
        );
    }

    #[test]
    fn every_generated_dashboard_passes_its_own_linter() {
        let everything = Inventory {
            auto_scaling_groups: (0..80).map(|n| format!("group-number-{n}")).collect(),
            marks: vec![Mark {
                time: UnixMillis(1_795_524_360_000),
                label: "INC-7F3A2C trail stopped".to_owned(),
            }],
            ..example()
        };
        let bare = Inventory {
            region: "eu-west-1".to_owned(),
            ..Inventory::default()
        };
        for inventory in [bare, example(), everything] {
            let body = fleet(&inventory).to_json().unwrap();
            let names: Vec<String> = alarms::alarms(&inventory)
                .into_iter()
                .map(|alarm| alarm.name)
                .collect();
            assert_eq!(lint::dashboard(&body, &names), Vec::new());
        }
    }

    #[test]
    fn the_order_in_which_groups_are_listed_does_not_matter() {
        let mut one = example();
        one.auto_scaling_groups = vec!["b".to_owned(), "a".to_owned(), "b".to_owned()];
        let mut other = example();
        other.auto_scaling_groups = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            fleet(&one).to_json().unwrap(),
            fleet(&other).to_json().unwrap()
        );
    }

    #[test]
    fn events_are_drawn_on_the_charts_of_hosts() {
        let mut inventory = example();
        inventory.marks.push(Mark {
            time: UnixMillis(1_795_524_360_000),
            label: "deploy 42".to_owned(),
        });
        let body = fleet(&inventory).to_json().unwrap();
        assert!(
            body.contains(r#""label":"deploy 42","value":"2026-11-24T12:46:00.000Z""#),
            "{body}"
        );
    }
}
