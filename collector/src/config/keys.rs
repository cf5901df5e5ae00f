//! Every key of the configuration, once: what the reference manual is written from.
//!
//! A test proves that the reader knows exactly these keys; another that the manual is up to date.

use plimsoll_core::config::manual::Key;

/// All keys, in the order of the manual.
pub const KEYS: &[Key] = plimsoll_core::keys! {
    "collector.state", "path", "`\"/var/lib/plimsoll-collector/state.sqlite\"`",
        "The SQLite file that survives a restart: what was read, findings, incidents, notifications to send. Losing it means that everything is read and told again. One process at a time uses it.";
    "collector.interval", "duration, 1s to 1h", "`\"1m\"`",
        "Between two sets of the collector's own metrics. CloudWatch keeps them by the minute, so shorter helps nobody but a demonstration.";
    "collector.scan_interval", "duration, 1s to 1h", "`\"10s\"`",
        "Between two looks at the directories that are named below. Queues are waited on and need none.";
    "collector.quiet_period", "duration, 1m to 30d", "`\"24h\"`",
        "After how long without anything new an incident is closed. It opens again, under the same id, when something new belongs to it.";
    "collector.log_level", "`error`, `warn`, `info`, `debug` or `trace`", "`\"info\"`",
        "What the collector says about itself in the journal, or on standard error.";
    "collector.control_socket", "path, or `\"off\"`", "`collector.sock` in the directory that systemd has made, else beside the state",
        "The Unix socket that `plimsoll-collector status` and `doctor` ask at. Root, the collector's user and members of its group may. It takes effect at the next start.";
    "aws.region", "name of a Region", "`AWS_REGION`, the profile, the instance's Region",
        "The Region of the queues, the topics, the metrics, the alarms and the dashboard.";
    "aws.profile", "name", "`AWS_PROFILE`, then `default`",
        "The profile of the shared AWS files to take Region and credentials from. Leave it out on EC2, where the role of the instance is used.";
    "aws.credentials_file", "path", "`AWS_SHARED_CREDENTIALS_FILE`, then `~/.aws/credentials`",
        "The shared file that `aws.profile` is looked for in.";
    "aws.imds_attempts", "whole number, 1 to 10", "`3`",
        "How often instance metadata is asked one question before it is taken for unanswered.";
    "aws.endpoint_url", "URL", "`AWS_ENDPOINT_URL`, then AWS",
        "Where all services are. For a local stand-in; VPC endpoints need no setting.";
    "aws.endpoint_urls.logs", "URL", "none",
        "Not called by the collector; read so that both services can have the same `[aws]` table.";
    "aws.endpoint_urls.monitoring", "URL", "`AWS_ENDPOINT_URL_CLOUDWATCH`, then `aws.endpoint_url`",
        "Where CloudWatch is.";
    "aws.endpoint_urls.ce", "URL", "`AWS_ENDPOINT_URL_COST_EXPLORER`, then `aws.endpoint_url`",
        "Where Cost Explorer is.";
    "aws.endpoint_urls.sns", "URL", "`AWS_ENDPOINT_URL_SNS`, then `aws.endpoint_url`",
        "Where SNS is.";
    "aws.endpoint_urls.sqs", "URL", "`AWS_ENDPOINT_URL_SQS`, then `aws.endpoint_url`",
        "Where SQS is.";
    "aws.endpoint_urls.s3", "URL", "`AWS_ENDPOINT_URL_S3`, then `aws.endpoint_url`",
        "Where S3 is.";
    "aws.endpoint_urls.sts", "URL", "`AWS_ENDPOINT_URL_STS`, then `aws.endpoint_url`",
        "Where STS is, for `aws.role_arn`.";
    "aws.endpoint_urls.ssm", "URL", "none", "Not called by the collector.";
    "aws.endpoint_urls.autoscaling", "URL", "none", "Not called by the collector.";
    "aws.endpoint_urls.ec2", "URL", "none", "Not called by the collector.";
    "aws.endpoint_urls.imds", "URL", "`AWS_EC2_METADATA_SERVICE_ENDPOINT`, then the instance's own address",
        "Where instance metadata is. `aws.endpoint_url` does not move it.";
    "aws.role_arn", "ARN of a role", "none",
        "A role to assume with the credentials that were found, to read another account.";
    "aws.external_id", "string", "none",
        "What the trust policy of `aws.role_arn` asks for.";
    "aws.proxy", "URL", "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`",
        "The proxy for every call. Instance metadata is never asked through it.";
    "aws.no_proxy", "hosts separated by commas", "`NO_PROXY`",
        "Hosts that are reached without the proxy.";
    "aws.ca_bundle", "path of a PEM file", "`AWS_CA_BUNDLE`, then the system's",
        "Certificates to trust instead of the system's, for a proxy that opens TLS.";
    "aws.fips", "`true` or `false`", "`AWS_USE_FIPS_ENDPOINT`, the profile, then `false`",
        "Whether FIPS endpoints are used.";
    "aws.dual_stack", "`true` or `false`", "`AWS_USE_DUALSTACK_ENDPOINT`, the profile, then `false`",
        "Whether endpoints with IPv6 are used.";
    "cloudtrail.directory", "path of a directory", "none",
        "CloudTrail files (`.json`, `.json.gz`), subdirectories included. Each is read once in each of its versions. At least one of `directory` and `queue_url` is needed in this table.";
    "cloudtrail.queue_url", "URL of an SQS queue", "none",
        "The queue that hears of new objects of the trail's bucket (from CloudTrail's SNS topic, S3 or EventBridge) or carries events itself. A message is deleted when everything that it stands for is stored.";
    "cloudtrail.home_regions", "list of names of Regions", "learned from the first seven days of events",
        "The Regions in use. With a list, a launch anywhere else is told of at once; without one, an account is watched for a week before any Region counts as new.";
    "guardduty.directory", "path of a directory", "none",
        "GuardDuty findings as JSON. At least one of `directory` and `queue_url` is needed in this table.";
    "guardduty.queue_url", "URL of an SQS queue", "none",
        "The queue that EventBridge sends GuardDuty findings to.";
    "cost.source", "`\"cost-explorer\"`, or the path of a file or directory", "none; required in this table",
        "Daily cost by service. Every page of Cost Explorer costs US$0.01; what was read is kept in the state. A file holds answers of GetCostAndUsage.";
    "cost.refresh", "duration, 1h to 7d", "`\"8h\"`",
        "How often Cost Explorer is asked. Its data is renewed up to three times a day.";
    "cost.min_usd", "number, US$ a day", "`10`",
        "The least difference from what was expected that is worth a finding.";
    "cost.min_share", "number, 0 to 10", "`0.1`",
        "The least difference as a share of what was expected. Both must be reached.";
    "cost.medium_usd", "number, US$ a day", "`50`",
        "The difference from which on a finding has medium severity, if it is a quarter more as well.";
    "cost.high_usd", "number, US$ a day", "`500`",
        "The difference from which on a finding has high severity.";
    "notify.topic_arn", "ARN of an SNS topic", "none; nobody is told",
        "The topic for people and programs. Mail gets a short text; SQS, HTTP(S) and Lambda get the incident as JSON. Each incident is told once for each severity that it reaches.";
    "notify.chat_topic_arn", "ARN of an SNS topic", "none",
        "A topic of its own for Amazon Q Developer in chat applications, which silently drops anything but its own schema.";
    "notify.min_severity", "`informational`, `low`, `medium`, `high` or `critical`", "`\"medium\"`",
        "Incidents below are kept and counted, and not told.";
    "plan.apply", "`true` or `false`", "`false`",
        "Whether alarms and the dashboard are put as the plan says. While it is `false` the plan is only shown, in the log and by `plimsoll-collector plan`, and read permissions are enough.";
    "plan.alarms", "`true` or `false`", "`true`",
        "Whether alarms are part of the plan. Their names begin with `plimsoll-`; each costs US$0.10 a month.";
    "plan.dashboard", "name of a dashboard", "`\"plimsoll-fleet\"`",
        "The dashboard that is part of the plan. An empty name leaves it out. One that was not made by Plimsoll is never replaced.";
    "plan.alarm_topic_arn", "ARN of an SNS topic", "none; alarms tell nobody",
        "The topic that alarms tell when they go off and when they come back.";
    "plan.auto_scaling_groups", "list of names", "none",
        "The groups that get alarms on processor, memory, disk and silence, and charts of their capacity. Without any the dashboard shows every group that has data.";
    "plan.paths", "list of mount points", "`[\"/\"]`",
        "The file systems that every instance of those groups has; each gets an alarm.";
    "plan.runbook_url", "URL", "none",
        "Where the person who is called finds out what to do. It stands in every alarm and on the dashboard.";
    "plan.interval", "duration, 10s to 24h", "`\"5m\"`",
        "How often what is in CloudWatch is compared with the plan.";
    "rules.directory", "path of a directory", "the rules that are built in",
        "Detection rules (Sigma, `.yml`) to use instead of those that are built in.";
};
