//! The rules in use: those that are built in, or those of a directory in their place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::rule::{Novelty, Rule, RuleTest, TestEvent};
use super::yaml::RuleError;
use crate::source::activity;

/// The rules that are built in: every file of `rules/` at the root of the repository, by its path
/// below it (`build.rs`).
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// Directories inside directories that are looked at.
const DEPTH_MAX: usize = 8;

/// A rule, or every mistake in it.
type Parsed = Result<Rule, Vec<RuleError>>;

/// Rules with different ids, in the order of their files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet(Vec<Rule>);

impl RuleSet {
    /// The rules that are built in.
    ///
    /// # Errors
    /// Every mistake in them; a test keeps them free of any.
    pub fn built_in() -> Result<Self, Vec<RuleError>> {
        let parsed = BUILT_IN.iter();
        let parsed = parsed.map(|(file, text)| (None, Rule::parse(file, text)));
        Self::gather(parsed.collect())
    }

    /// A few of the rules that are built in, for tests of what becomes of findings: more rules must not
    /// change what those expect.
    #[cfg(test)]
    pub(crate) fn few() -> Self {
        const FEW: [&str; 5] = [
            "console-login-without-mfa",
            "large-instances-in-new-region",
            "root-used",
            "security-group-open-to-world",
            "trail-stopped",
        ];
        let mut all = Self::built_in().unwrap_or_default();
        all.0.retain(|rule| {
            FEW.iter()
                .any(|name| rule.file.ends_with(&format!("/{name}.yml")))
        });
        all
    }

    /// Every `.yml` and `.yaml` file under a directory.
    ///
    /// # Errors
    /// Every mistake in every file, or that the directory cannot be read or holds no rule.
    pub fn load(directory: &Path) -> Result<Self, Vec<RuleError>> {
        let of_directory = |what: String| RuleError {
            file: directory.display().to_string(),
            line: 0,
            key: String::new(),
            what,
        };
        let mut files = Vec::new();
        list(directory, DEPTH_MAX, &mut files).map_err(|error| {
            vec![of_directory(format!(
                "the directory cannot be read: {error}"
            ))]
        })?;
        files.sort();
        if files.is_empty() {
            let what = "no rule in here; expected files named *.yml or *.yaml";
            return Err(vec![of_directory(what.to_owned())]);
        }
        let parsed = files.into_iter().map(|path| {
            let file = path.display().to_string();
            let rule = read(&path, &file).and_then(|text| Rule::parse(&file, &text));
            (path.parent().map(Path::to_owned), rule)
        });
        Self::gather(parsed.collect())
    }

    /// Each rule comes with the folder it was found in.
    fn gather(parsed: Vec<(Option<PathBuf>, Parsed)>) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        let mut files = BTreeMap::new();
        for (folder, rule) in parsed {
            match rule {
                Ok(mut rule) => {
                    rule.folder = folder;
                    if let Some(first) = files.insert(rule.id.clone(), rule.file.clone()) {
                        errors.push(RuleError {
                            file: rule.file.clone(),
                            line: 0,
                            key: "id".to_owned(),
                            what: format!("{first} has the same id"),
                        });
                    }
                    rules.push(rule);
                }
                Err(mut wrong) => errors.append(&mut wrong),
            }
        }
        if errors.is_empty() {
            Ok(Self(rules))
        } else {
            Err(errors)
        }
    }

    /// These rules and `others`; one of them that has the id of one of these takes its place.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0
            .retain(|rule| others.0.iter().all(|other| other.id != rule.id));
        self.0.extend(others.0);
        self
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Runs every test that the rules bring along; gives those that fail.
    #[must_use]
    pub fn failed_tests(&self) -> Vec<RuleError> {
        let tests = |rule: &Rule| -> Vec<RuleError> {
            let failed = |test: &RuleTest| {
                run(rule, test).err().map(|what| RuleError {
                    file: rule.file.clone(),
                    line: test.line,
                    key: format!("test \"{}\"", test.name),
                    what,
                })
            };
            rule.tests.iter().filter_map(failed).collect()
        };
        self.0.iter().flat_map(tests).collect()
    }
}

/// The text of a file, or why there is none.
fn read(path: &Path, file: &str) -> Result<String, Vec<RuleError>> {
    let wrong = |line, what| {
        vec![RuleError {
            file: file.to_owned(),
            line,
            key: String::new(),
            what,
        }]
    };
    let bytes = fs::read(path).map_err(|error| wrong(0, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let lines: u64 = before.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        wrong(lines + 1, "this line is not UTF-8".to_owned())
    })
}

/// Runs one test of a rule.
fn run(rule: &Rule, test: &RuleTest) -> Result<(), String> {
    let event = match &test.event {
        TestEvent::Inline(event) => event.clone(),
        TestEvent::File(file) => {
            let folder = rule.folder.as_ref().ok_or("a built-in rule has no files")?;
            let path = folder.join(file);
            let written = fs::read_to_string(&path)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            serde_json::from_str(&written)
                .map_err(|error| format!("{} is not JSON: {error}", path.display()))?
        }
    };
    let activity = activity::read(event).map_err(|(_, what)| format!("the event: {what}"))?;
    let novelty = Novelty {
        new_region: test.new_region,
    };
    match (rule.matched(&activity, novelty).is_some(), test.matches) {
        (true, false) => Err("the rule holds and should not".to_owned()),
        (false, true) => Err("the rule does not hold and should".to_owned()),
        _ => Ok(()),
    }
}

fn list(directory: &Path, depth_left: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth_left > 0 {
                list(&path, depth_left - 1, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
        {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule that is built in.
    fn trail_stopped() -> (&'static str, &'static str) {
        let found = BUILT_IN
            .iter()
            .find(|(file, _)| file.ends_with("/trail-stopped.yml"));
        *found.unwrap()
    }

    #[test]
    fn every_built_in_rule_passes_its_own_tests_in_both_directions() {
        let rules = RuleSet::built_in().unwrap();
        let failed: Vec<String> = rules
            .failed_tests()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(failed, [""; 0]);
        for rule in rules.rules() {
            for matches in [true, false] {
                let some = rule.tests.iter().any(|test| test.matches == matches);
                assert!(some, "{} has no test with match: {matches}", rule.file);
            }
            assert!(!rule.next_steps.is_empty(), "{}", rule.file);
        }
    }

    #[test]
    fn no_selection_of_a_built_in_rule_can_be_turned_off_or_on_without_a_test_that_fails() {
        let rules = RuleSet::built_in().unwrap();
        let mut unproved = Vec::new();
        for rule in rules.rules() {
            for number in 0..rule.selections.len() {
                for holds in [false, true] {
                    let mutant = RuleSet(vec![rule.with_selection(number, holds)]);
                    if mutant.failed_tests().is_empty() {
                        unproved.push(format!("{} selection {number} always {holds}", rule.file));
                    }
                }
            }
        }
        assert_eq!(unproved, [""; 0]);
    }

    #[test]
    fn the_list_of_built_in_rules_is_the_directory() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let mut files = Vec::new();
        list(&folder, DEPTH_MAX, &mut files).unwrap();
        let mut names: Vec<String> = files
            .iter()
            .map(|path| path.strip_prefix(&folder).unwrap().display().to_string())
            .collect();
        names.sort();
        let built_in: Vec<&str> = BUILT_IN.iter().map(|(file, _)| *file).collect();
        assert_eq!(names, built_in);
        assert_eq!(RuleSet::load(&folder).unwrap().rules().len(), names.len());
    }

    #[test]
    fn a_directory_is_refused_with_every_mistake_of_every_file() {
        let folder = tempfile::tempdir().unwrap();
        let (_, good) = BUILT_IN[0];
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let told = || {
            let errors = RuleSet::load(folder.path()).unwrap_err();
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            lines.join("\n")
        };
        assert!(told().contains("no rule in here"));
        write("a.yml", good);
        assert_eq!(RuleSet::load(folder.path()).unwrap().rules().len(), 1);
        write("b.yml", good);
        assert!(told().contains("same id"));
        write("b.yml", "a: [");
        write("c.yaml", "title: x");
        fs::write(folder.path().join("d.yml"), b"title: x\nid: \xff\n").unwrap();
        assert!(told().contains("b.yml") && told().contains("c.yaml:"));
        assert!(
            told().contains("d.yml:2: this line is not UTF-8"),
            "{}",
            told()
        );
        assert!(RuleSet::load(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_test_may_keep_its_event_in_a_file_next_to_the_rule() {
        let folder = tempfile::tempdir().unwrap();
        let (_, rule) = trail_stopped();
        let tests = "  tests:\n    - {name: from a file, match: true, file: stop.json}\n";
        let (before, _) = rule.split_once("  tests:\n").unwrap();
        fs::write(folder.path().join("r.yml"), format!("{before}{tests}")).unwrap();
        let rules = RuleSet::load(folder.path()).unwrap();
        assert!(
            rules.failed_tests()[0]
                .what
                .contains("stop.json cannot be read")
        );
        let stop = crate::source::support::stop("e").to_string();
        fs::write(folder.path().join("stop.json"), stop).unwrap();
        assert_eq!(rules.failed_tests(), []);
    }

    #[test]
    fn a_test_that_fails_names_rule_and_line() {
        let (file, text) = trail_stopped();
        let text = text.replacen("match: true", "match: false", 1);
        let rules = RuleSet(vec![Rule::parse(file, &text).unwrap()]);
        let failed = rules.failed_tests();
        assert_eq!(failed.len(), 1);
        assert!(failed[0].line > 0);
        assert!(failed[0].what.contains("should not"));
    }
}
