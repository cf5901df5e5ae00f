//! Names that AWS gives, as far as a configuration holds them.

/// Checks the ARN of an SNS topic: `arn:partition:sns:region:account:name`.
/// Source: Service Authorization Reference, Amazon SNS; Amazon SNS API reference, `CreateTopic`.
///
/// # Errors
/// What is expected instead.
pub(super) fn check_topic(arn: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected the ARN of an SNS topic such as \
                            \"arn:aws:sns:eu-west-1:111122223333:incidents\"";
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
        return Err(EXPECTED);
    };
    let name_is_right = !name.is_empty()
        && name.len() <= 256
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let right =
        partition.starts_with("aws") && !region.is_empty() && is_account(account) && name_is_right;
    if right { Ok(()) } else { Err(EXPECTED) }
}

/// Checks the URL of an SQS queue: host, account, name.
/// Source: Amazon SQS developer guide, "Queue and message identifiers".
///
/// # Errors
/// What is expected instead.
pub(super) fn check_queue(url: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected the URL of an SQS queue such as \
                            \"https://sqs.eu-west-1.amazonaws.com/111122223333/trail\"";
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let parts: Vec<&str> = rest.ok_or(EXPECTED)?.split('/').collect();
    let right = match parts.as_slice() {
        [host, .., account, name] => {
            !host.is_empty()
                && is_account(account)
                && !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        }
        _ => false,
    };
    if right { Ok(()) } else { Err(EXPECTED) }
}

/// Checks the name of a dashboard. Source: CloudWatch API reference, PutDashboard.
///
/// # Errors
/// What is expected instead.
pub(super) fn check_dashboard(name: &str) -> Result<(), &'static str> {
    let right = (1..=255).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if right {
        Ok(())
    } else {
        Err("expected up to 255 letters, digits, - and _")
    }
}

/// The account of an ARN, if it has one.
#[must_use]
pub fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
