//! What the manual promises has a test, and the test has the name that the manual says.

use super::tree::{files, root};

#[test]
fn every_test_that_the_promises_name_exists() {
    let path = root().join("docs/semantics.md");
    let promises = std::fs::read_to_string(path).expect("the promises");
    let mut code = String::new();
    for member in [
        "core",
        "aws",
        "ops",
        "agent",
        "collector",
        "dashboards",
        "local",
    ] {
        code.extend(files(member, ".rs").into_iter().map(|(_, text)| text));
    }
    code.extend(files("tests", ".py").into_iter().map(|(_, text)| text));
    let mut named = 0;
    for name in promises
        .split('[')
        .skip(1)
        .filter_map(|text| text.split(']').next())
        .flat_map(|list| list.split('`').skip(1).step_by(2))
    {
        named += 1;
        let (rust, python) = (format!("fn {name}("), format!("def {name}("));
        assert!(
            code.contains(&rust) || code.contains(&python),
            "the promises name {name}, which is no test"
        );
    }
    assert!(named >= 20, "only {named} tests are named");
}
