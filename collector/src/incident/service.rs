//! One name for each service, whatever a source calls it.

/// Cost Explorer's names of services whose event source is called otherwise.
/// Source: Cost Explorer, dimension SERVICE; CloudTrail user guide, supported services.
const NAMES: [(&str, &str); 18] = [
    ("amazon elastic compute cloud - compute", "ec2"),
    ("ec2 - other", "ec2"),
    ("amazon simple storage service", "s3"),
    ("amazon relational database service", "rds"),
    ("aws lambda", "lambda"),
    ("amazon dynamodb", "dynamodb"),
    ("amazon elastic load balancing", "elasticloadbalancing"),
    ("elastic load balancing", "elasticloadbalancing"),
    ("amazon cloudfront", "cloudfront"),
    ("amazoncloudwatch", "monitoring"),
    ("amazon bedrock", "bedrock"),
    ("amazon sagemaker", "sagemaker"),
    ("amazon elastic container service", "ecs"),
    ("amazon elastic container service for kubernetes", "eks"),
    ("amazon redshift", "redshift"),
    ("amazon elasticache", "elasticache"),
    ("aws key management service", "kms"),
    ("aws secrets manager", "secretsmanager"),
];

/// The name before `.amazonaws.com`; for Cost Explorer's names, the one they belong to.
pub(super) fn short_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    if let Some(source) = lower.strip_suffix(".amazonaws.com") {
        return source.to_owned();
    }
    let known = NAMES.iter().find(|(long, _)| *long == lower);
    known.map_or(lower, |(_, short)| (*short).to_owned())
}
