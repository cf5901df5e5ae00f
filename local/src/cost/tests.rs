//! Cost Explorer: what is refused, how pages and groups come out, and files.

use std::io::Write as _;

use jiff::civil::date;

use super::*;
use crate::value::Value;

/// 2026-11-24, a Tuesday.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn today() -> Date {
    day_of(NOW)
}

fn explorer() -> CostExplorer {
    let jump = Jump {
        region: "ap-southeast-1".to_owned(),
        usd: 900.0,
    };
    CostExplorer::new(CostData::generated(7, "123456789012", today(), Some(jump)))
}

fn ask(explorer: &mut CostExplorer, json: &str) -> Answer {
    explorer.call(&Call {
        operation: "GetCostAndUsage".to_owned(),
        input: serde_json::from_str(json).expect("valid test input"),
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    })
}

/// A request for the days from `start` to `end` with more members.
fn request(start: &str, end: &str, more: &str) -> String {
    format!(
        r#"{{"TimePeriod":{{"Start":"{start}","End":"{end}"}},"Granularity":"DAILY",
            "Metrics":["UnblendedCost"]{more}}}"#
    )
}

fn amount(metrics: &Value) -> f64 {
    metrics
        .member("UnblendedCost")
        .member("Amount")
        .number()
        .expect("an amount")
}

fn check_refused(json: &str, text: &str) {
    let refused = ask(&mut explorer(), json).expect_err(text);
    assert_eq!(refused.shape, "ValidationException", "{json}");
    assert!(
        refused.message.contains(text),
        "{json}: {}",
        refused.message
    );
}

#[test]
fn bad_periods_and_metrics_are_refused_in_the_words_of_aws() {
    let order = "Start date (and hour) should be before end date (and hour)";
    for (start, end, text) in [
        ("2026-11-10", "2026-11-10", order),
        ("2026-11-11", "2026-11-10", order),
        ("2026-11-1", "2026-11-10", "Valid format is: yyyy-MM-dd"),
        (
            "2025-09-30",
            "2026-11-10",
            "historical data beyond 14 months",
        ),
        ("2026-11-10", "2027-01-01", "end date past"),
    ] {
        check_refused(&request(start, end, ""), text);
    }
    let good = request("2026-11-01", "2026-11-02", "");
    check_refused(&good.replace("DAILY", "HOURLY"), "Hourly");
    check_refused(&good.replace("DAILY", "YEARLY"), "enum value set");
    check_refused(&good.replace("UnblendedCost", "Gold"), "Gold");
    check_refused(&good.replace(r#""UnblendedCost""#, ""), "at least one");
    let empty = &mut CostExplorer::new(CostData::default());
    let refused = ask(empty, &good).expect_err("no data");
    assert_eq!(refused.shape, "DataUnavailableException");
}

#[test]
fn bad_groups_and_filters_are_refused() {
    let deep = r#"{"Not":"#.repeat(40) + r#"{"Tags":{"Key":"a"}}"# + &"}".repeat(40);
    let three = r#"[{"Key":"SERVICE"},{"Key":"REGION"},{"Key":"USAGE_TYPE"}]"#;
    for (member, value, text) in [
        ("GroupBy", r#"[{"Type":"DIMENSION","Key":"HUE"}]"#, "HUE"),
        (
            "GroupBy",
            r#"[{"Type":"COLOR","Key":"SERVICE"}]"#,
            "enum value set",
        ),
        ("GroupBy", three, "maximum of 2"),
        ("Filter", "{}", "exactly one"),
        ("Filter", r#"{"Tags":{},"Dimensions":{}}"#, "exactly one"),
        ("Filter", r#"{"And":[{"Tags":{}}]}"#, "at least two"),
        (
            "Filter",
            r#"{"Dimensions":{"Key":"REGION"}}"#,
            "at least one",
        ),
        ("Filter", &deep, "too deeply"),
    ] {
        let more = format!(r#","{member}":{value}"#);
        check_refused(&request("2026-11-01", "2026-11-02", &more), text);
    }
}

#[test]
fn pages_put_together_are_the_answer_in_one_piece() {
    let groups =
        r#","GroupBy":[{"Type":"DIMENSION","Key":"SERVICE"},{"Type":"DIMENSION","Key":"REGION"}]"#;
    let whole = ask(
        &mut explorer().with_page_groups(100_000),
        &request("2026-10-01", "2026-11-24", groups),
    )
    .expect("valid");
    let rows = |answer: &Value| -> Vec<String> {
        answer
            .member("ResultsByTime")
            .items()
            .iter()
            .flat_map(|period| {
                let start = period
                    .member("TimePeriod")
                    .member("Start")
                    .text()
                    .unwrap_or_default();
                let groups = period.member("Groups").items();
                groups.iter().map(move |group| format!("{start} {group:?}"))
            })
            .collect()
    };
    let mut paged = explorer().with_page_groups(7);
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let more = token.map_or(String::new(), |token| {
            format!(r#","NextPageToken":"{token}""#)
        });
        let json = request("2026-10-01", "2026-11-24", &format!("{groups}{more}"));
        let page = ask(&mut paged, &json).expect("valid");
        found.extend(rows(&page));
        token = page.member("NextPageToken").text().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, rows(&whole));
    assert!(paged.pages() > 50, "{} pages", paged.pages());
}

#[test]
fn a_token_does_not_fit_another_request() {
    let mut paged = explorer().with_page_groups(1);
    let first = ask(&mut paged, &request("2026-11-01", "2026-11-05", "")).expect("valid");
    let token = first
        .member("NextPageToken")
        .text()
        .expect("more pages")
        .to_owned();
    let more = format!(r#","NextPageToken":"{token}""#);
    let changed = ask(&mut paged, &request("2026-11-01", "2026-11-06", &more));
    assert_eq!(
        changed.expect_err("changed").shape,
        "RequestChangedException"
    );
    let garbage = request("2026-11-01", "2026-11-05", r#","NextPageToken":"garbage""#);
    let refused = ask(&mut paged, &garbage).expect_err("garbage");
    assert_eq!(refused.shape, "InvalidNextTokenException");
}

#[test]
fn filters_select_rows_and_the_jump_is_where_it_was_asked_for() {
    let total = |filter: &str| {
        let more = format!(r#","Filter":{filter}"#);
        let answer = ask(&mut explorer(), &request("2026-11-23", "2026-11-24", &more));
        amount(answer.expect(filter).member("ResultsByTime").items()[0].member("Total"))
    };
    let region = r#"{"Dimensions":{"Key":"REGION","Values":["ap-southeast-1"]}}"#;
    let record = r#"{"Dimensions":{"Key":"RECORD_TYPE","Values":["Usage"]}}"#;
    let service = r#"{"Dimensions":{"Key":"SERVICE","Values":["amazon ec2","AMAZON ELASTIC COMPUTE"],"MatchOptions":["STARTS_WITH","CASE_INSENSITIVE"]}}"#;
    assert!((total(region) - 900.0).abs() < 1e-6);
    assert!((total(&format!(r#"{{"And":[{region},{service}]}}"#)) - 900.0).abs() < 1e-6);
    assert!(total(&format!(r#"{{"And":[{record},{{"Not":{region}}}]}}"#)) < 300.0);
    let either = total(&format!(r#"{{"Or":[{region},{{"Not":{region}}}]}}"#));
    assert!(either > 900.0);
    assert!(total(r#"{"Tags":{"Key":"team","Values":["a"]}}"#).abs() < 1e-9);
    let untagged = total(r#"{"Tags":{"Key":"team","MatchOptions":["ABSENT"]}}"#);
    assert!((untagged - either).abs() < 1e-6);
}

#[test]
fn months_are_cut_to_the_request_and_the_open_month_is_estimated() {
    let json = request("2026-09-15", "2026-11-24", "").replace("DAILY", "MONTHLY");
    let answer = ask(&mut explorer(), &json).expect("valid");
    let periods: Vec<(&str, &str, bool)> = answer
        .member("ResultsByTime")
        .items()
        .iter()
        .map(|period| {
            let time = period.member("TimePeriod");
            let text = |name| time.member(name).text().unwrap_or_default();
            (
                text("Start"),
                text("End"),
                period.member("Estimated").boolean() == Some(true),
            )
        })
        .collect();
    assert_eq!(
        periods,
        [
            ("2026-09-15", "2026-10-01", false),
            ("2026-10-01", "2026-11-01", false),
            ("2026-11-01", "2026-11-24", true),
        ]
    );
}

#[test]
fn the_end_is_excluded_and_days_without_data_cost_nothing() {
    let answer = ask(&mut explorer(), &request("2026-11-22", "2026-11-25", "")).expect("valid");
    let days = answer.member("ResultsByTime").items();
    assert_eq!(days.len(), 3);
    let amounts: Vec<f64> = days.iter().map(|day| amount(day.member("Total"))).collect();
    assert!(amounts[0] > 50.0 && amounts[1] > 900.0, "{amounts:?}");
    assert!(
        amounts[2].abs() < 1e-9,
        "today has no data yet: {amounts:?}"
    );
}

#[test]
fn generated_data_goes_on_when_the_days_do() {
    let mut explorer = explorer();
    let before = explorer.rows().len();
    let tomorrow = UnixMillis(NOW.0 + 86_400_000);
    let call = Call {
        operation: "GetCostAndUsage".to_owned(),
        input: serde_json::from_str(&request("2026-11-24", "2026-11-25", "")).expect("valid"),
        now: tomorrow,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    };
    explorer.call(&call).expect("valid");
    assert!(explorer.rows().len() > before);
    let jumps = explorer
        .rows()
        .iter()
        .filter(|row| row.region == "ap-southeast-1")
        .count();
    assert_eq!(jumps, 1, "the jump happens once");
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::File::create(&path)
        .expect("a file")
        .write_all(text.as_bytes())
        .expect("written");
    (folder, path)
}

#[test]
fn a_focus_export_is_summed_to_days_and_moved_in_time() {
    let (_folder, path) = file(
        "focus.csv",
        "ChargePeriodStart,ServiceName,BilledCost,EffectiveCost,RegionId,ChargeCategory,BillingCurrency\n\
         2025-01-01T00:00:00Z,Amazon S3,1.5,1.25,eu-west-1,Usage,USD\n\
         2025-01-01T01:00:00Z,Amazon S3,0.5,0.5,eu-west-1,Usage,USD\n\
         2025-01-02T00:00:00Z,\"Tax, state\",0.25,,,Tax,USD\n",
    );
    let data = CostData::from_file(&path)
        .expect("readable")
        .ending_before(today());
    let rows: Vec<(Date, &str, f64, f64, &str)> = data
        .rows
        .iter()
        .map(|row| {
            (
                row.day,
                row.service.as_str(),
                row.unblended_usd,
                row.amortized_usd,
                row.region.as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (date(2026, 11, 22), "Amazon S3", 2.0, 1.75, "eu-west-1"),
            (date(2026, 11, 23), "Tax, state", 0.25, 0.25, "NoRegion"),
        ]
    );
}

#[test]
fn a_saved_answer_gives_the_same_answer_again() {
    let (_folder, path) = file(
        "answer.json",
        r#"{"GroupDefinitions":[{"Type":"DIMENSION","Key":"SERVICE"}],"ResultsByTime":[
            {"TimePeriod":{"Start":"2026-11-20","End":"2026-11-21"},"Total":{},"Groups":[
              {"Keys":["Amazon S3"],"Metrics":{"UnblendedCost":{"Amount":"12.5","Unit":"USD"}}}]}]}"#,
    );
    let mut explorer = CostExplorer::new(CostData::from_file(&path).expect("readable"));
    let groups = r#","GroupBy":[{"Type":"DIMENSION","Key":"SERVICE"}]"#;
    let answer = ask(&mut explorer, &request("2026-11-20", "2026-11-21", groups)).expect("valid");
    let group = &answer.member("ResultsByTime").items()[0]
        .member("Groups")
        .items()[0];
    assert_eq!(group.member("Keys"), &Value::from(vec!["Amazon S3"]));
    let unblended = group.member("Metrics").member("UnblendedCost");
    assert_eq!(unblended.member("Amount").text(), Some("12.5"));
}

#[test]
fn a_bad_file_is_refused_with_line_and_column() {
    let head = "ChargePeriodStart,ServiceName,BilledCost,BillingCurrency\n";
    for (name, text, place) in [
        ("a.csv", String::new(), ":1:1: the file is empty"),
        (
            "a.csv",
            "ServiceName\n".to_owned(),
            ":1:1: the column ChargePeriodStart is missing",
        ),
        (
            "a.csv",
            format!("{head}2026-01-01,S3,x,USD\n"),
            ":2:3: \"x\" is not an amount",
        ),
        (
            "a.csv",
            format!("{head}January,S3,1,USD\n"),
            ":2:1: \"January\" is not a day",
        ),
        (
            "a.csv",
            format!("{head}2026-01-01,S3,1,EUR\n"),
            ":2:4: the currency \"EUR\"",
        ),
        (
            "a.csv",
            format!("{head}2026-01-01,S3\n"),
            ":2:2: found 2 fields",
        ),
        (
            "a.csv",
            format!("{head}2026-01-01,\"S3,1,USD\n"),
            ":2:2: a quotation mark",
        ),
        (
            "a.json",
            "{\"ResultsByTime\":[\n{}]}".to_owned(),
            ":2:2: missing field `TimePeriod`",
        ),
        (
            "a.json",
            "{\"ResultsByTime\":[{\"TimePeriod\":{\"Start\":\n\"soon\"}}]}".to_owned(),
            ":2:",
        ),
        ("a.txt", String::new(), "is neither .json nor .csv"),
    ] {
        let (_folder, path) = file(name, &text);
        let error = CostData::from_file(&path).expect_err(place).to_string();
        assert!(error.contains(place), "{error} lacks {place}");
    }
}
