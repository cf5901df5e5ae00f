//! ReceiveMessage and DeleteMessage through the SDK.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;

use crate::failure::failure;
use crate::limits::queue::{RECEIVE_MAX, WAIT_MAX};
use crate::{Call, Error, QueueApi, QueueMessage};

/// What an answer may take on top of the wait that was asked for.
const GRACE: Duration = Duration::from_secs(15);

/// SQS.
#[derive(Clone)]
pub struct Sqs {
    client: Client,
}

impl Sqs {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(builder.build()),
        }
    }

    /// Whether messages may be received, without receiving any: more are asked for than there can be,
    /// which SQS refuses once the caller has the right.
    ///
    /// # Errors
    /// [`Error::Rejected`] when they may; [`Error::NotFound`] when the queue does not exist; see
    /// [`Error`].
    pub async fn may_receive(&self, queue_url: &str) -> Result<(), Error> {
        self.client
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(RECEIVE_MAX + 1)
            .send()
            .await
            .map(drop)
            .map_err(|error| failure(Call::ReceiveMessage, &error))
    }
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqs").finish_non_exhaustive()
    }
}

impl QueueApi for Sqs {
    async fn receive(&self, queue_url: &str, wait: Duration) -> Result<Vec<QueueMessage>, Error> {
        let wait = wait.min(WAIT_MAX);
        // A long poll answers late by design; the connection settings stay those of all calls.
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(wait + GRACE)
            .build();
        let output = self
            .client
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(RECEIVE_MAX)
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
            .customize()
            .config_override(Builder::default().timeout_config(patience))
            .send()
            .await
            .map_err(|error| failure(Call::ReceiveMessage, &error))?;
        let messages = output.messages().iter().map(|message| QueueMessage {
            id: message.message_id().unwrap_or_default().to_owned(),
            receipt: message.receipt_handle().unwrap_or_default().to_owned(),
            body: message.body().unwrap_or_default().to_owned(),
        });
        Ok(messages.collect())
    }

    async fn delete(&self, queue_url: &str, receipt: &str) -> Result<(), Error> {
        self.client
            .delete_message()
            .queue_url(queue_url)
            .receipt_handle(receipt)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(Call::DeleteMessage, &error))
    }
}
