//! On-Demand prices of instance types, Linux, us-east-1, for telling what is at risk before any
//! bill exists. Source: Amazon EC2 On-Demand pricing page, list prices.

/// Price of the `large` size and what each family's sizes cost relative to it. Within a family
/// EC2 prices grow with the number of vCPUs, and `large` has two.
const FAMILIES_BY_LARGE: [(&str, f64); 18] = [
    ("c5", 0.085),
    ("c5n", 0.108),
    ("c6a", 0.0765),
    ("c6g", 0.068),
    ("c6i", 0.085),
    ("c7g", 0.0725),
    ("c7i", 0.089_25),
    ("m5", 0.096),
    ("m6a", 0.0864),
    ("m6g", 0.077),
    ("m6i", 0.096),
    ("m7g", 0.0816),
    ("m7i", 0.1008),
    ("r5", 0.126),
    ("r6g", 0.1008),
    ("r6i", 0.126),
    ("r7i", 0.1323),
    ("t3", 0.0832),
];

/// Multiples of the `large` price.
const SIZES: [(&str, f64); 14] = [
    ("nano", 0.0625),
    ("micro", 0.125),
    ("small", 0.25),
    ("medium", 0.5),
    ("large", 1.0),
    ("xlarge", 2.0),
    ("2xlarge", 4.0),
    ("4xlarge", 8.0),
    ("8xlarge", 16.0),
    ("9xlarge", 18.0),
    ("12xlarge", 24.0),
    ("16xlarge", 32.0),
    ("18xlarge", 36.0),
    ("24xlarge", 48.0),
];

/// Accelerated types, which follow no rule.
const ACCELERATED: [(&str, f64); 16] = [
    ("g4dn.xlarge", 0.526),
    ("g4dn.2xlarge", 0.752),
    ("g4dn.12xlarge", 3.912),
    ("g5.xlarge", 1.006),
    ("g5.2xlarge", 1.212),
    ("g5.12xlarge", 5.672),
    ("g5.48xlarge", 16.288),
    ("g6.xlarge", 0.8048),
    ("g6.12xlarge", 4.6016),
    ("p2.xlarge", 0.90),
    ("p3.2xlarge", 3.06),
    ("p3.8xlarge", 12.24),
    ("p3.16xlarge", 24.48),
    ("p3dn.24xlarge", 31.212),
    ("p4d.24xlarge", 32.7726),
    ("p5.48xlarge", 98.32),
];

/// US$ an hour for one On-Demand Linux instance of `instance_type`; `None` for a type that is not
/// in the table, which callers report as "unknown" and never as free.
#[must_use]
pub fn on_demand_hourly(instance_type: &str) -> Option<f64> {
    if let Some((_, price)) = ACCELERATED.iter().find(|(name, _)| *name == instance_type) {
        return Some(*price);
    }
    let (family, size) = instance_type.split_once('.')?;
    let (_, large) = FAMILIES_BY_LARGE.iter().find(|(name, _)| *name == family)?;
    let (_, multiple) = SIZES.iter().find(|(name, _)| *name == size)?;
    Some(large * multiple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_have_their_list_price_and_others_none() {
        let cases = [
            ("m5.large", Some(0.096)),
            ("c5.18xlarge", Some(3.06)),
            ("p3.2xlarge", Some(3.06)),
            ("x99.large", None),
            ("m5", None),
            ("m5.huge", None),
        ];
        for (name, price) in cases {
            match (on_demand_hourly(name), price) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{name}"),
                (found, expected) => assert_eq!(found, expected, "{name}"),
            }
        }
    }
}
