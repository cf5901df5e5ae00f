//! Whether a name can be an AWS Region, and which one was meant if it cannot.
//!
//! A Region that was opened after this list was written must still work, so a name is refused
//! only when its form is wrong or when it is a slip away from a Region that exists.

/// Regions of all partitions.
/// Source: AWS Regions and Availability Zones, General Reference, 2026.
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// How Regions are called after the part of the world that they lie in.
const DIRECTIONS: [&str; 9] = [
    "central",
    "east",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

/// Checks the name of a Region.
///
/// # Errors
/// A sentence for the person who wrote it, with the nearest Region if there is one.
pub fn check_region(name: &str) -> Result<(), String> {
    if KNOWN.contains(&name) {
        return Ok(());
    }
    let Some((area, direction)) = parts(name) else {
        return Err(refuse(name, "does not have the form of a Region name"));
    };
    if !DIRECTIONS.contains(&direction) {
        return Err(refuse(name, "is not the name of a Region"));
    }
    let area_is_known = KNOWN
        .iter()
        .filter_map(|known| parts(known))
        .any(|(known, _)| known == area);
    let slip = KNOWN
        .iter()
        .any(|known| strsim::damerau_levenshtein(name, known) <= 1);
    if slip && !area_is_known {
        return Err(refuse(name, "is not the name of a Region"));
    }
    Ok(())
}

/// Splits `us-gov-west-1` into `us-gov` and `west`; `None` if the form is another.
fn parts(name: &str) -> Option<(&str, &str)> {
    let (stem, number) = name.rsplit_once('-')?;
    let (area, direction) = stem.rsplit_once('-')?;
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let is_area = area.split('-').all(is_word) && area.len() >= 2;
    (is_number && is_area && is_word(direction)).then_some((area, direction))
}

/// The complaint, with a suggestion if something is near.
fn refuse(name: &str, what: &str) -> String {
    let lower = name.trim().to_ascii_lowercase().replace('_', "-");
    let nearest = KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 4);
    match nearest {
        Some((_, nearest)) => format!("`{name}` {what}; did you mean `{nearest}`?"),
        None => format!("`{name}` {what} such as `eu-west-1`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_today_and_of_tomorrow_are_taken() {
        for name in KNOWN {
            assert_eq!(check_region(name), Ok(()), "{name}");
        }
        for name in ["eu-west-9", "nz-north-1", "ca-east-1", "us-isob-central-1"] {
            assert_eq!(check_region(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn slips_are_refused_with_the_region_that_was_meant() {
        let cases = [
            ("eu-wset-1", "eu-west-1"),
            ("ue-west-2", "eu-west-2"),
            ("us-east1", "us-east-1"),
            ("US-EAST-1", "us-east-1"),
            ("us_west_2", "us-west-2"),
            ("eu-west-1a", "eu-west-1"),
            ("eu-west", "eu-west-1"),
            ("", "such as"),
            ("frankfurt", "such as"),
            ("eu-west-1\n", "eu-west-1"),
        ];
        for (name, meant) in cases {
            let complaint = check_region(name).expect_err(name);
            assert!(complaint.contains(meant), "{complaint}");
        }
    }
}
