//! Publish through the SDK.

use std::collections::BTreeMap;
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::failure::failure;
use crate::{Call, Error, Notification, NotifyApi, limits};

/// The text that every message must have.
const DEFAULT: &str = "default";

/// SNS.
#[derive(Clone)]
pub struct Sns {
    client: Client,
}

impl Sns {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<&str>) -> Self {
        let mut builder = Builder::from(config);
        if let Some(url) = endpoint {
            builder = builder.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(builder.build()),
        }
    }

    /// Whether `topic` may be published to, without telling anybody: a message without a text for
    /// every protocol is sent, which SNS refuses once the caller has the right.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it may; [`Error::NotFound`] when the topic does not exist; see
    /// [`Error`].
    pub async fn may_publish(&self, topic: &str) -> Result<(), Error> {
        self.client
            .publish()
            .topic_arn(topic)
            .message("{}")
            .message_structure("json")
            .send()
            .await
            .map(drop)
            .map_err(|error| failure(Call::Publish, &error))
    }
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns").finish_non_exhaustive()
    }
}

impl NotifyApi for Sns {
    async fn publish(&self, topic: &str, notification: &Notification) -> Result<String, Error> {
        let message = message(&notification.texts)?;
        let mut publish = self
            .client
            .publish()
            .topic_arn(topic)
            .set_subject(subject(&notification.subject))
            .message(message)
            .message_structure("json");
        for (name, value) in &notification.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| refuse("InvalidAttribute", error.to_string()))?;
            publish = publish.message_attributes(*name, value);
        }
        let output = publish
            .send()
            .await
            .map_err(|error| failure(Call::Publish, &error))?;
        Ok(output.message_id().unwrap_or_default().to_owned())
    }
}

/// The texts as the JSON object that SNS takes them in.
fn message(texts: &BTreeMap<&'static str, String>) -> Result<String, Error> {
    if !texts.contains_key(DEFAULT) {
        return Err(refuse("InvalidParameter", "no `default` text".to_owned()));
    }
    let message = serde_json::to_string(texts)
        .map_err(|error| refuse("InvalidParameter", error.to_string()))?;
    if message.len() > limits::notify::MESSAGE_BYTES_MAX {
        let why = format!("the texts are {} bytes together", message.len());
        return Err(refuse("MessageTooLong", why));
    }
    Ok(message)
}

/// The subject as SNS takes it: ASCII without control characters, short, starting with a letter,
/// a number or punctuation. A subject that is spoilt must not hold a finding back.
fn subject(subject: &str) -> Option<String> {
    let plain: String = subject
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .take(limits::notify::SUBJECT_CHARS_MAX)
        .collect();
    Some(plain.trim().to_owned()).filter(|plain| !plain.is_empty())
}

fn refuse(code: &str, why: String) -> Error {
    Error::Rejected {
        call: Call::Publish.name(),
        code: code.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_made_fit_for_mail() {
        let cases = [
            ("Root user used", Some("Root user used")),
            ("two\nlines é", Some("two?lines ?")),
            ("  ", None),
        ];
        for (given, expected) in cases {
            assert_eq!(subject(given).as_deref(), expected);
        }
        assert_eq!(subject(&"x".repeat(300)).map(|s| s.len()), Some(99));
    }

    #[test]
    fn a_message_without_a_default_text_or_beyond_the_limit_is_refused() {
        let long = "x".repeat(limits::notify::MESSAGE_BYTES_MAX);
        assert!(message(&BTreeMap::from([("email", "text".to_owned())])).is_err());
        assert!(message(&BTreeMap::from([("default", long)])).is_err());
        let fine = message(&BTreeMap::from([("default", "a \"b\"".to_owned())]));
        assert_eq!(fine.as_deref(), Ok(r#"{"default":"a \"b\""}"#));
    }
}
