//! Every call that our programs make, each with the IAM action that allows it.
//!
//! This is the one place that knows. Errors, `doctor`, `policy` and the documents below
//! `packaging/iam` ask here, so a call that is not listed cannot be made, and one that is listed
//! without being allowed fails a test.

/// Which of our programs makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `plimsoll-agent`.
    Agent,
    /// `plimsoll-collector`.
    Collector,
}

/// Declares the calls, so that the list of them cannot miss one, and none is without its action or
/// without a program. In IAM each of them is called as the operation is.
/// Source: Service Authorization Reference, the actions of each service.
macro_rules! calls {
    ($($name:ident $service:literal [$($by:ident)+] $help:literal)*) => {
        /// An operation of AWS that one of our programs calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Call {
            $(#[doc = $help] $name,)*
        }

        impl Call {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The operation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The IAM action that allows it.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$name => concat!($service, ":", stringify!($name)),)* }
            }

            /// The programs that make it.
            #[must_use]
            pub const fn by(self) -> &'static [Program] {
                match self { $(Self::$name => &[$(Program::$by),+],)* }
            }
        }
    };
}

calls! {
    PutLogEvents "logs" [Agent] "Sends events of logs."
    CreateLogStream "logs" [Agent] "Makes a stream that is not there yet."
    CreateLogGroup "logs" [Agent] "Makes a group that is not there yet."
    PutRetentionPolicy "logs" [Agent] "Sets how long a group that was made keeps its events."
    PutMetricData "cloudwatch" [Agent Collector] "Sends metrics."
    CompleteLifecycleAction "autoscaling" [Agent] "Ends the wait of a lifecycle hook."
    RecordLifecycleActionHeartbeat "autoscaling" [Agent] "Prolongs the wait of a lifecycle hook."
    DescribeTags "ec2" [Agent] "Asks for the name of the instance's group."
    GetParameter "ssm" [Agent] "Reads a configuration."
    AssumeRole "sts" [Agent Collector] "Takes the role of `aws.role_arn`."
    GetObject "s3" [Collector] "Reads a file of a trail."
    ReceiveMessage "sqs" [Collector] "Asks a queue for messages."
    DeleteMessage "sqs" [Collector] "Takes a message off its queue."
    GetCostAndUsage "ce" [Collector] "Asks for costs."
    DescribeAlarms "cloudwatch" [Collector] "Reads the alarms of the plan."
    PutMetricAlarm "cloudwatch" [Collector] "Makes an alarm of the plan."
    GetDashboard "cloudwatch" [Collector] "Reads the dashboard of the plan."
    PutDashboard "cloudwatch" [Collector] "Makes the dashboard of the plan."
    Publish "sns" [Collector] "Tells of an incident."
}

/// Actions that AWS asks for beside the one of the call, by what the call says.
pub mod beside {
    /// With `CreateLogGroup` that has tags. Source: CloudWatch Logs API reference, `CreateLogGroup`.
    pub const TAG_LOG_GROUP: &str = "logs:TagResource";
    /// With `PutMetricAlarm` that has tags. Source: CloudWatch API reference, `PutMetricAlarm`.
    pub const TAG_ALARM: &str = "cloudwatch:TagResource";
    /// With `GetObject`, for the answer that an object is not there; without it the answer is that
    /// access is denied. Source: Amazon S3 API reference, `GetObject`.
    pub const LIST_BUCKET: &str = "s3:ListBucket";
    /// With whatever reads under a key of the account: a `SecureString`, a trail, a queue.
    /// Source: AWS KMS developer guide, "How AWS services use KMS".
    pub const DECRYPT: &str = "kms:Decrypt";
    /// With `Publish` to a topic under a key of the account. Source: Amazon SNS developer guide,
    /// "Managing Amazon SNS encryption keys".
    pub const GENERATE_DATA_KEY: &str = "kms:GenerateDataKey";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::Call;

    /// The files of the clients, tests left out.
    fn clients() -> Vec<(PathBuf, String)> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let entries = fs::read_dir(source.join("clients")).expect("the clients");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let files = paths.filter(|path| path.is_file() && !path.ends_with("tests.rs"));
        let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).expect("a text"));
        files.map(read).collect()
    }

    #[test]
    fn every_call_is_sent_under_its_own_name_and_none_is_listed_that_nobody_sends() {
        let mut named = BTreeSet::new();
        for (path, text) in clients() {
            let (sent, failures) = (
                text.matches(".send()").count(),
                text.matches("failure(").count(),
            );
            assert_eq!(
                sent,
                failures,
                "{}: a call without its name",
                path.display()
            );
            let words = text.split("Call::").skip(1);
            named.extend(words.map(|word| {
                let end = word.find(|c: char| !c.is_alphanumeric());
                word.split_at(end.unwrap_or(word.len())).0.to_owned()
            }));
        }
        let listed: BTreeSet<String> = Call::ALL
            .iter()
            .map(|call| call.name().to_owned())
            .collect();
        assert_eq!(named, listed);
    }

    #[test]
    fn actions_are_called_as_their_operations_are() {
        let all: BTreeSet<&str> = Call::ALL.iter().map(|call| call.action()).collect();
        assert_eq!(all.len(), Call::ALL.len());
        assert_eq!(Call::PutMetricData.action(), "cloudwatch:PutMetricData");
        assert_eq!(Call::GetCostAndUsage.name(), "GetCostAndUsage");
    }
}
