//! GetCostAndUsage through the SDK.

use std::fmt;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::config::Builder;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
    GroupDefinitionType, ResultByTime,
};

use crate::failure::failure;
use crate::{Call, CostApi, CostPage, CostQuery, DailyCost, Error};

/// What is asked for, as the request and the answer spell it.
const METRIC: &str = "UnblendedCost";
/// Records of usage, whatever pays for it. Fees, credits, refunds and taxes come on days of their
/// own and would look like jumps. Source: Cost Explorer user guide, charge types.
const RECORD_TYPES: [&str; 3] = ["Usage", "SavingsPlanCoveredUsage", "DiscountedUsage"];

/// Cost Explorer.
#[derive(Clone)]
pub struct CostExplorer {
    /// Never retries by itself: each attempt costs US$0.01.
    client: Client,
}

impl CostExplorer {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config).retry_config(RetryConfig::disabled());
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(builder.build()),
        }
    }
}

impl fmt::Debug for CostExplorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CostExplorer").finish_non_exhaustive()
    }
}

impl CostApi for CostExplorer {
    async fn daily_cost(&self, query: &CostQuery) -> Result<CostPage, Error> {
        let days = DateInterval::builder()
            .start(&query.start)
            .end(&query.end)
            .build()
            .map_err(|error| refuse("InvalidDays", error.to_string()))?;
        let usage = DimensionValues::builder()
            .key(Dimension::RecordType)
            .set_values(Some(RECORD_TYPES.map(ToOwned::to_owned).to_vec()))
            .build();
        let by_service = GroupDefinition::builder()
            .r#type(GroupDefinitionType::Dimension)
            .key("SERVICE")
            .build();
        let output = self
            .client
            .get_cost_and_usage()
            .time_period(days)
            .granularity(Granularity::Daily)
            .filter(Expression::builder().dimensions(usage).build())
            .metrics(METRIC)
            .group_by(by_service)
            .set_next_page_token(query.next_page.clone())
            .send()
            .await
            .map_err(|error| failure(Call::GetCostAndUsage, &error))?;
        let mut rows = Vec::new();
        for day in output.results_by_time() {
            for group in day.groups() {
                rows.push(row(day, group)?);
            }
        }
        Ok(CostPage {
            rows,
            next_page: output.next_page_token().map(ToOwned::to_owned),
        })
    }
}

/// One day and service. What cannot be read fails the page: a row left out would look like money
/// saved.
fn row(day: &ResultByTime, group: &Group) -> Result<DailyCost, Error> {
    let date = day.time_period().map(DateInterval::start);
    let service = group.keys().first();
    let cost = group.metrics().and_then(|metrics| metrics.get(METRIC));
    let (Some(date), Some(service), Some(cost)) = (date, service, cost) else {
        return Err(broken("a row lacks its day, service or cost"));
    };
    if let Some(unit) = cost.unit().filter(|unit| *unit != "USD") {
        return Err(broken(&format!("the unit is {unit}, not USD")));
    }
    let usd = cost
        .amount()
        .and_then(|amount| amount.parse().ok())
        .filter(|usd: &f64| usd.is_finite())
        .ok_or_else(|| broken("an amount is not a number"))?;
    Ok(DailyCost {
        day: date.to_owned(),
        service: service.clone(),
        usd,
        estimated: day.estimated(),
    })
}

fn broken(why: &str) -> Error {
    Error::Unavailable {
        call: Call::GetCostAndUsage.name(),
        why: why.to_owned(),
    }
}

fn refuse(code: &str, why: String) -> Error {
    Error::Rejected {
        call: Call::GetCostAndUsage.name(),
        code: code.to_owned(),
        why,
    }
}
