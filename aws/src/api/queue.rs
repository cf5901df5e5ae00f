//! SQS and S3: how CloudTrail files and EventBridge events arrive.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::Error;

/// ReceiveMessage and DeleteMessage.
pub trait QueueApi: Send + Sync + 'static {
    /// Waits up to `wait` (at most 20 s) for at most ten messages. Each stays hidden from others
    /// for the queue's visibility timeout and comes back unless it is deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the queue does not exist; see [`Error`].
    fn receive(
        &self,
        queue_url: &str,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<QueueMessage>, Error>> + Send;

    /// Deletes a message whose effects are stored.
    ///
    /// # Errors
    /// See [`Error`].
    fn delete(
        &self,
        queue_url: &str,
        receipt: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue's id of the message, the same at each delivery.
    pub id: String,
    /// What [`QueueApi::delete`] needs, different at each delivery.
    pub receipt: String,
    /// The text.
    pub body: String,
}

/// GetObject.
pub trait ObjectsApi: Send + Sync + 'static {
    /// The whole object, refused as [`Error::Rejected`] when larger than
    /// [`crate::limits::objects::OBJECT_BYTES_MAX`].
    ///
    /// # Errors
    /// [`Error::NotFound`] when the bucket or key does not exist; see [`Error`].
    fn get_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<Bytes, Error>> + Send;
}
