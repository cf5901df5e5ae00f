//! CloudWatch Logs through the SDK, with one difference: the body of PutLogEvents is the agent's
//! own.
//!
//! The SDK chooses the endpoint, fetches credentials, signs, sends and reads the answer; only what
//! it would have serialised, an empty list of events, is replaced before signing. Measured, that
//! costs the same as signing by hand (docs/adr/0004).

use std::fmt;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Builder;
use aws_sdk_cloudwatchlogs::config::http::HttpRequest;
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::failure::failure;
use crate::{Call, Error, LogBatch, LogGroup, LogsApi, Refused};

/// The code with which group and stream say that they are there already.
const ALREADY_EXISTS: &str = "ResourceAlreadyExistsException";
/// The code with which a batch was taken the first time, before CloudWatch Logs gave up tokens.
const ALREADY_ACCEPTED: &str = "DataAlreadyAcceptedException";

/// CloudWatch Logs.
#[derive(Clone)]
pub struct CloudWatchLogs {
    /// Never retries by itself: the sink does, with its own back-off and order.
    hot: Client,
    /// Retries like any SDK client.
    calm: Client,
}

impl CloudWatchLogs {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        // The body is one piece, so there is no stream whose stall could be watched; the time for
        // an attempt bounds it.
        let hot = builder
            .clone()
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self {
            hot: Client::from_conf(hot.build()),
            calm: Client::from_conf(builder.build()),
        }
    }

    async fn put_retention(&self, group: &str, days: u32) -> Result<(), Error> {
        self.calm
            .put_retention_policy()
            .log_group_name(group)
            .retention_in_days(i32::try_from(days).unwrap_or(i32::MAX))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::PutRetentionPolicy, &error))
    }
}

impl fmt::Debug for CloudWatchLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchLogs").finish_non_exhaustive()
    }
}

impl LogsApi for CloudWatchLogs {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        let body = batch.body.clone();
        let output = self
            .hot
            .put_log_events()
            .log_group_name(&*batch.group)
            .log_stream_name(&*batch.stream)
            .set_log_events(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .send()
            .await
            .map_err(|error| failure(Call::PutLogEvents, &error));
        match output {
            Ok(output) => Ok(refused(&output)),
            Err(Error::Rejected { code, .. }) if code == ALREADY_ACCEPTED => Ok(Refused::default()),
            Err(error) => Err(error),
        }
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        let tags = group
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        self.calm
            .create_log_group()
            .log_group_name(&group.name)
            .log_group_class(LogGroupClass::from(group.class.as_str()))
            .set_kms_key_id(group.kms_key.clone())
            .set_tags(Some(tags.collect()).filter(|_| !group.tags.is_empty()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::CreateLogGroup, &error))
            .or_else(unless_it_exists)?;
        match group.retention_days {
            Some(days) => self.put_retention(&group.name, days).await,
            None => Ok(()),
        }
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        self.calm
            .create_log_stream()
            .log_group_name(group)
            .log_stream_name(stream)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::CreateLogStream, &error))
            .or_else(unless_it_exists)
    }
}

/// Puts the agent's body in the place of the SDK's. This happens before signing, so the body is
/// hashed once, and it is shared, not copied.
fn replace_body(request: &mut HttpRequest, body: &Bytes) {
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body.clone());
}

/// What an accepted batch did not take. An index that is no index is as good as none.
fn refused(output: &PutLogEventsOutput) -> Refused {
    let index = |index: Option<i32>| index.and_then(|index| usize::try_from(index).ok());
    match output.rejected_log_events_info() {
        None => Refused::default(),
        Some(info) => Refused {
            too_new_from: index(info.too_new_log_event_start_index()),
            too_old_until: index(info.too_old_log_event_end_index()),
            expired_until: index(info.expired_log_event_end_index()),
        },
    }
}

fn unless_it_exists(error: Error) -> Result<(), Error> {
    match error {
        Error::Rejected { code, .. } if code == ALREADY_EXISTS => Ok(()),
        other => Err(other),
    }
}
