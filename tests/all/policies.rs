//! The policies below `packaging/iam`: everything that each service can ever need, written by the
//! same code that `policy` prints with. `UPDATE_GENERATED=1` writes them anew.

use std::collections::BTreeMap;

use plimsoll_aws::policy::{MANAGED_CHARS_MAX, Place, Policy};
use plimsoll_collector::policy::Beside;

use super::tree::root;

/// What the code gives, by file name.
fn generated() -> BTreeMap<&'static str, Policy> {
    let anywhere = Place::new(None, None, None);
    let agent = plimsoll_agent::policy::Needs::all().policy(&anywhere, &[]);
    let collector = plimsoll_collector::policy::Needs::all();
    let collector = collector.policy(&anywhere, &Beside::default());
    BTreeMap::from([
        ("agent-policy.json", agent),
        ("collector-policy.json", collector),
    ])
}

#[test]
fn the_policies_that_are_shipped_are_those_of_the_code() {
    for (name, policy) in generated() {
        let path = root().join("packaging/iam").join(name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, policy.json()).expect("written");
            continue;
        }
        let found = std::fs::read_to_string(&path).expect("a document");
        assert!(
            found == policy.json(),
            "packaging/iam/{name} is out of date; run UPDATE_GENERATED=1 cargo test -p \
             plimsoll-tests policies"
        );
    }
}

#[test]
fn each_policy_fits_into_a_managed_one() {
    for (name, policy) in generated() {
        let chars = policy.chars();
        assert!(chars <= MANAGED_CHARS_MAX, "{name}: {chars}");
    }
}
