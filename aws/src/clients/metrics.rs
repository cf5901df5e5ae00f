//! PutMetricData through the SDK.
//!
//! The SDK's builders are good enough here: a full request of 1,000 datums costs less than a
//! millisecond and goes out once a minute (CBOR, compressed from 10 KiB on).
//!
//! Each put has a connection of its own. On one that was kept since the last minute, a request is
//! written into the void when the network is gone, and nobody can say any more whether it was taken;
//! a connection that cannot be made leaves no doubt. A handshake costs less than a millisecond.

use std::fmt;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Builder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::failure::failure;
use crate::{Call, Datum, DatumValue, Error, MetricsApi};

/// CloudWatch.
#[derive(Clone)]
pub struct CloudWatch {
    /// Never retries by itself: the sink does, and a repeated put counts twice.
    hot: Client,
    /// Retries like any SDK client.
    #[cfg(feature = "collector")]
    pub(super) calm: Client,
}

impl CloudWatch {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        let hot = builder
            .clone()
            .retry_config(RetryConfig::disabled())
            .interceptor(OwnConnection);
        Self {
            hot: Client::from_conf(hot.build()),
            #[cfg(feature = "collector")]
            calm: Client::from_conf(builder.build()),
        }
    }
}

/// Has a call make its own connection and close it. The header is added after the signature,
/// because a proxy may take it off.
#[derive(Debug)]
struct OwnConnection;

impl Intercept for OwnConnection {
    fn name(&self) -> &'static str {
        "OwnConnection"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("connection", "close");
        Ok(())
    }
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch").finish_non_exhaustive()
    }
}

impl MetricsApi for CloudWatch {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        self.hot
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(datums.iter().map(datum).collect()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::PutMetricData, &error))
    }
}

fn datum(datum: &Datum) -> MetricDatum {
    let dimensions = datum
        .dimensions()
        .iter()
        .map(|(name, value)| Dimension::builder().name(&**name).value(&**value).build());
    let builder = MetricDatum::builder()
        .metric_name(datum.name())
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(DateTime::from_millis(datum.time.0))
        .unit(StandardUnit::from(datum.unit().as_str()))
        .storage_resolution(i32::from(datum.resolution_seconds));
    match &datum.value {
        DatumValue::One(value) => builder.value(*value),
        DatumValue::Statistics {
            count,
            sum,
            min,
            max,
        } => builder.statistic_values(
            StatisticSet::builder()
                .sample_count(*count)
                .sum(*sum)
                .minimum(*min)
                .maximum(*max)
                .build(),
        ),
        DatumValue::Distribution(pairs) => {
            let (values, counts) = pairs.iter().copied().unzip();
            builder.set_values(Some(values)).set_counts(Some(counts))
        }
    }
    .build()
}
