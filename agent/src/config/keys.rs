//! Every key of the configuration, once: what the reference manual is written from.
//!
//! A test proves that the reader knows exactly these keys; another that the manual is up to date.

use plimsoll_core::config::manual::Key;

/// All keys, in the order of the manual.
pub const KEYS: &[Key] = plimsoll_core::keys! {
    "agent.state_dir", "absolute path", "`STATE_DIRECTORY`, which systemd sets, else `\"/var/lib/plimsoll\"`",
        "Where positions in files and refused events are kept. It must survive a restart and be writable by the service's user; losing it means that files are read again from `start`.";
    "agent.drain_timeout", "duration, 1s to 85s", "`\"20s\"`",
        "How long the agent may take after SIGTERM to send what it holds. What is not sent by then is sent after the next start: log lines are read again from the files, metrics wait in the spool. Keep it below the `TimeoutStopSec` of the unit.";
    "agent.log_level", "`error`, `warn`, `info`, `debug` or `trace`", "`\"info\"`",
        "What the agent says about itself in the journal, or on standard error.";
    "agent.control_socket", "absolute path, up to 107 bytes, or `off`", "`agent.sock` in `RUNTIME_DIRECTORY`, which systemd sets (`/run/plimsoll` with the packaged unit), else in `agent.state_dir`",
        "The Unix socket at which `status`, `top` and `tap` ask the running agent. Root, the agent's user and members of its group may ask; nothing can be changed through it. An agent that cannot open it tells so, counts `control_unavailable` and ships all the same. A change takes effect at the next start.";
    "agent.config_check", "duration, 10s to 24h, or `off`", "`\"5m\"`",
        "How often a configuration out of Parameter Store (`--config ssm:…`) is compared with what is in force; one that has changed is taken as by a reload, or refused as a whole and told once. Each wait is drawn between half and one and a half of this, and doubles up to an hour while Parameter Store cannot be asked, which counts `config_check_failed` and changes nothing. A fleet of N instances whose configuration has P parameters calls `GetParameter` N × P / 300 times a second by default; an account has 40 a second in a Region unless that is raised. A file is read again by a reload alone.";
    "aws.region", "name of a Region", "`AWS_REGION`, the profile, the instance's Region",
        "The Region that logs and metrics go to.";
    "aws.profile", "name", "`AWS_PROFILE`, then `default`",
        "The profile of the shared AWS files to take Region and credentials from. Leave it out on EC2, where the role of the instance is used.";
    "aws.credentials_file", "path", "`AWS_SHARED_CREDENTIALS_FILE`, then `~/.aws/credentials`",
        "The shared file that `aws.profile` is looked for in.";
    "aws.imds_attempts", "whole number, 1 to 10", "`3`",
        "How often instance metadata is asked one question before it is taken for unanswered.";
    "aws.endpoint_url", "URL", "`AWS_ENDPOINT_URL`, then AWS",
        "Where all services are. For a local stand-in; VPC endpoints need no setting.";
    "aws.endpoint_urls.logs", "URL", "`AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`, then `aws.endpoint_url`",
        "Where CloudWatch Logs is.";
    "aws.endpoint_urls.monitoring", "URL", "`AWS_ENDPOINT_URL_CLOUDWATCH`, then `aws.endpoint_url`",
        "Where CloudWatch is.";
    "aws.endpoint_urls.sts", "URL", "`AWS_ENDPOINT_URL_STS`, then `aws.endpoint_url`",
        "Where STS is, for `aws.role_arn`.";
    "aws.endpoint_urls.ssm", "URL", "`AWS_ENDPOINT_URL_SSM`, then `aws.endpoint_url`",
        "Where SSM Parameter Store is, for a configuration that is kept there.";
    "aws.endpoint_urls.autoscaling", "URL", "`AWS_ENDPOINT_URL_AUTO_SCALING`, then `aws.endpoint_url`",
        "Where EC2 Auto Scaling is, for lifecycle hooks.";
    "aws.endpoint_urls.ec2", "URL", "`AWS_ENDPOINT_URL_EC2`, then `aws.endpoint_url`",
        "Where EC2 is, to ask for the tag that names the instance's Auto Scaling group.";
    "aws.endpoint_urls.imds", "URL", "`AWS_EC2_METADATA_SERVICE_ENDPOINT`, then the instance's own address",
        "Where instance metadata is. `aws.endpoint_url` does not move it.";
    "aws.endpoint_urls.ce", "URL", "none",
        "Not called by the agent; read so that both services can have the same `[aws]` table.";
    "aws.endpoint_urls.sns", "URL", "none", "Not called by the agent.";
    "aws.endpoint_urls.sqs", "URL", "none", "Not called by the agent.";
    "aws.endpoint_urls.s3", "URL", "none", "Not called by the agent.";
    "aws.role_arn", "ARN of a role", "none",
        "A role to assume with the credentials that were found, to send to another account.";
    "aws.external_id", "string", "none",
        "What the trust policy of `aws.role_arn` asks for.";
    "aws.proxy", "URL", "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`",
        "The proxy for every call. Instance metadata is never asked through it.";
    "aws.no_proxy", "hosts separated by commas", "`NO_PROXY`",
        "Hosts that are reached without the proxy.";
    "aws.ca_bundle", "path of a PEM file", "`AWS_CA_BUNDLE`, then the system's",
        "Certificates to trust instead of the system's, for a proxy that opens TLS.";
    "aws.fips", "`true` or `false`", "`AWS_USE_FIPS_ENDPOINT` or the profile",
        "Whether FIPS endpoints are called.";
    "aws.dual_stack", "`true` or `false`", "`AWS_USE_DUALSTACK_ENDPOINT` or the profile",
        "Whether endpoints with IPv6 are called.";
    "lifecycle.watch", "`true` or `false`", "`true`",
        "Whether instance metadata is asked every five seconds for interruptions by Spot, rebalance recommendations and scale-in, and every five minutes for planned maintenance. From a notice on that the instance ends, signals are withheld and nothing is held back.";
    "lifecycle.log_group", "name, with placeholders", "none",
        "The log group for events of the instance's life, a line of JSON each. They go through `events/lifecycle.log` below `agent.state_dir`, so that none is lost over a restart. Without it they stand in the agent's own log only.";
    "lifecycle.log_stream", "name, with placeholders", "`\"{instance_id}\"`",
        "The log stream for these events; needs `lifecycle.log_group`.";
    "lifecycle.termination_hook", "name of a lifecycle hook", "none",
        "The hook of the group for instances that end: heartbeats are sent while the instance waits in it, then it is completed with CONTINUE when everything is delivered, or ABANDON when the deadline came first. Needs `autoscaling:CompleteLifecycleAction` and `autoscaling:RecordLifecycleActionHeartbeat`.";
    "lifecycle.launch_hook", "name of a lifecycle hook", "none",
        "The hook of the group for instances that begin: completed with CONTINUE once for each boot, after CloudWatch has accepted the first line or metric.";
    "lifecycle.heartbeat", "duration, 1s to 1h", "`\"10s\"`",
        "The time between two heartbeats of `termination_hook`. Keep it below half of the hook's own timeout.";
    "lifecycle.drain_timeout", "duration, 5s to 2h", "`\"5m\"`",
        "How long everything may take after a scale-in: the commands, the delivery and the completion of the hook. An interruption by Spot ends two minutes after its notice, whatever is written here; a shutdown has `agent.drain_timeout`.";
    "lifecycle.margin", "duration, 0s to 1m", "`\"5s\"`",
        "What is kept free at the end of that time for the completion of the hook.";
    "lifecycle.rebalance", "`tell` or `drain`", "`\"tell\"`",
        "What a rebalance recommendation does: it is told, or the instance leaves as at an interruption.";
    "lifecycle.commands.command", "list of strings", "required",
        "A program with its arguments that is run before the drain; up to 16, one after the other, by no shell and as the user of the service, within the sandbox of its unit. It finds `PLIMSOLL_NOTICE`, `PLIMSOLL_INSTANCE_ID` and `PLIMSOLL_DEADLINE` in its environment; 4 KiB of its output go to the events. If it fails the instance leaves all the same.";
    "lifecycle.commands.timeout", "duration, 1s to 10m", "`\"30s\"`",
        "How long it may take before it is killed with its process group.";
    "logs.in_flight", "size, 2MiB to 1GiB", "`\"16MiB\"`",
        "Bytes that are read and not yet accepted, over all files, and the requests that carry them. At this bound reading stops and the files themselves are the buffer; nothing is lost. Raise it for a fast host that is far from its Region.";
    "logs.flush_interval", "duration, 100ms to 60s", "`\"5s\"`",
        "How long an event may wait for its batch to fill. Shorter is fresher and makes more calls; PutLogEvents itself is not billed per call.";
    "logs.puts_in_flight", "whole number, 1 to 64", "`4`",
        "PutLogEvents calls under way at once, over all streams.";
    "logs.rescan_interval", "duration, 1s to 1h", "`\"10s\"`",
        "How often directories are looked through for new files even when the kernel told of none, as on network file systems.";
    "logs.dead_letter", "size, 1MiB to 1GiB", "`\"16MiB\"`",
        "Events that CloudWatch Logs refuses are kept, with the reason, in `dead-letters.jsonl` and `dead-letters.1.jsonl` below `agent.state_dir`, up to this size; the oldest go first and are counted.";
    "logs.cloudwatch_agent_state", "absolute path", "none",
        "Where amazon-cloudwatch-agent has left its positions, usually `/opt/aws/amazon-cloudwatch-agent/logs/state`. A file that exists when its section is first looked for, and that this agent has no position in, then goes on where that agent stopped instead of at `start`; see migrating-from-cloudwatch-agent.md. Nothing in it is changed.";
    "logs.file.path", "glob or list of globs, absolute", "required",
        "The files to follow: `*` and `?` inside a directory, `[…]` one of a set, `{a,b}` either, `**` any number of directories; a leading dot and names that are not UTF-8 match as any other. A file that fits several sections belongs to the first. Globs that also match rotated names read nothing twice.";
    "logs.file.exclude", "glob or list of globs, absolute or without a slash", "none",
        "Files to leave out, such as compressed ones. A glob without a slash (`*.gz`) is for the name alone, in any directory.";
    "logs.file.exclude_names", "pattern or list of patterns", "none",
        "The same by regular expressions, which look at the name without its directory.";
    "logs.file.start", "`beginning` or `end`", "`\"end\"`",
        "Where to begin in a file that existed before the agent first ran. A file that appears later is always read from its start.";
    "logs.file.group", "name, up to 512 of letters, digits and `. - _ / #`", "required",
        "The log group, made when it does not exist. Placeholders: all but `{file_name}`, `{file_path}` and `{date}`.";
    "logs.file.stream", "name, up to 512 characters without `:` and `*`", "`\"{instance_id}\"`",
        "The log stream, made when it does not exist. Placeholders: `{instance_id}` (the host name outside EC2), `{hostname}`, `{ip_address}`, `{account_id}`, `{region}`, `{az}`, `{asg}`, `{image_id}`, `{instance_type}`, `{file_name}`, `{file_path}` (the whole path, with `_` for all but letters, digits and `. - #`), `{tag:NAME}` (a tag of the instance, if its metadata shows tags), `{date}` (the day of the event in UTC such as `2026-11-24`; each day has its own stream), and `${NAME}` (the agent's environment at its start; not set is an error). What is not known becomes `unknown`.";
    "logs.file.class", "`STANDARD` or `INFREQUENT_ACCESS`", "`\"STANDARD\"`",
        "The class of a group that is made; it can never be changed. Infrequent access costs half and has no metric filters, subscriptions or live tail.";
    "logs.file.retention_days", "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653", "kept for ever",
        "How long the group keeps events, set when the group is made.";
    "logs.file.tags", "table of strings, up to 50", "none",
        "Tags of a group that is made.";
    "logs.file.kms_key", "ARN of a KMS key", "the service's own key",
        "The key that encrypts a group that is made.";
    "logs.file.encoding", "label of the Encoding Standard", "`\"utf-8\"`",
        "What the bytes of the files mean: `utf-16` (by byte order mark, else little-endian), `utf-16le`, `utf-16be`, `iso-8859-1`, `windows-1252`, `shift_jis`, `gb18030`, `euc-kr`, `big5` and all others of <https://encoding.spec.whatwg.org/#names-and-labels>. Events are UTF-8; what cannot be decoded becomes U+FFFD and is counted as `invalid_text`. A byte order mark at the start is taken off.";
    "logs.file.rate_limit", "size, 1KiB to 1GiB", "none",
        "Bytes of each file that are read in a second, after a burst of one second. What is beyond it waits in the file and nothing is dropped; `rate_limited` in the agent's problems counts how often a file had to wait. A limit below what is written in the long run falls ever further behind.";
    "logs.file.multi_line.mode", "`java`, `python`, `go`, `node`, `dotnet`, `rust` or `indent`, or a list of them", "none",
        "Keeps the lines of a stack trace, or with `indent` lines that begin with a space or a tab, together in one event. Can be written in short as `multi_line = \"java\"`. Only one of `mode`, `start` and `continuation` may be given; without any of them each line is an event. A trace begins with its own first line; to keep it together with the record that was logged before it, use `start`.";
    "logs.file.multi_line.start", "regular expression", "none",
        "A line that matches begins an event; lines that do not belong to the one before. It is matched on the decoded line without its end.";
    "logs.file.multi_line.continuation", "regular expression", "none",
        "A line that matches belongs to the event before it; all others begin one.";
    "logs.file.multi_line.max_bytes", "size, 1KiB to 1048550 bytes", "what an event may hold",
        "An event that would grow beyond it is sent as it is, counted as `multi_line_cut`, and goes on as another one.";
    "logs.file.multi_line.max_lines", "whole number, 2 to 1000000", "`5000`",
        "The same for its lines.";
    "logs.file.multi_line.timeout", "duration, 100ms to 10m", "`\"5s\"`",
        "How long a file must be quiet before its last event is taken for complete. Until then it waits in the file.";
    "logs.file.timestamp", "`rfc3339`, `epoch`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a format", "the time of reading",
        "Where the time of an event stands in it. A format is written with `%Y %y %m %B %b %h %d %e %j %A %a %H %k %I %l %M %S %f %.f %p %Z %z %s %F %D %T %R %%`, numbers also with `-` as in `%-d`: all that the amazon-cloudwatch-agent knows and more. Names of months and days are English, in full or of three letters; a number may have one digit, or a space instead of a zero; `%f` is one to nine digits after a point or a comma, `%.f` the same or nothing; `%z` is `Z`, `+hh`, `+hhmm` or `+hh:mm`. `epoch` tells seconds, milliseconds, microseconds and nanoseconds since 1970 apart by the number of digits (9 to 19). Without a year the latest one is meant that puts the event at most a day ahead; without a day, the latest one that puts it at most two hours ahead. An event without a stamp gets that of the event before it in the same read, else the time of reading; both are counted as `timestamp_missing`.";
    "logs.file.timestamp_field", "name of a field", "none",
        "The field of events that are JSON objects which holds the time, at the top of the object. Without `timestamp` it holds RFC 3339, or a number since 1970 of 9 to 19 digits with or without a fraction. In events that are no objects the time is looked for in the text.";
    "logs.file.time_zone", "`Local`, `UTC` or a name of the tz database such as `Europe/Zurich`", "`\"Local\"`",
        "The zone of stamps that tell none. `%Z` is understood when it is UTC, GMT, what this zone calls itself, or one of EST EDT CST CDT MST MDT PST PDT; else this zone is meant. In the hour that comes twice when clocks are put back, the later one is meant unless it is still to come.";
    "logs.file.timestamp_search_bytes", "whole number, 0 to 65536", "`256`",
        "How far into an event its stamp may begin; `0` is at its first byte only.";
    "logs.file.out_of_window", "`keep` or `now`", "`\"keep\"`",
        "What becomes of an event whose stamp is more than 14 days old or two hours ahead, which CloudWatch Logs refuses: `keep` leaves it so, and it becomes a dead letter; `now` gives it the time of reading and counts it as `timestamp_out_of_window`.";
    "logs.file.trim_timestamp", "`true` or `false`", "`false`",
        "Whether the stamp that was found is taken out of the text, unless nothing else would be left. `include_lines` and its like look at the text with the stamp, `redact` at what is sent.";
    "logs.file.include_lines", "pattern or list of patterns", "everything",
        "Regular expressions of which one must match the text of an event, as it is in the file, for it to be sent. What is left out is counted as `filtered` in `events_dropped`.";
    "logs.file.require_lines", "pattern or list of patterns", "none",
        "Regular expressions that must all match. With `include_lines`, both must agree.";
    "logs.file.exclude_lines", "pattern or list of patterns", "none",
        "Regular expressions of which none may match. With `include_lines`, both must agree.";
    "logs.file.redact", "list out of `aws_keys`, `bearer_tokens`, `card_numbers`, `emails`, `jwt`, `private_keys`, `url_passwords`", "none",
        "What is replaced in the text of an event before it leaves the host, by `[redacted:aws_key]` and the like. Access key ids of AWS, and secret keys and session tokens behind a word that names them; what follows `Bearer`, or `Basic` in an authorization header; card numbers of the large networks whose check digit holds; e-mail addresses; JSON web tokens; private keys in PEM, in one event, or row by row as far as BEGIN or END is read at once with the rows (best effort); passwords in URLs. Counted by kind. An event that cannot be redacted as it should is replaced whole by `[redacted:event]`. Dead letters hold the redacted text; the file itself and the positions are untouched.";
    "logs.file.redact_pattern.pattern", "pattern", "required",
        "In a table `[[logs.file.redact_pattern]]`: a regular expression of your own to replace, after `redact`. It must not match an empty text.";
    "logs.file.redact_pattern.replace", "string", "`\"[redacted]\"`",
        "What a match becomes. `$1` and `${name}` stand for its groups.";
    "logs.file.json.message", "name of a field", "the whole event is sent",
        "Of events that are JSON objects send only this field: what it says if it is a string, else its JSON. An event without it is sent whole and counted as `json_field_missing`, one that is no object is sent as it is and counted as `json_invalid`.";
    "logs.file.json.fields", "list of names of fields", "all of them",
        "Of events that are JSON objects send an object of these fields only, each as it is written. Not together with `message`.";
    "logs.file.json.level", "name of a field", "`\"level\"`",
        "The field that holds the level, for `[[logs.file.sample]]`.";
    "logs.file.sample.match", "pattern", "`match` or `level` is required",
        "In a table `[[logs.file.sample]]`: the rule is about events that match this regular expression and are not of the level error. The first rule that is about an event decides; an event that none is about is sent.";
    "logs.file.sample.level", "`trace`, `debug`, `info`, `warn` or `error`", "`match` or `level` is required",
        "The rule is about events of exactly this level: what the field `json.level` says, or the first word within 256 bytes that names a level. Synonyms count too; critical, fatal and the like are `error`.";
    "logs.file.sample.keep", "number, 0 to 1", "required",
        "The share of these events that is sent. The text decides which, so the same event is always sent or never. The others are counted as `sampled` in `events_dropped`.";
    "logs.file.emf", "`ship` or `extract`", "`\"ship\"`",
        "What is done with lines that are documents of embedded metric format. `ship` sends them as they are, and CloudWatch Logs takes the metrics out (in groups of the class `STANDARD`); a document with more than 100 metrics, or 100 values of one, which it would refuse, is sent as several. `extract` takes the metrics out here, into PutMetricData, and does not send the line, which is counted as `emf` in `events_dropped`. What breaks a rule is counted by it (`emf_dimension_missing` and others); a document of which nothing can be used is sent as it is.";
    "logs.file.ship", "`true` or `false`", "`true`",
        "With `false` lines are read and measured (`metric`, `emf`) and never sent; they are counted as `not_shipped` in `events_dropped`, and `group` may be left out.";
    "logs.file.metric.name", "name, up to 255 characters", "required, or `access_log`",
        "In a table `[[logs.file.metric]]`: the name of a metric that is made of lines. Every line is looked at, whether it is sent or not. A value belongs to the interval of the line's time (`timestamp`), else of its reading. `[metrics.logs]` has the keys of every source of metrics.";
    "logs.file.metric.kind", "`counter`, `gauge` or `distribution`", "`\"counter\"`",
        "Whether values are added up, the last one counts, or percentiles are wanted.";
    "logs.file.metric.match", "pattern", "`match`, `json` or `value` is required",
        "The regular expression that a line must match. Its named groups, as in `(?<ms>[0-9.]+)`, can be value and dimensions.";
    "logs.file.metric.json", "table of strings", "none",
        "Fields that a line, which must be a JSON object, must have at its top, and what they must say: `{ level = \"ERROR\" }`. With `match`, both must agree.";
    "logs.file.metric.value", "name of a group of `match`, or of a JSON field", "a line counts as one",
        "Where the value is. A counter can do without. A match without a number there is counted as `log_metric_value` in the agent's problems; so is a counter below zero.";
    "logs.file.metric.dimensions", "name or list of names of groups of `match`, or of JSON fields", "none",
        "Dimensions besides those of the host, each with what the line says there, `unknown` if nothing. Each different value is a series on the bill; `metrics.series_per_metric` bounds them. `redact` applies to them.";
    "logs.file.metric.labels", "table of strings", "none",
        "Dimensions with the same value for every line, such as `{ Service = \"shop\" }`.";
    "logs.file.metric.unit", "one of the units of CloudWatch", "`\"None\"`", "The unit of the value.";
    "logs.file.metric.namespace", "name, up to 255 characters", "`metrics.logs.namespace`",
        "The namespace.";
    "logs.file.metric.access_log", "`nginx`, `apache` or `alb`", "none",
        "Instead of a metric of its own, what every access log tells: `Requests`, `Responses2xx` to `Responses5xx` (zero where there was none), `ResponseBytes`, for `alb` `RequestBytes`, and `Latency` in seconds with percentiles. `nginx` is its combined format, `apache` its common or combined one, both with a virtual host before it or not; the latency is the first number behind it: `$request_time` in seconds (also as `rt=` or `request_time=`), `%D` in microseconds. `alb` is the log of an Application Load Balancer; its latency is the sum of the three times. Lines of another form are counted as `access_log_unreadable`.";
    "logs.file.metric.by", "out of `method`, `host`", "none",
        "Splits `access_log` by the dimensions `Method` (methods that are not of HTTP are `other`) and `VirtualHost`.";
    "logs.journald.units", "name or list of names", "all",
        "Units whose entries are read: what they write, and what systemd says about them. Without a suffix, `.service` is meant. Every key of the selection that is given must be satisfied; within a list, any of it.";
    "logs.journald.identifiers", "name or list of names", "all",
        "Programs whose entries are read, by the name that they log under (`SYSLOG_IDENTIFIER`, as `logger -t` sets it). The agent's own entries are left out unless its unit or name stands in the selection.";
    "logs.journald.priority", "`emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info`, `debug`, or 0 to 7", "all",
        "The least severe level that is read. An entry without a priority is read only without this key.";
    "logs.journald.matches", "`FIELD=value` or a list of them", "none",
        "Fields that must have this value, as for journalctl: of the same field any, of different fields all. For another group of conditions, write another section.";
    "logs.journald.include_lines", "as `logs.file.include_lines`", "everything",
        "Patterns of which one must match the text of an event, in the format that is sent.";
    "logs.journald.exclude_lines", "as `logs.file.exclude_lines`", "none",
        "Patterns of which none may match.";
    "logs.journald.boot", "`all` or `current`", "`\"all\"`",
        "With `current`, entries of earlier boots are not read, even if they were not sent.";
    "logs.journald.kernel", "`true` or `false`", "both",
        "Whether only messages of the kernel are read, or only others.";
    "logs.journald.start", "`beginning` or `end`", "`\"end\"`",
        "Where to begin when this section has no position yet: at the oldest entry that is kept, or with what is written from now on. Events older than 14 days are refused by CloudWatch Logs and kept as dead letters.";
    "logs.journald.format", "`message`, `syslog` or `json`", "`\"message\"`",
        "What an event holds: the message alone, `identifier[pid]: message`, or an object with `fields`.";
    "logs.journald.fields", "name or list of names, or `\"*\"`", "`MESSAGE`, `PRIORITY`, `SYSLOG_IDENTIFIER`, `_PID`, `_SYSTEMD_UNIT`, `_HOSTNAME`",
        "Fields of an object. A field that an entry lacks is left out; one that it has several times is a list. All fields of an entry together are about 1 kB, which is billed.";
    "logs.journald.group", "as `logs.file.group`", "required",
        "The log group. Group and stream also name the position of this section: the selection can be changed without losing it.";
    "logs.journald.stream", "as `logs.file.stream`, without `{file_name}`, `{file_path}` and `{date}`", "`\"{instance_id}\"`",
        "The log stream.";
    "logs.journald.class", "as `logs.file.class`", "`\"STANDARD\"`",
        "The class of a group that is made.";
    "logs.journald.retention_days", "as `logs.file.retention_days`", "kept for ever",
        "How long the group keeps events, set when the group is made.";
    "logs.journald.tags", "as `logs.file.tags`", "none",
        "Tags of a group that is made.";
    "logs.journald.kms_key", "as `logs.file.kms_key`", "the service's own key",
        "The key that encrypts a group that is made.";
    "metrics.sample_interval", "duration in whole seconds, 1s to 1h", "`interval`",
        "How often the host is looked at. With less than `interval`, what was seen is folded into one datum per series with count, sum, minimum and maximum, so a short peak is seen and costs nothing more. `interval` must be a multiple of it.";
    "metrics.flush_interval", "duration in whole seconds, 1s to 1h", "`interval`",
        "How often CloudWatch is called with all that was measured; a multiple of `interval`. Each call carries up to 1,000 datums and costs the same.";
    "metrics.interval", "duration in whole seconds, 1s to 1h", "`\"60s\"`",
        "The time that a datum stands for, aligned to the clock. Below a minute, metrics are stored at a resolution of one second, and more calls are made unless `flush_interval` says otherwise: at 1s, 2.6 million PutMetricData requests a month.";
    "metrics.namespace", "name, up to 255 characters", "`\"Plimsoll/Host\"`",
        "The namespace of the host's and the agent's metrics, such as `CWAgent` for dashboards that exist.";
    "metrics.append_dimensions", "table of strings, up to 30", "none",
        "Dimensions with the same value on every series: text, or placeholders as in `logs.file.stream` such as `{tag:Role}`, `{az}` or `${NAME}`. One whose value is not known on this host is left out. A dimension that the metric has itself is not replaced.";
    "metrics.aggregation_dimensions", "list of up to 32 lists of names", "none",
        "One more series per list for every metric that has all of these dimensions and others: its own (`path`, `interface`, a tag), those of `dimensions` and `append_dimensions`. Its values are those of all series that it sums up, so the average, the extremes and the sum are right. `[]` is the metric without any dimension. Lists without a dimension of the instance are shared by the fleet and paid once.";
    "metrics.per_instance", "list of names of metrics, with `*` and `?`", "`[\"cpu_usage_active\", \"mem_used_percent\", \"disk_used_percent\"]`",
        "Which metrics have series of this instance alone, that is in the lists of `dimensions` with `InstanceId`, `Host` or `host`. What is only looked at as a whole (a group, a zone, a type of instance) need not be paid for each instance: `[]` makes the price independent of the size of the fleet. On a host without a group every metric is told per instance. With lists of your own in `dimensions` the default is `[\"*\"]`.";
    "metrics.in_every_list", "list of names of metrics, with `*` and `?`", "`[\"cpu_usage_active\", \"mem_used_percent\", \"disk_used_percent\", \"load_per_vcpu\"]`",
        "Which metrics are told in every list of `dimensions` that is shared with other hosts. All others are told in the first such list whose values are known, which is the group by default, and not for each zone and type of instance as well. With lists of your own in `dimensions` the default is `[\"*\"]`.";
    "metrics.series_per_metric", "whole number, 1 to 10000", "`500`",
        "Series that one metric may have in an interval on this host. What is beyond is told as one series with the only dimension `overflow` = `true`, and counted as `series_overflowed` in the agent's problems: a tag with a new value each time does not become a bill.";
    "metrics.rule.match", "list of names of metrics, with `*` and `?`", "required",
        "In a table `[[metrics.rule]]`: which metrics it is about, by their names before any rule. Several rules may be about one metric; of `rename` and `unit` the last one counts.";
    "metrics.rule.rename", "name, up to 255 characters", "none", "The name that CloudWatch gets.";
    "metrics.rule.unit", "one of the units of CloudWatch such as `Percent` or `Kilobytes/Second`", "the metric's own",
        "The unit that CloudWatch gets. The value is not converted.";
    "metrics.rule.drop", "`true` or `false`", "`false`", "Whether the metric is left out.";
    "metrics.rule.drop_original", "`true` or `false`", "`false`",
        "Whether the metric is told by `aggregation_dimensions` only.";
    "metrics.<source>.interval", "duration in whole seconds, 1s to 1h", "`metrics.interval`",
        "In the table of any scraper (`[metrics.cpu]`) or other source of metrics (`[metrics.statsd]`): the time that its datums stand for.";
    "metrics.<source>.sample_interval", "duration in whole seconds, 1s to 1h", "`metrics.sample_interval`",
        "How often this scraper looks at the host. Scrapers only.";
    "metrics.<source>.namespace", "name, up to 255 characters", "`metrics.namespace`",
        "Its namespace. Each namespace is a PutMetricData call of its own.";
    "metrics.<source>.measurements", "list of names of metrics, with `*` and `?`", "all of them",
        "What it tells; all else that it could tell is left out and not paid for.";
    "metrics.<source>.append_dimensions", "table of strings, up to 30", "none",
        "Dimensions on all of its series, as `metrics.append_dimensions`, which it goes before.";
    "metrics.compatibility", "`cloudwatch-agent`", "none",
        "Tells the host exactly as the amazon-cloudwatch-agent does: its names, units, dimensions (`cpu`, `path`, `device`, `fstype`, `name`, `interface`), and counters as what was added in the interval, for alarms and dashboards that exist. Then `namespace` is `CWAgent`, `dimensions` is `[[\"host\"]]`, and only scrapers are on that `scrapers` lists or that have a table: `[metrics.mem]` there is `[metrics.memory]` here. All names of a scraper are told, `cpu_time_*` among them; `measurements` chooses.";
    "metrics.scrapers", "list out of `cpu`, `memory`, `swap`, `load`, `disk`, `diskio`, `net`, `processes`, `agent`, `pressure`, `netstat`, `oom`, `limits`, `clock`, `credits`, `scheduler`, `procstat`, `ethtool`, `nvme`, `nvidia_gpu`", "all but the last five, and each that has a table",
        "The families that are measured. An empty list switches them off. `pressure` is time lost to waiting, `netstat` how TCP fares, `oom` processes killed for lack of memory, `limits` open files and tracked connections, `clock` how far off the clock may be, `credits` the CPU credits of T instances, `scheduler` waiting threads and context switches (off, since load and pressure answer the same question). `procstat` is single processes (`[[metrics.procstat]]`, which also switches it on beside this list), `ethtool` the counters of interfaces, `nvidia_gpu` GPUs, and `nvme` what EBS volumes and instance stores count: requests, bytes, time, the time for which more was asked for than the volume or the instance can do (all as what was added since the look before), and the length of the queue; eleven series for each volume and list of `dimensions`. `nvme` takes `CAP_SYS_ADMIN`, and under the packaged unit a drop-in with it and `PrivateDevices=no`; without it, that is told once and counted as `nvme_denied`.";
    "metrics.dimensions", "list of 1 to 8 lists of names", "`[[\"InstanceId\"], [\"AutoScalingGroupName\"], [\"AutoScalingGroupName\", \"AvailabilityZone\"], [\"InstanceType\"]]`",
        "A series per list for every host metric; names: `InstanceId` (`Host` outside EC2), `InstanceType`, `ImageId`, `AutoScalingGroupName`, `AvailabilityZone`, `Region`, `AccountId`, `Host`. A list with a value that is not known is left out until it is. Lists without `InstanceId` or `Host` are shared by the fleet and paid once.";
    "metrics.exclude_metrics", "list of names", "none",
        "Metrics that are not sent; each series costs up to US$ 0.30 a month.";
    "metrics.waiting_datums", "whole number, 1000 to 1000000", "`20000`",
        "Datums that wait in memory while CloudWatch cannot be reached and there is no spool, or its disk takes nothing; beyond it the oldest are dropped and counted. A datum takes about 100 bytes.";
    "metrics.spool", "size, 1MiB to 16GiB, or `\"0B\"` for none", "`\"64MiB\"`",
        "What cannot be sent waits in `metrics-spool` below `agent.state_dir`, up to this size, and is sent with its own time when CloudWatch can be reached again. At the size the oldest go first, an eighth at most at a time, and are counted as `spool_full`; CloudWatch takes nothing older than two weeks. A datum takes 10 to 40 bytes, a batch its names once.";
    "metrics.when_unknown", "`by_kind`, `repeat` or `drop`", "`\"by_kind\"`",
        "What becomes of a call whose answer was lost, so that nobody knows whether it was counted. `by_kind` repeats gauges, which changes no average, minimum or maximum, and gives up what is added up, counted as `unconfirmed`. `repeat` repeats all and may count twice; `drop` gives up all and may leave holes.";
    "metrics.cpu.total", "`true` or `false`", "`true`",
        "Whether all processors together are told, with `cpu` = `cpu-total`. Only with `metrics.compatibility`.";
    "metrics.cpu.per_core", "`true` or `false`", "`false`",
        "Whether each processor is told, with `cpu` = `cpu0` and so on: up to 22 series for each. Only with `metrics.compatibility`; otherwise `cpu_usage_active_max_core` tells the busiest one.";
    "metrics.pressure.full", "`true` or `false`", "`false`",
        "Whether the share of time is told too in which all tasks that had work waited at once, for memory and for disks: two series more.";
    "metrics.emf.tcp", "address and port", "`\"127.0.0.1:25888\"`",
        "Where embedded metric format is received over TCP, one document per line, once there is a table `[metrics.emf]`. If one of `tcp`, `udp` and `socket` is given, only those that are given are listened at. `\"0.0.0.0:25888\"` listens on every network of the host, where anyone can then make metrics. A record's own namespace, dimensions, unit and time are kept; nothing of the host is added but `append_dimensions` of this table. A storage resolution of one second is told as such; for a datum per second set `interval` of this table to `\"1s\"`.";
    "metrics.emf.udp", "address and port", "`\"127.0.0.1:25888\"`",
        "The same over UDP: one or several documents per datagram, each on a line.";
    "metrics.emf.socket", "absolute path", "none",
        "The same over a Unix socket (a stream), which every user may write to.";
    "metrics.emf.deliver", "`metrics`", "`\"metrics\"`",
        "What becomes of the metrics: they are aggregated on the host and sent with PutMetricData, which pays no ingestion of logs. Records are not sent as log events; the fields `LogGroupName` and `LogStreamName` are not used. To keep the records, let the application write them to a file and follow it.";
    "metrics.disk.include", "list of patterns", "`[\"*\"]`",
        "Mount points to measure; `*` also stands for `/`.";
    "metrics.disk.exclude", "list of patterns", "none",
        "Mount points to leave out.";
    "metrics.disk.ignore_types", "list of file system types", "pseudo file systems",
        "File systems to leave out by type. The root file system is always measured, but with `metrics.compatibility` and a list of your own it is left out like the others. What the automounter holds is never asked, which would mount it. The default is the kernel's pseudo file systems, `tmpfs`, `overlay`, `squashfs` and `iso9660`.";
    "metrics.disk.drop_device", "`true` or `false`", "`false`",
        "Whether the dimension `device` is left out, whose value may change with the next boot. Only with `metrics.compatibility`.";
    "metrics.diskio.include", "list of patterns", "`[\"*\"]`",
        "Block devices to measure, without `/dev/`. Partitions are part of their device; with `metrics.compatibility` they are told beside it.";
    "metrics.diskio.exclude", "list of patterns", "`[\"loop*\", \"ram*\", \"zram*\", \"sr*\", \"fd*\", \"nbd*\"]`",
        "Block devices to leave out.";
    "metrics.net.include", "list of patterns", "`[\"*\"]`",
        "Network interfaces to measure.";
    "metrics.net.exclude", "list of patterns", "loopback and the interfaces of containers",
        "Network interfaces to leave out. The default is `lo`, `veth*`, `docker*`, `br-*`, `virbr*`, `cni*`, `cali*`, `flannel*`, `cilium*`, `lxc*`, `dummy*`, `ifb*`, `tunl*` and `sit*`.";
    "metrics.procstat.pid_file", "absolute path", "one of `pid_file`, `exe`, `pattern`, `unit`, `cgroup` and `user` is required",
        "In a table `[[metrics.procstat]]`, of which each switches the scraper `procstat` on: measures the process whose number stands in this file. Without the file, or without such a process, `pid_count` is 0.";
    "metrics.procstat.exe", "regular expression", "none",
        "Measures the processes whose name it matches anywhere, as `pgrep` does. A name that the kernel has cut after 15 bytes is completed from the command line.";
    "metrics.procstat.pattern", "regular expression", "none",
        "Measures the processes whose command line it matches anywhere, as `pgrep -f` does. What a process fits is found out in its first two looks and again when its name changes.";
    "metrics.procstat.unit", "glob", "none",
        "Measures the processes of systemd units with such a name, `.service` if it has no kind, together as one series. A slice stands for all units below it.";
    "metrics.procstat.cgroup", "glob that begins with a slash", "none",
        "Measures the processes of control groups with such a path, as `/proc/self/cgroup` tells it or below `/sys/fs/cgroup`, together as one series. `/system.slice/**` takes in all below it.";
    "metrics.procstat.user", "name of `/etc/passwd`, or a number", "none",
        "Measures the processes whose real user it is, together as one series.";
    "metrics.procstat.interval", "duration in whole seconds, 1s to 1h", "`metrics.interval`",
        "The time that its datums stand for. All processes are looked at together: the shortest of all tables holds for each.";
    "metrics.procstat.process_name", "string, up to 1024 bytes", "the name of each process; none for `unit`, `cgroup` and `user`",
        "The dimension `process_name`. The processes of a target with the same name are one series: `Sum` is what they have together, `Average` what one has.";
    "metrics.procstat.append_dimensions", "table of strings", "none",
        "Dimensions on all series of the target. Text without placeholders, which `metrics.append_dimensions` knows.";
    "metrics.procstat.measurements", "list of names, with or without `procstat_`", "`[\"cpu_usage\", \"memory_rss\", \"num_threads\", \"num_fds\", \"pid_count\"]`",
        "What is told, each a series for each process name and list of `dimensions`: `cpu_usage`, `cpu_time`, `cpu_time_user`, `cpu_time_system`, `cpu_time_iowait` and others of `cpu_time_*` that are always 0, `memory_rss`, `memory_vms`, `memory_swap`, `memory_data`, `memory_stack`, `memory_locked`, `num_fds`, `num_threads`, `pid`, `nice_priority`, `realtime_priority`, `signals_pending`, `read_bytes`, `write_bytes`, `read_count`, `write_count`, `voluntary_context_switches`, `involuntary_context_switches`, `rlimit_{cpu_time,file_locks,memory_data,memory_locked,memory_rss,memory_stack,memory_vms,nice_priority,num_fds,realtime_priority,signals_pending}_{soft,hard}`, and `pid_count`, how many there are. What adds up is told as what was added since the look before; with `metrics.compatibility` as it is, and a limit that there is not as 2^64-1 instead of nothing. `num_fds` and reads and writes of other users' processes take `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`; without it they are left out and counted as `procstat_denied`. At most 1,000 processes are measured at once.";
    "metrics.ethtool.include", "list of patterns", "`[\"*\"]`",
        "The table `[metrics.ethtool]` switches the scraper `ethtool` on, which asks the drivers of these network interfaces for their counters. Loopback is never asked.";
    "metrics.ethtool.exclude", "list of patterns", "as `metrics.net.exclude`",
        "Network interfaces to leave out.";
    "metrics.ethtool.metrics_include", "list of patterns", "`[\"*_allowance_*\"]`",
        "Counters to tell, by their names in `ethtool -S` with or without `ethtool_`. The default is what the driver `ena` of EC2 says about the allowances of the instance: six series for each interface and list of `dimensions`, up to US$ 1.80 a month for each. `*_allowance_exceeded` is told as what was added since the look before, with `metrics.compatibility` as it is; other counters are told as they are.";
    "metrics.nvidia_gpu.program", "absolute path", "`\"/usr/bin/nvidia-smi\"`",
        "The table `[metrics.nvidia_gpu]` switches the scraper `nvidia_gpu` on, which runs this program at each look, for 5 s at most and half of `sample_interval`; what comes later is left out and counted as `device_late`. In persistence mode it answers within 0.1 s. Seventeen series for each GPU and list of `dimensions`; `measurements` chooses. Under the packaged unit it takes a drop-in with `PrivateDevices=no`.";
    "metrics.prometheus.url", "URL with `http`", "required",
        "In a table `[[metrics.prometheus]]`: a target that is scraped, in the text format 0.0.4 or OpenMetrics 1.0, up to 16 MiB. Gauges and untyped values are told with count, sum, minimum and maximum; counters as what they counted since the scrape before; histograms as distributions whose count, sum and average are exact and whose percentiles are off by less than the bucket they fall into; of summaries each quantile is a gauge with the dimension `quantile`, and `_count` and `_sum` are counters. Names and labels stay as they are.";
    "metrics.prometheus.name", "string", "host, port and path of the URL, or the socket",
        "What the target is called in logs, and in the dimension `target` of `prometheus_up`, which is 1 when a scrape succeeded and 0 when not.";
    "metrics.prometheus.socket", "absolute path", "none",
        "A unix socket to connect to instead of the host of the URL.";
    "metrics.prometheus.interval", "duration in whole seconds, 1s to 1h", "`metrics.interval`",
        "The time between two scrapes. What several scrapes of one `metrics.interval` tell is folded into one datum for each series.";
    "metrics.prometheus.timeout", "duration, 100ms to 60s", "`\"10s\"`, or the interval if that is shorter",
        "How long a scrape may take. A target that hangs holds up no other.";
    "metrics.prometheus.token_file", "absolute path", "none",
        "A file with a bearer token, read anew at each scrape. It is sent to this target only, and never logged.";
    "metrics.prometheus.include", "list of names of metrics, with `*` and `?`", "`[\"*\"]`",
        "Which metrics are told: each series costs up to US$ 0.30 a month. The parts of a histogram have its name.";
    "metrics.prometheus.exclude", "list of names of metrics, with `*` and `?`", "none",
        "Which are not.";
    "metrics.prometheus.namespace", "name, up to 255 characters", "`metrics.namespace`",
        "Its namespace.";
    "metrics.prometheus.labels.include", "list of names of labels, with `*` and `?`", "`[\"*\"]`",
        "Which labels become dimensions. Series that differ only in the others become one: what they counted is added up.";
    "metrics.prometheus.labels.exclude", "list of names of labels, with `*` and `?`", "none",
        "Which do not.";
    "metrics.prometheus.labels.rename", "table of strings", "none",
        "New names of labels, such as `{ code = \"status\" }`. `include` and `exclude` are about the old ones.";
    "metrics.prometheus.labels.add", "table of strings", "none",
        "Dimensions on every series of the target, unless it has a label of the name.";
    "metrics.otlp.address", "address with port", "`\"127.0.0.1:4318\"`",
        "The table `[metrics.otlp]` opens a port for OTLP over HTTP: `POST /v1/metrics` with protobuf or JSON, up to 4 MiB, also packed with gzip. Whoever can reach it decides what is paid for, so it is the loopback interface unless another is written. Gauges and sums that go down as well are told with count, sum, minimum and maximum; other sums as what they have grown by, whether they are sent as deltas or cumulative; histograms and exponential histograms as distributions with exact count, sum and average.";
    "metrics.otlp.resource_attributes", "list of names", "`[\"service.name\"]`",
        "Attributes of the program that become dimensions of all of its series. Those of data points all do, unless `labels` says otherwise.";
    "metrics.otlp.labels.include", "list of names of attributes, with `*` and `?`", "`[\"*\"]`",
        "Which attributes of data points become dimensions.";
    "metrics.otlp.labels.exclude", "list of names of attributes, with `*` and `?`", "none",
        "Which do not.";
    "metrics.otlp.labels.rename", "table of strings", "none",
        "New names of attributes.";
    "metrics.otlp.labels.add", "table of strings", "none",
        "Dimensions on every series, unless it has an attribute of the name.";
    "metrics.statsd.address", "IP address and port", "`\"127.0.0.1:8125\"`, none with `socket`",
        "A table `[metrics.statsd]`, even an empty one, has the agent take StatsD and DogStatsD: counters, gauges, timers, histograms, distributions and sets. Here is where UDP is received. Only this host can send to the default; `\"0.0.0.0:8125\"` opens it to every network of the host, and nobody is asked who he is.";
    "metrics.statsd.socket", "absolute path, up to 107 bytes", "none",
        "A Unix socket for datagrams, such as `/run/plimsoll/statsd.sock`: it holds `net.unix.max_dgram_qlen` datagrams, often 10, and then whoever sends waits; a client that does not wait, such as Datadog's by default, drops its own. One that nobody reads is replaced; any other file is left alone and is an error.";
    "metrics.statsd.socket_mode", "permissions in octal", "`\"0666\"`",
        "Who may send to `socket`: writing is enough.";
    "metrics.statsd.receive_buffer", "size, 4KiB to 256MiB", "`\"4MiB\"`",
        "What the kernel is asked to hold while the agent is busy; it gives at most `net.core.rmem_max`, often 208 KiB. What does not fit is lost and counted as `statsd_lost`.";
    "metrics.statsd.prefix", "printable ASCII", "none", "What stands before every name.";
    "metrics.statsd.separator", "printable ASCII", "none; `\"_\"` with the names of the amazon-cloudwatch-agent",
        "What each point of a name becomes. By default names are kept.";
    "metrics.statsd.keep_gauges", "`true` or `false`", "`false`",
        "Whether a gauge that is not sent again is told again in every interval, until the agent ends. By default one that is sent once gives one point.";
    "metrics.collectd.address", "IP address and port", "`\"127.0.0.1:25826\"`",
        "A table `[metrics.collectd]`, even an empty one, has the agent take what the network plugin of collectd sends. Metrics are called `collectd_<plugin>_<data source>`, with dimensions `type`, `type_instance`, `instance` (of the plugin), and `host` if it is another one. What counts up is told per second.";
    "metrics.collectd.receive_buffer", "size, 4KiB to 256MiB", "`\"4MiB\"`",
        "As `metrics.statsd.receive_buffer`; loss is counted as `collectd_lost`.";
    "metrics.collectd.prefix", "printable ASCII", "`\"collectd_\"`", "What stands before every name.";
    "metrics.collectd.security_level", "`none`, `sign` or `encrypt`", "`\"none\"`",
        "Which packets are believed: all, those that a user of `auth_file` has signed or encrypted, or only those that are encrypted. Encrypted packets of known users are always read.";
    "metrics.collectd.auth_file", "absolute path", "`\"/etc/collectd/auth_file\"`",
        "A line `user: password` for each user. With `sign` or `encrypt` it must be readable; it is read at the start and when the configuration is read again.";
    "metrics.collectd.types_db", "absolute path or list of up to 10", "`\"/usr/share/collectd/types.db\"`, if it is there",
        "Files that name the data sources of types. Without them a single data source is called `value` and several are numbered from 0. A file that is missing is told, and does not keep the agent from starting.";
    "signals.interval", "duration, whole seconds, 1s to 60s, of which a minute is a multiple", "`\"10s\"`",
        "The time between two samples of all signals. It is also what a call is made for: 10 seconds are 259,200 calls a month.";
    "signals.namespace", "namespace of CloudWatch", "`\"Plimsoll/Signal\"`",
        "Where signals are told, with the dimension `AutoScalingGroupName` alone. The policies of the group must name the same.";
    "signals.group", "name of a group", "the tag `aws:autoscaling:groupName` of the instance",
        "The group that signals are told for. Signals are held until it is known.";
    "signals.stale_after", "duration, 10s to 15m", "`\"90s\"`",
        "How long a gauge counts as known after it was told last. Then signals that need it are withheld, never told as zero.";
    "signals.warm_up", "duration, 0s to 1h", "`\"0s\"`",
        "What `signal.warm_up` is where a signal has none.";
    "signals.health.http", "URL", "none",
        "What must answer for a signal to be told, for signals that have no list of their own: all of a list of tables with one of `http`, `tcp`, `file` and `unit` each. `http` is a plain `http://` URL with an IP address or `localhost`; a status from 200 to 399 is good.";
    "signals.health.tcp", "IP address and port", "none", "A connection that is taken is good.";
    "signals.health.file", "absolute path", "none", "A file that exists is good.";
    "signals.health.unit", "name of a unit of systemd", "none", "A unit that is active is good.";
    "signals.health.interval", "duration, 100ms to 60s", "`\"5s\"`", "The time between two questions.";
    "signals.health.timeout", "duration, 100ms to 60s, at most the interval", "`\"2s\"`", "How long an answer may take.";
    "signals.health.failures", "whole number, 1 to 100", "`2`", "Bad answers in a row until it counts as not answering; one good answer ends that.";
    "signal.name", "up to 255 printable characters of ASCII", "required",
        "The name of the metric. Each `[[signal]]` needs its own.";
    "signal.expression", "expression", "required, or `preset`",
        "What is told: numbers, `+ - * /`, parentheses, metrics by name (others than letters, digits and `_` in double quotes, a feed in front: `statsd:x`, labels: `disk_used_percent{path=\"/\"}`), their statistics `avg sum minimum maximum count rate p50…p99.9`, the functions `max min clamp abs default`, and `signal(\"name\")`. A metric that is not known, a division by zero or a result that is no number withholds the signal.";
    "signal.preset", "`saturation`, `pressure`, `requests_in_flight`, `requests_per_second` or `latency_p99`", "none",
        "A named expression instead. `saturation` is the fullest of processors (at 80 %), memory (90 %) and stalls of processors (60 %), memory (20 %) and disks (40 %), as percent of that; `pressure` the largest stall; the others come from access logs: `requests_in_flight` is the latency of all requests that ended in an interval, by its length (Little's law).";
    "signal.unit", "unit of CloudWatch", "that of the preset, else `None`", "The unit of the metric.";
    "signal.target", "number", "none",
        "The value at which the group is as large as it should be. Only advice: nothing in the agent acts on it.";
    "signal.warm_up", "duration, 0s to 1h", "`signals.warm_up`",
        "How long the signal is withheld after the agent started, and after each time that its application has begun to answer.";
    "signal.health.http", "URL", "none",
        "As `signals.health`, for this signal instead; an empty list asks nobody. `http` is a plain `http://` URL with an IP address or `localhost`; a status from 200 to 399 is good.";
    "signal.health.tcp", "IP address and port", "none", "A connection that is taken is good.";
    "signal.health.file", "absolute path", "none", "A file that exists is good.";
    "signal.health.unit", "name of a unit of systemd", "none", "A unit that is active is good.";
    "signal.health.interval", "duration, 100ms to 60s", "`\"5s\"`", "The time between two questions.";
    "signal.health.timeout", "duration, 100ms to 60s, at most the interval", "`\"2s\"`", "How long an answer may take.";
    "signal.health.failures", "whole number, 1 to 100", "`2`", "Bad answers in a row until it counts as not answering; one good answer ends that.";
};
