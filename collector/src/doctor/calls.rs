//! Region, credentials, and each call that the configuration needs.
//!
//! A right is proved without an effect: a message that no queue has is deleted, a notification
//! without text is published, a datum from before two weeks is sent, an alarm over a period that no
//! alarm has is made. AWS looks at the rights first, so another refusal than "denied" says that they
//! are there. What cannot be tried so is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::policy::Place;
use plimsoll_aws::{
    Alarm, AlarmsApi, Call, Clients, CloudWatch, CostApi, CostExplorer, CostQuery, Datum,
    DatumValue, Error, MetricsApi, QueueApi, Series, Sns, Sqs, beside,
};
use plimsoll_core::catalog::{RULES_LOADED, namespace};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_ops::doctor::{Report, Rights, Untried, connect, has_failed};

use crate::config::{Config, CostFeed};
use crate::policy::{Beside, Needs};

/// What is not there: an alarm, a dashboard, a receipt.
const NOBODY: &str = "plimsoll-doctor";
/// Older than CloudWatch takes. Source: CloudWatch API reference, `PutMetricData`: two weeks.
const TOO_OLD: Duration = Duration::from_hours(24 * 21);
/// A period that no alarm can have. Source: CloudWatch API reference, `PutMetricAlarm`: 10, 20, 30
/// or a multiple of 60 seconds.
const NO_PERIOD_SECONDS: u32 = 7;
/// A day that Cost Explorer knows in the end, and one more.
const KNOWN_DAY: Duration = Duration::from_hours(24 * 3);

/// Asks AWS whatever the configuration will have the collector ask.
pub(super) async fn ask(config: &Config, paid: bool, report: &mut Report) {
    let mut rights = Rights::default();
    if let Some(clients) = connect(&config.aws, report).await {
        rights.connected = true;
        make_calls(&clients, config, paid, (&mut rights, report)).await;
    }
    let policy = Needs::of(config).policy(&Place::new(None, None, None), &Beside::default());
    rights.tell(&policy, why, report);
}

/// Why a right was not tried.
fn why(action: &str) -> Untried {
    Untried::Because(if action == Call::GetCostAndUsage.action() {
        "each question costs US$0.01, and --paid asks one"
    } else {
        "the bucket is known from messages alone"
    })
}

async fn make_calls(
    clients: &Clients,
    config: &Config,
    paid: bool,
    (rights, report): (&mut Rights, &mut Report),
) {
    for feed in [&config.cloudtrail, &config.guardduty]
        .into_iter()
        .flatten()
    {
        if let Some(url) = &feed.queue_url {
            queue(&clients.sqs(), url, (rights, report)).await;
        }
    }
    let told = [&config.notify.topic_arn, &config.notify.chat_topic_arn];
    for topic in told.into_iter().flatten() {
        rights.tried(Call::Publish);
        publish(&clients.sns(), topic, report).await;
    }
    let cloudwatch = clients.cloudwatch();
    rights.tried(Call::PutMetricData);
    metrics(&cloudwatch, report).await;
    planned(&cloudwatch, config, (rights, report)).await;
    if let Some(CostFeed::Explorer { .. }) = config.cost {
        cost(&clients.cost_explorer(), paid, (rights, report)).await;
    }
}

/// Receiving is tried by asking for more messages than there can be, so that none is hidden from the
/// collector that runs.
async fn queue(sqs: &Sqs, url: &str, (rights, report): (&mut Rights, &mut Report)) {
    rights.tried(Call::ReceiveMessage);
    rights.tried(Call::DeleteMessage);
    let tried = [
        ("received", sqs.may_receive(url).await),
        ("deleted", sqs.delete(url, NOBODY).await),
    ];
    for (what, answer) in tried {
        match answer {
            Ok(()) | Err(Error::Rejected { .. }) => {
                report.fine("queue", format!("messages of {url} would be {what}"));
            }
            Err(error @ Error::NotFound { .. }) => {
                let remedy = "correct `queue_url`, or make the queue";
                return report.fail("queue", error.to_string(), remedy);
            }
            Err(error) => has_failed("queue", &error, report),
        }
    }
    report.skip(
        "objects",
        format!(
            "which bucket {url} tells of is known from its messages alone; `status` says whether \
             its objects can be read (s3:GetObject)"
        ),
    );
}

async fn publish(sns: &Sns, topic: &str, report: &mut Report) {
    match sns.may_publish(topic).await {
        Ok(()) | Err(Error::Rejected { .. }) => {
            report.fine("notifications", format!("{topic} would be told"));
        }
        Err(error @ Error::NotFound { .. }) => {
            let remedy = "correct the ARN in `[notify]`, or make the topic";
            report.fail("notifications", error.to_string(), remedy);
        }
        Err(error) => has_failed("notifications", &error, report),
    }
}

async fn metrics(api: &CloudWatch, report: &mut Report) {
    let datum = Datum {
        series: Arc::new(Series {
            name: Arc::from(RULES_LOADED.name),
            unit: RULES_LOADED.unit,
            dimensions: Arc::new([]),
        }),
        time: SystemClock.now() - TOO_OLD,
        value: DatumValue::One(0.0),
        resolution_seconds: 60,
        additive: false,
    };
    let namespace = namespace::COLLECTOR;
    match api.put_metric_data(namespace, &[datum]).await {
        Ok(()) | Err(Error::Rejected { .. }) => {
            report.fine("metrics", format!("metrics of {namespace} are taken"));
        }
        Err(error) => has_failed("metrics", &error, report),
    }
}

/// Reads what the plan compares with, and tries to write if it is to be applied.
async fn planned(api: &CloudWatch, config: &Config, (rights, report): (&mut Rights, &mut Report)) {
    let plan = &config.plan;
    let dashboard = plan.dashboard.as_deref();
    if plan.alarms {
        rights.tried(Call::DescribeAlarms);
        let read = api.describe_alarms(NOBODY).await.map(drop);
        judge("alarms", "can be read", read, report);
    }
    if let Some(name) = dashboard {
        rights.tried(Call::GetDashboard);
        let read = api.get_dashboard(name).await.map(drop);
        judge("dashboard", "can be read", read, report);
    }
    if !plan.apply {
        return report.skip(
            "plan",
            "plan.apply is false: rights to write are not needed",
        );
    }
    if plan.alarms {
        rights.tried(Call::PutMetricAlarm);
        rights.tried_action(beside::TAG_ALARM);
        let put = api.put_alarm(&impossible()).await;
        judge("alarms", "would be put", put, report);
    }
    if let Some(name) = dashboard {
        rights.tried(Call::PutDashboard);
        // No JSON, so it is refused; under its own name, since the right may be for no other.
        let put = api.put_dashboard(name, "{").await.map(drop);
        judge("dashboard", "would be put", put, report);
    }
}

fn judge(check: &str, fine: &str, answer: Result<(), Error>, report: &mut Report) {
    match answer {
        Ok(()) | Err(Error::Rejected { .. } | Error::NotFound { .. }) => report.fine(check, fine),
        Err(error) => has_failed(check, &error, report),
    }
}

/// An alarm that CloudWatch refuses.
fn impossible() -> Alarm {
    Alarm {
        name: format!("{NOBODY}-never"),
        description: String::new(),
        namespace: namespace::COLLECTOR.to_owned(),
        metric: RULES_LOADED.name.to_owned(),
        dimensions: BTreeMap::new(),
        statistic: "Maximum".to_owned(),
        period_seconds: NO_PERIOD_SECONDS,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: "LessThanThreshold".to_owned(),
        threshold: 0.0,
        treat_missing_data: "missing".to_owned(),
        alarm_actions: Vec::new(),
        ok_actions: Vec::new(),
        tags: BTreeMap::from([("plimsoll".to_owned(), "doctor".to_owned())]),
    }
}

async fn cost(api: &CostExplorer, paid: bool, (rights, report): (&mut Rights, &mut Report)) {
    if !paid {
        return report.skip("cost", "each question costs US$0.01; `--paid` asks one");
    }
    rights.tried(Call::GetCostAndUsage);
    let day = |time: plimsoll_core::clock::UnixMillis| {
        let text = time.to_string();
        text.split('T').next().unwrap_or_default().to_owned()
    };
    let start = SystemClock.now() - KNOWN_DAY;
    let query = CostQuery {
        start: day(start),
        end: day(start + Duration::from_hours(24)),
        next_page: None,
    };
    match api.daily_cost(&query).await {
        Ok(page) => {
            let found = format!("{} services have cost on {}", page.rows.len(), query.start);
            report.fine("cost", found);
        }
        Err(error) => has_failed("cost", &error, report),
    }
}
