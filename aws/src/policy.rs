//! Policies of IAM as documents: who may do what with which resources. Pure.
//!
//! What a configuration needs is decided in the services; here it is only written down. A document
//! allows and never denies.

use plimsoll_core::json::escape_lossy;

/// How large a managed policy may be, in characters without white space. Source: IAM user guide,
/// "IAM and AWS STS quotas".
pub const MANAGED_CHARS_MAX: usize = 6_144;

/// Where resources are. What is not known is `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The Region.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Place {
    /// A place. A partition that is not given is that of the Region, `aws` for one that is not known.
    /// Source: IAM user guide, "Identify AWS resources with Amazon Resource Names".
    #[must_use]
    pub fn new(partition: Option<&str>, region: Option<&str>, account: Option<&str>) -> Self {
        let region = region.unwrap_or("*");
        let of_region = || match region {
            _ if region.starts_with("cn-") => "aws-cn",
            _ if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self {
            partition: partition.unwrap_or_else(of_region).to_owned(),
            region: region.to_owned(),
            account: account.unwrap_or("*").to_owned(),
        }
    }

    /// The ARN of a resource of this Region and account.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        self.join(service, &self.region, &self.account, resource)
    }

    /// The ARN of a resource that belongs to the account in all Regions.
    #[must_use]
    pub fn global_arn(&self, service: &str, resource: &str) -> String {
        self.join(service, "", &self.account, resource)
    }

    /// The ARN of a bucket, or of objects in one: it names neither Region nor account.
    #[must_use]
    pub fn bucket_arn(&self, name: &str) -> String {
        self.join("s3", "", "", name)
    }

    fn join(&self, service: &str, region: &str, account: &str, resource: &str) -> String {
        let parts = ["arn", &self.partition, service, region, account, resource];
        parts.join(":")
    }
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name: letters and digits.
    pub sid: &'static str,
    /// What may be done.
    pub actions: Vec<&'static str>,
    /// With what; never empty.
    pub resources: Vec<String>,
    /// A condition key of the request, and the patterns of which it has to match one.
    pub condition: Option<(&'static str, Vec<String>)>,
}

/// A document. Statements without actions or resources do not come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The permissions, in the order in which they are written.
    pub statements: Vec<Statement>,
    /// What whoever uses it has to know, a sentence each.
    pub notes: Vec<String>,
}

impl Policy {
    /// Allows actions with resources.
    pub fn allow(
        &mut self,
        sid: &'static str,
        actions: &[&'static str],
        resources: impl IntoIterator<Item = String>,
    ) {
        self.push(sid, actions, resources, None);
    }

    /// Allows actions with resources if the request's `key` matches one of `patterns`.
    pub fn allow_if(
        &mut self,
        sid: &'static str,
        actions: &[&'static str],
        resources: impl IntoIterator<Item = String>,
        key: &'static str,
        patterns: impl IntoIterator<Item = String>,
    ) {
        let patterns = least(patterns);
        if !patterns.is_empty() {
            self.push(sid, actions, resources, Some((key, patterns)));
        }
    }

    fn push(
        &mut self,
        sid: &'static str,
        actions: &[&'static str],
        resources: impl IntoIterator<Item = String>,
        condition: Option<(&'static str, Vec<String>)>,
    ) {
        let resources = least(resources);
        if !actions.is_empty() && !resources.is_empty() {
            self.statements.push(Statement {
                sid,
                actions: actions.to_vec(),
                resources,
                condition,
            });
        }
    }

    /// Every action that is allowed, in the order of the document.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.statements
            .iter()
            .flat_map(|one| one.actions.iter().copied())
    }

    /// The document as IAM takes it, indented, with a line break at its end.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = String::from("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [");
        for (index, one) in self.statements.iter().enumerate() {
            text.push_str(if index == 0 {
                "\n    {\n"
            } else {
                ",\n    {\n"
            });
            let mut lines = vec![
                format!("\"Sid\": {}", quoted(one.sid)),
                "\"Effect\": \"Allow\"".to_owned(),
                format!("\"Action\": {}", list(&one.actions, 6)),
                format!("\"Resource\": {}", list(&one.resources, 6)),
            ];
            if let Some((key, patterns)) = &one.condition {
                let (key, patterns) = (quoted(key), list(patterns, 10));
                lines.push(format!(
                    "\"Condition\": {{\n        \"StringLike\": {{\n          {key}: {patterns}\n        \
                     }}\n      }}"
                ));
            }
            text.push_str("      ");
            text.push_str(&lines.join(",\n      "));
            text.push_str("\n    }");
        }
        text.push_str("\n  ]\n}\n");
        text
    }

    /// How large it is by IAM's count: white space does not matter, and none of its strings has any
    /// but inside of names.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.json().chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// Patterns in order, each once, without those that another covers which ends with `*`.
fn least(patterns: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = patterns.into_iter().collect();
    all.sort();
    all.dedup();
    let covers = |wide: &String, one: &String| {
        wide != one
            && wide
                .strip_suffix('*')
                .is_some_and(|head| one.starts_with(head))
    };
    let kept = all
        .iter()
        .filter(|one| !all.iter().any(|wide| covers(wide, one)));
    kept.cloned().collect()
}

/// One string alone, or a list with a line for each.
fn list<T: AsRef<str>>(all: &[T], indent: usize) -> String {
    if let [one] = all {
        return quoted(one.as_ref());
    }
    let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
    let lines: Vec<String> = all
        .iter()
        .map(|one| inner.clone() + &quoted(one.as_ref()))
        .collect();
    format!("[\n{}\n{outer}]", lines.join(",\n"))
}

fn quoted(text: &str) -> String {
    let mut escaped = vec![b'"'];
    escape_lossy(&mut escaped, text.as_bytes());
    escaped.push(b'"');
    String::from_utf8_lossy(&escaped).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn the_document_is_the_one_that_was_meant_whatever_names_hold() {
        let place = Place::new(None, Some("eu-west-1"), Some("111122223333"));
        let mut policy = Policy::default();
        policy.allow(
            "Logs",
            &["logs:PutLogEvents"],
            [place.arn("logs", "log-group:a")],
        );
        policy.allow("Nothing", &["logs:PutLogEvents"], []);
        policy.allow_if("No", &["logs:PutLogEvents"], ["*".to_owned()], "a:b", []);
        let namespaces = texts(&["say \"hi\"", "Plimsoll/*"]);
        let put = ["cloudwatch:PutMetricData", "cloudwatch:TagResource"];
        policy.allow_if(
            "Metrics",
            &put,
            ["*".to_owned()],
            "cloudwatch:namespace",
            namespaces,
        );
        let told: Value = serde_json::from_str(&policy.json()).unwrap();
        let expected = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Logs", "Effect": "Allow", "Action": "logs:PutLogEvents",
              "Resource": "arn:aws:logs:eu-west-1:111122223333:log-group:a" },
            { "Sid": "Metrics", "Effect": "Allow", "Resource": "*", "Action": put,
              "Condition": { "StringLike": { "cloudwatch:namespace": ["Plimsoll/*", "say \"hi\""] } } },
        ]});
        assert_eq!(told, expected);
        let without = told.to_string().replace(' ', "").len();
        assert_eq!(policy.chars(), without);
    }

    #[test]
    fn a_pattern_that_another_covers_is_left_out() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&["b", "a", "b"], &["a", "b"]),
            (&["web/*", "web/a", "weather"], &["weather", "web/*"]),
            (&["*", "a", "b*"], &["*"]),
            (&["a*c", "abc"], &["a*c", "abc"]),
        ];
        for (given, left) in cases {
            assert_eq!(least(texts(given)), texts(left), "{given:?}");
        }
    }

    #[test]
    fn a_partition_is_that_of_the_region_unless_it_is_given() {
        let cases = [
            (None, None, "aws"),
            (None, Some("eu-west-1"), "aws"),
            (None, Some("cn-north-1"), "aws-cn"),
            (None, Some("us-gov-west-1"), "aws-us-gov"),
            (Some("aws-iso"), Some("us-iso-east-1"), "aws-iso"),
        ];
        for (given, region, expected) in cases {
            let place = Place::new(given, region, None);
            assert_eq!(place.bucket_arn("b"), format!("arn:{expected}:s3:::b"));
        }
        let anywhere = Place::new(None, None, None);
        assert_eq!(anywhere.arn("sqs", "q"), "arn:aws:sqs:*:*:q");
        assert_eq!(
            anywhere.global_arn("cloudwatch", "dashboard/d"),
            "arn:aws:cloudwatch::*:dashboard/d"
        );
    }
}
