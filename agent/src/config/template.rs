//! Names with placeholders: `web/{instance_id}/{file_name}`.

use plimsoll_core::config::nearest;

/// What stands for something that the instance is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// `i-…`; the host name outside EC2.
    InstanceId,
    /// The host name.
    Hostname,
    /// The first private IPv4 address.
    IpAddress,
    /// Twelve digits.
    AccountId,
    /// The Region that calls go to.
    Region,
    /// The Availability Zone.
    AvailabilityZone,
    /// The Auto Scaling group.
    AutoScalingGroup,
    /// `ami-…`.
    ImageId,
    /// Such as `m7g.large`.
    InstanceType,
    /// The name of the file that a line comes from; stays for the road of logs.
    FileName,
    /// The whole path of that file in one word; stays for the road of logs.
    FilePath,
    /// The day of an event in UTC; stays for the road of logs.
    Date,
    /// The value of this tag of the instance; written `{tag:Name}`.
    Tag(String),
}

/// Every placeholder by the word between the braces, tags aside.
pub const PLACEHOLDERS: [(&str, Placeholder); 12] = [
    ("instance_id", Placeholder::InstanceId),
    ("hostname", Placeholder::Hostname),
    ("ip_address", Placeholder::IpAddress),
    ("account_id", Placeholder::AccountId),
    ("region", Placeholder::Region),
    ("az", Placeholder::AvailabilityZone),
    ("asg", Placeholder::AutoScalingGroup),
    ("image_id", Placeholder::ImageId),
    ("instance_type", Placeholder::InstanceType),
    ("file_name", Placeholder::FileName),
    ("file_path", Placeholder::FilePath),
    ("date", Placeholder::Date),
];

/// What a placeholder without a value becomes.
const UNKNOWN: &str = "unknown";
/// What a character that the name may not hold becomes, inside of a value.
const SUBSTITUTE: char = '-';

/// A name in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

/// Why a name is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadTemplate {
    /// An opening brace has no closing one.
    #[error("found `{{` without `}}`")]
    Unclosed,
    /// A variable of the environment is not set, or empty.
    #[error("found ${{{0}}}, which is not set in the environment of the agent")]
    Unset(String),
    /// There is no such placeholder.
    #[error("found the unknown placeholder {{{name}}}")]
    Unknown {
        /// What stood between the braces.
        name: String,
        /// The nearest placeholder.
        nearest: Option<String>,
    },
}

impl Template {
    /// Splits `text` into its parts. `${NAME}` is taken from the environment now.
    ///
    /// # Errors
    /// See [`BadTemplate`].
    pub(super) fn parse(text: &str) -> Result<Self, BadTemplate> {
        Self::parse_in(text, &|name| std::env::var(name).ok())
    }

    /// [`Self::parse`] in an environment.
    fn parse_in(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(BadTemplate::Unclosed)?;
            let (before, part) = match before.strip_suffix('$') {
                Some(before) => {
                    let value = environment(name).filter(|value| !value.is_empty());
                    let unset = || BadTemplate::Unset(name.to_owned());
                    (before, Part::Text(value.ok_or_else(unset)?))
                }
                None => (before, Part::Value(placeholder(name)?)),
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(part);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The tags that occur.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(Placeholder::Tag(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The parts that were written as they are.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Value(_) => None,
        })
    }

    /// The name as a pattern in which `*` stands for every placeholder.
    #[must_use]
    pub(crate) fn pattern(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(_) => "*".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// Whether the placeholder occurs.
    #[must_use]
    pub fn holds(&self, placeholder: &Placeholder) -> bool {
        let is = |part: &Part| matches!(part, Part::Value(value) if value == placeholder);
        self.0.iter().any(is)
    }

    /// The name. `{file_name}`, `{file_path}` and `{date}` stay as they are. Characters of a value that log groups and streams
    /// may not hold become `-`.
    #[must_use]
    pub fn fill(&self, value: impl Fn(Placeholder) -> Option<String>) -> String {
        let filled = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(Placeholder::FileName) => "{file_name}".to_owned(),
            Part::Value(Placeholder::FilePath) => "{file_path}".to_owned(),
            Part::Value(Placeholder::Date) => "{date}".to_owned(),
            Part::Value(placeholder) => value(placeholder.clone())
                .filter(|value| !value.is_empty())
                .map_or_else(
                    || UNKNOWN.to_owned(),
                    |value| value.replace(|c| !is_name_char(c), &SUBSTITUTE.to_string()),
                ),
        };
        self.0.iter().map(filled).collect()
    }
}

impl Template {
    /// The text with its values as they are; `None` if one of them is not known.
    #[must_use]
    pub fn fill_known(&self, value: impl Fn(Placeholder) -> Option<String>) -> Option<String> {
        let filled = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Value(placeholder) => {
                value(placeholder.clone()).filter(|value| !value.is_empty())
            }
        });
        filled.collect()
    }
}

/// What stands between two braces.
fn placeholder(name: &str) -> Result<Placeholder, BadTemplate> {
    if let Some(tag) = name.strip_prefix("tag:")
        && !tag.is_empty()
    {
        return Ok(Placeholder::Tag(tag.to_owned()));
    }
    let known = PLACEHOLDERS.into_iter().find(|(word, _)| *word == name);
    known
        .map(|(_, placeholder)| placeholder)
        .ok_or_else(|| BadTemplate::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, PLACEHOLDERS.iter().map(|(word, _)| *word)),
        })
}

/// What the name of a log group may hold. Streams may hold more; their values keep to it as well.
/// Source: CloudWatch Logs API reference, CreateLogGroup, `logGroupName`.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_file_name_stays() {
        let value = |placeholder| match placeholder {
            Placeholder::InstanceId => Some("i-1".to_owned()),
            Placeholder::Hostname => Some("web:1 a".to_owned()),
            Placeholder::Tag(name) => (name == "Role").then(|| "api".to_owned()),
            _ => None,
        };
        for (text, name) in [
            ("plain", "plain"),
            ("{instance_id}", "i-1"),
            ("a/{hostname}/{file_name}", "a/web-1-a/{file_name}"),
            ("{asg}-x", "unknown-x"),
            ("{tag:Role}/{date}", "api/{date}"),
            ("{tag:Other}", "unknown"),
            ("a${STAGE}b/{instance_id}", "aprodb/i-1"),
        ] {
            let environment = |name: &str| (name == "STAGE").then(|| "prod".to_owned());
            assert_eq!(
                Template::parse_in(text, &environment).unwrap().fill(value),
                name,
                "{text}"
            );
        }
    }

    #[test]
    fn unknown_placeholders_are_told_the_nearest_one() {
        let unknown = Template::parse("{instanceid}").unwrap_err();
        assert_eq!(
            unknown,
            BadTemplate::Unknown {
                name: "instanceid".to_owned(),
                nearest: Some("instance_id".to_owned()),
            }
        );
        assert_eq!(Template::parse("a{b").unwrap_err(), BadTemplate::Unclosed);
        let unset = Template::parse_in("${STAGE}", &|_| Some(String::new())).unwrap_err();
        assert_eq!(unset, BadTemplate::Unset("STAGE".to_owned()));
    }
}
