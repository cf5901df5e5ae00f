//! SNS: topics that keep what was published.
//!
//! Nobody is subscribed here: the last messages are kept with all their texts, so that a test and
//! the page can read what people would have been told. Limits and messages of errors are those of
//! the Amazon SNS API reference (Publish, 2010-03-31).

use std::collections::{BTreeMap, VecDeque};

use plimsoll_core::clock::UnixMillis;

use crate::service::{Answer, Call, Notification, Notifier, Refusal};
use crate::state::unknown_operation;
use crate::value::Value;

/// Text and attributes of a message, or of all messages of a batch together.
const MESSAGE_BYTES_MAX: usize = 262_144;
/// A subject must be shorter than 100 characters.
const SUBJECT_CHARS_MAX: usize = 99;
/// Characters of an attribute's name.
const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Messages of one batch.
const BATCH_MAX: usize = 10;
/// Topics here. AWS allows 100,000; this bounds our memory.
const TOPICS_MAX: usize = 1000;
/// Topics of one page.
const PAGE_MAX: usize = 100;
/// Memory for messages; the oldest go first and are counted.
const MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The topics of one account and Region.
#[derive(Debug)]
pub struct Topics {
    account: String,
    region: String,
    by_arn: BTreeMap<String, Topic>,
    messages: VecDeque<Published>,
    bytes: usize,
    counts: TopicCounts,
}

/// What happened since the start. Never goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicCounts {
    /// Messages published, those of alarms included.
    pub published: u64,
    /// Messages forgotten to stay within the memory bound.
    pub forgotten: u64,
    /// What alarms told topics that do not exist.
    pub undeliverable: u64,
}

#[derive(Debug, Default)]
struct Topic {
    display_name: String,
}

/// One kept message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Counts messages from 1.
    pub number: u64,
    /// The id that the publisher was given.
    pub id: String,
    /// The topic's ARN.
    pub topic: String,
    /// When.
    pub at: UnixMillis,
    /// The subject; empty for none.
    pub subject: String,
    /// The texts by protocol; `default` is always there.
    pub texts: BTreeMap<String, String>,
    /// The attributes by name.
    pub attributes: BTreeMap<String, String>,
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            by_arn: BTreeMap::new(),
            messages: VecDeque::new(),
            bytes: 0,
            counts: TopicCounts::default(),
        }
    }

    /// Makes a topic, unless it exists, and gives its ARN.
    ///
    /// # Errors
    /// The name is not 1 to 256 letters, digits, `-` and `_`; or there are too many topics.
    pub fn create(&mut self, name: &str) -> Result<String, Refusal> {
        let body = name.strip_suffix(".fifo").unwrap_or(name);
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if !(1..=256).contains(&name.len()) || body.is_empty() || !body.chars().all(allowed) {
            return Err(invalid("Invalid parameter: Topic Name"));
        }
        let arn = format!("arn:aws:sns:{}:{}:{name}", self.region, self.account);
        if !self.by_arn.contains_key(&arn) {
            if self.by_arn.len() >= TOPICS_MAX {
                return Err(Refusal::new(
                    "TopicLimitExceededException",
                    "the limit of topics is reached",
                )
                .with_code("TopicLimitExceeded"));
            }
            self.by_arn.insert(arn.clone(), Topic::default());
        }
        Ok(arn)
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn call(&mut self, call: &Call) -> Answer {
        match call.operation.as_str() {
            "Publish" => self.publish(call),
            "PublishBatch" => self.publish_batch(call),
            "CreateTopic" => {
                let arn = self.create(call.input.member("Name").text().unwrap_or_default())?;
                let attributes = call.input.member("Attributes");
                if let Some(name) = attributes.member("DisplayName").text()
                    && let Some(topic) = self.by_arn.get_mut(&arn)
                {
                    name.clone_into(&mut topic.display_name);
                }
                Ok(Value::map([("TopicArn", arn.into())]))
            }
            "DeleteTopic" => {
                self.by_arn.remove(topic_arn(&call.input)?);
                Ok(Value::Null)
            }
            "ListTopics" => self.list(&call.input),
            "GetTopicAttributes" => self.attributes(topic_arn(&call.input)?),
            other => Err(unknown_operation(other)),
        }
    }

    /// The last `count` messages, oldest first.
    #[must_use]
    pub fn messages(&self, count: usize) -> Vec<Published> {
        let skipped = self.messages.len().saturating_sub(count);
        self.messages.iter().skip(skipped).cloned().collect()
    }

    /// The ARNs of all topics.
    #[must_use]
    pub fn arns(&self) -> Vec<String> {
        self.by_arn.keys().cloned().collect()
    }

    /// What happened since the start.
    #[must_use]
    pub fn counts(&self) -> TopicCounts {
        self.counts
    }

    fn publish(&mut self, call: &Call) -> Answer {
        let topic = topic_arn(&call.input)?;
        self.by_arn.get(topic).ok_or_else(no_topic)?;
        let (draft, bytes) = Draft::read(&call.input)?;
        check_size(bytes)?;
        let id = self.keep(topic, draft, call.now);
        Ok(Value::map([("MessageId", id.into())]))
    }

    fn publish_batch(&mut self, call: &Call) -> Answer {
        let topic = topic_arn(&call.input)?;
        self.by_arn.get(topic).ok_or_else(no_topic)?;
        let entries = call.input.member("PublishBatchRequestEntries").items();
        check_entries(entries)?;
        let drafts: Vec<_> = entries
            .iter()
            .map(|entry| (entry, Draft::read(entry)))
            .collect();
        let bytes: usize = drafts
            .iter()
            .filter_map(|(_, draft)| draft.as_ref().ok().map(|(_, bytes)| *bytes))
            .sum();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(Refusal::new(
                "BatchRequestTooLongException",
                "The length of all the batch messages put together is more than the limit.",
            )
            .with_code("BatchRequestTooLong"));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (entry, draft) in drafts {
            let id = entry.member("Id").clone();
            match draft {
                Ok((draft, _)) => {
                    let message = self.keep(topic, draft, call.now);
                    successful.push(Value::map([("Id", id), ("MessageId", message.into())]));
                }
                Err(refusal) => failed.push(Value::map([
                    ("Id", id),
                    ("Code", refusal.code.into()),
                    ("Message", refusal.message.into()),
                    ("SenderFault", true.into()),
                ])),
            }
        }
        Ok(Value::map([
            ("Successful", Value::List(successful)),
            ("Failed", Value::List(failed)),
        ]))
    }

    fn list(&self, input: &Value) -> Answer {
        let skipped: usize = match input.member("NextToken").text() {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| invalid("Invalid parameter: NextToken"))?,
        };
        let page: Vec<Value> = self
            .by_arn
            .keys()
            .skip(skipped)
            .take(PAGE_MAX)
            .map(|arn| Value::map([("TopicArn", arn.as_str().into())]))
            .collect();
        let end = skipped.saturating_add(PAGE_MAX);
        let token = (end < self.by_arn.len()).then(|| end.to_string());
        Ok(Value::map([
            ("Topics", Value::List(page)),
            ("NextToken", token.into()),
        ]))
    }

    fn attributes(&self, arn: &str) -> Answer {
        let topic = self.by_arn.get(arn).ok_or_else(no_topic)?;
        let attributes = Value::map([
            ("TopicArn", arn.into()),
            ("Owner", self.account.as_str().into()),
            ("DisplayName", topic.display_name.as_str().into()),
            ("SubscriptionsConfirmed", "0".into()),
            ("SubscriptionsPending", "0".into()),
            ("SubscriptionsDeleted", "0".into()),
        ]);
        Ok(Value::map([("Attributes", attributes)]))
    }

    fn keep(&mut self, topic: &str, draft: Draft, at: UnixMillis) -> String {
        self.counts.published += 1;
        let number = self.counts.published;
        // A message id looks like a UUID; here it counts.
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let message = Published {
            number,
            id: id.clone(),
            topic: topic.to_owned(),
            at,
            subject: draft.subject,
            texts: draft.texts,
            attributes: draft.attributes,
        };
        self.bytes += message.memory_bytes();
        self.messages.push_back(message);
        while self.bytes > MEMORY_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.memory_bytes();
            self.counts.forgotten += 1;
        }
        id
    }
}

impl Notifier for Topics {
    fn notify(&mut self, notification: &Notification) {
        if !self.by_arn.contains_key(&notification.topic) {
            self.counts.undeliverable += 1;
            return;
        }
        let draft = Draft {
            subject: notification.subject.clone(),
            texts: BTreeMap::from([("default".to_owned(), notification.message.clone())]),
            attributes: BTreeMap::new(),
        };
        self.keep(&notification.topic, draft, notification.at);
    }
}

impl Published {
    fn memory_bytes(&self) -> usize {
        const OVERHEAD: usize = 256;
        let pairs = self.texts.iter().chain(&self.attributes);
        let pairs: usize = pairs.map(|(name, text)| name.len() + text.len() + 64).sum();
        OVERHEAD + self.topic.len() + self.subject.len() + pairs
    }
}

/// A message that was read and may be published.
struct Draft {
    subject: String,
    texts: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
}

impl Draft {
    /// Reads message, subject and attributes; also gives what counts towards the size limit.
    fn read(input: &Value) -> Result<(Self, usize), Refusal> {
        let message = input.member("Message").text().unwrap_or_default();
        if message.is_empty() {
            return Err(invalid("Invalid parameter: Empty message"));
        }
        let subject = input.member("Subject").text().unwrap_or_default();
        check_subject(subject, !input.member("Subject").is_null())?;
        let texts = match input.member("MessageStructure").text() {
            None | Some("") => BTreeMap::from([("default".to_owned(), message.to_owned())]),
            Some("json") => texts_by_protocol(message)?,
            Some(_) => return Err(invalid("Invalid parameter: MessageStructure")),
        };
        let (attributes, attribute_bytes) = attributes(input.member("MessageAttributes"))?;
        let draft = Self {
            subject: subject.to_owned(),
            texts,
            attributes,
        };
        Ok((draft, message.len() + attribute_bytes))
    }
}

/// A batch has 1 to 10 entries with different ids.
fn check_entries(entries: &[Value]) -> Result<(), Refusal> {
    let mut ids: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.member("Id").text())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let refusal = |shape, code, message: &str| Err(Refusal::new(shape, message).with_code(code));
    if entries.is_empty() {
        return refusal(
            "EmptyBatchRequestException",
            "EmptyBatchRequest",
            "The batch request doesn't contain any entries.",
        );
    }
    if entries.len() > BATCH_MAX {
        return refusal(
            "TooManyEntriesInBatchRequestException",
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        );
    }
    if ids.len() < entries.len() {
        return refusal(
            "BatchEntryIdsNotDistinctException",
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        );
    }
    Ok(())
}

fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes > MESSAGE_BYTES_MAX {
        return Err(invalid("Invalid parameter: Message too long"));
    }
    Ok(())
}

/// ASCII, beginning with a letter, digit or punctuation mark, without line breaks and control
/// characters, shorter than 100 characters.
fn check_subject(subject: &str, given: bool) -> Result<(), Refusal> {
    let printable = |letter: char| letter == ' ' || letter.is_ascii_graphic();
    let good = subject.chars().all(printable)
        && subject.len() <= SUBJECT_CHARS_MAX
        && !subject.starts_with(' ')
        && !(given && subject.is_empty());
    if good {
        Ok(())
    } else {
        Err(invalid("Invalid parameter: Subject"))
    }
}

fn texts_by_protocol(message: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let parsed: Result<BTreeMap<String, serde_json::Value>, _> = serde_json::from_str(message);
    let members = parsed.map_err(|_| {
        invalid("Invalid parameter: Message Structure - JSON message body failed to parse")
    })?;
    // Only members that are text count; SNS ignores the others.
    let texts: BTreeMap<String, String> = members
        .into_iter()
        .filter_map(|(protocol, text)| Some((protocol, text.as_str()?.to_owned())))
        .collect();
    if !texts.contains_key("default") {
        return Err(invalid(
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ));
    }
    Ok(texts)
}

fn attributes(input: &Value) -> Result<(BTreeMap<String, String>, usize), Refusal> {
    let (mut read, mut bytes) = (BTreeMap::new(), 0);
    for (name, attribute) in input.members() {
        let kind = attribute.member("DataType").text().unwrap_or_default();
        let base = kind.split('.').next().unwrap_or_default();
        let member = if base == "Binary" {
            "BinaryValue"
        } else {
            "StringValue"
        };
        let value = attribute.member(member).text().unwrap_or_default();
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let name_fits = (1..=ATTRIBUTE_NAME_CHARS_MAX).contains(&name.len())
            && name.chars().all(letters)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..");
        if !name_fits || !matches!(base, "String" | "Number" | "Binary") || value.is_empty() {
            return Err(Refusal::new(
                "InvalidParameterValueException",
                format!("The message attribute '{name}' is not valid."),
            )
            .with_code("ParameterValueInvalid"));
        }
        bytes += name.len() + kind.len() + value.len();
        read.insert(name.clone(), value.to_owned());
    }
    Ok((read, bytes))
}

/// The topic that the input names.
fn topic_arn(input: &Value) -> Result<&str, Refusal> {
    let arn = input.member("TopicArn").text();
    let arn = arn.or_else(|| input.member("TargetArn").text());
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        return Err(invalid(
            "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
        ));
    };
    let parts = arn.split(':').count();
    if parts < 6 {
        return Err(invalid(&format!(
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not {parts}"
        )));
    }
    Ok(arn)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("InvalidParameterException", message).with_code("InvalidParameter")
}

fn no_topic() -> Refusal {
    Refusal {
        status: 404,
        ..Refusal::new("NotFoundException", "Topic does not exist").with_code("NotFound")
    }
}

#[cfg(test)]
mod tests;
