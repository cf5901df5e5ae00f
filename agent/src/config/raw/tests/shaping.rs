//! Mistakes about what is done with events.

use super::{Case, FILE, check};

#[test]
fn mistakes_about_times_are_told_with_place_and_remedy() {
    let cases: [Case<'_>; 8] = [
        (
            "timestamp = \"%Y-%m-%d %H:%Q\"",
            ":4:13: logs.file[0].timestamp: found \"%Y-%m-%d %H:%Q\": %Q is not known",
        ),
        ("timestamp = \"%d %H:%M\"", "month and day belong together"),
        ("timestamp = \"iso\"", "expected \"rfc3339\", \"epoch\""),
        (
            "timestamp = \"rfc3339\"\ntime_zone = \"Europe/Zurihc\"",
            ":5:13: logs.file[0].time_zone: found \"Europe/Zurihc\": ",
        ),
        (
            "timestamp = \"rfc3339\"\ntime_zone = \"Europe/Zurihc\"",
            "did you mean `Europe/Zurich`?",
        ),
        (
            "time_zone = \"UTC\"",
            ":4:13: logs.file[0].time_zone: found no timestamp",
        ),
        (
            "timestamp = \"rfc3339\"\ntimestamp_search_bytes = 70000",
            "expected a whole number from 0 to 65536",
        ),
        (
            "timestamp = \"rfc3339\"\nout_of_window = \"drop\"",
            "expected one of: keep, now",
        ),
    ];
    check(FILE, &cases);
}

#[test]
fn every_pattern_that_is_wrong_is_told_at_its_own_place() {
    let both = "include_lines = [\"ok\", \"a(b\"]\nexclude_lines = \"[\"";
    check(
        FILE,
        &[
            (
                both,
                ":4:24: logs.file[0].include_lines[1]: found \"a(b\": unclosed group",
            ),
            (
                both,
                ":5:17: logs.file[0].exclude_lines: found \"[\": unclosed character class",
            ),
            ("include_lines = \"a(?=b)\"", "look-around"),
        ],
    );
}

#[test]
fn mistakes_about_redaction_are_told_with_place_and_remedy() {
    check(
        FILE,
        &[
            (
                "redact = [\"jwt\", \"email\"]",
                ":4:18: logs.file[0].redact[1]: found \"email\", expected out of: aws_keys",
            ),
            ("redact = [\"email\"]", "did you mean `emails`?"),
            (
                "[[logs.file.redact_pattern]]\nreplace = \"x\"",
                "logs.file[0].redact_pattern[0].pattern: missing",
            ),
            (
                "[[logs.file.redact_pattern]]\npattern = \"a*\"",
                ":5:11: logs.file[0].redact_pattern[0].pattern: found \"a*\", which matches an empty",
            ),
        ],
    );
}

#[test]
fn mistakes_about_json_and_sampling_are_told_with_place_and_remedy() {
    check(
        FILE,
        &[
            (
                "json = { message = \"m\", fields = [\"a\"] }",
                ":4:34: logs.file[0].json.fields: found together with message",
            ),
            (
                "[[logs.file.sample]]\nkeep = 0.5",
                "found both or none of match and level",
            ),
            (
                "[[logs.file.sample]]\nkeep = 2\nlevel = \"debug\"",
                ":5:8: logs.file[0].sample[0].keep: found integer 2",
            ),
            (
                "[[logs.file.sample]]\nlevel = \"debug\"",
                "sample[0].keep: missing",
            ),
            (
                "[[logs.file.sample]]\nmatch = \"(\"\nkeep = 1",
                ":5:9: logs.file[0].sample[0].match: found \"(\"",
            ),
        ],
    );
}
