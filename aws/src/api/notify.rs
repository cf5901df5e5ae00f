//! SNS: telling people and programs.

use std::collections::BTreeMap;
use std::future::Future;

use crate::Error;

/// Publish.
pub trait NotifyApi: Send + Sync + 'static {
    /// Publishes to the topic; gives the message id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the topic does not exist; see [`Error`].
    fn publish(
        &self,
        topic_arn: &str,
        notification: &Notification,
    ) -> impl Future<Output = Result<String, Error>> + Send;
}

/// One notification with a text for each kind of subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The subject of a mail, ASCII, under 100 characters.
    pub subject: String,
    /// The texts by protocol; `default` is required by SNS.
    pub texts: BTreeMap<&'static str, String>,
    /// Attributes that subscribers filter by.
    pub attributes: BTreeMap<&'static str, String>,
}
