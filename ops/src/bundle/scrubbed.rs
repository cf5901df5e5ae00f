//! Text for other eyes: whatever looks like a secret is masked, by its name or by its form.

use std::sync::LazyLock;

use plimsoll_core::logging::scrub;
use regex::Regex;

const MASK: &str = "[secret]";

/// A name that says that its value is one, up to the end of the line. A path to a secret is none,
/// and a word of a sentence is followed by neither sign.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = "secret|token|password|passwd|external_?id|api_?key|private_?key|credential|auth";
    Regex::new(&format!(
        r#"(?im)([\w.-]*(?:{names})[\w.-]*["']?\s*[=:]\s*)(\S.*)$"#
    ))
    .ok()
});
/// Variables and credentials of a unit, whatever their names; lines that a backslash continues belong
/// to them. Source: systemd.syntax(7).
static VARIABLES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?m)^([ \t]*(?:UnsetEnvironment|Environment|SetCredential\w*)[ \t]*=)(?:.*\\\n)*.*$",
    )
    .ok()
});
/// What a command is given, after its program: texts of TOML with whatever stands in them.
static ARGUMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let text = r#"(?:"(?:\\.|[^"\\])*"|'[^']*')"#;
    Regex::new(&format!(
        r#"(?s)(command\s*=\s*\[\s*{text})((?:{text}|[^\]"'])*)(\])"#
    ))
    .ok()
});

/// Output of a program, without secrets.
pub(super) fn text(told: &str) -> String {
    let told = replaced(&VARIABLES, told, &format!("${{1}}{MASK}"));
    scrub(&told).into_owned()
}

/// A configuration, without secrets. What a value of many lines has on its further lines is masked
/// by its form alone.
pub(super) fn configuration(told: &str) -> String {
    let told = replaced(&ARGUMENTS, told, &format!("${{1}}, \"{MASK}\"${{3}}"));
    let told = replaced(&NAMED, &told, &format!("${{1}}{MASK}"));
    scrub(&told).into_owned()
}

fn replaced(what: &LazyLock<Option<Regex>>, told: &str, with: &str) -> String {
    match what.as_ref() {
        Some(what) => what.replace_all(told, with).into_owned(),
        // The patterns are ours and a test compiles them; without them nothing leaves.
        None => MASK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_by_its_name_or_its_form_and_the_rest_stays() {
        let cases = [
            ("external_id = \"planted\"", "external_id = [secret]"),
            ("\"api_key\": \"planted\",", "\"api_key\": [secret]"),
            (
                "proxy = \"http://user:planted@proxy:3128\"",
                "proxy = \"http://[secret]@proxy:3128\"",
            ),
            (
                "command = [\"/bin/leave\", \"--with\", \"planted\"]",
                "command = [\"/bin/leave\", \"[secret]\"]",
            ),
            (
                "command = ['/bin/leave',\n  'planted',\n]",
                "command = ['/bin/leave', \"[secret]\"]",
            ),
            (
                "command = [\"/bin/leave\", \"[a-z]\", \"--with\", \"planted\"]",
                "command = [\"/bin/leave\", \"[secret]\"]",
            ),
            (
                "command = [\"/bin/le\\\"ave]\", 'x]', \"planted\"]",
                "command = [\"/bin/le\\\"ave]\", \"[secret]\"]",
            ),
            (
                "path = \"/var/log/auth.log\"",
                "path = \"/var/log/auth.log\"",
            ),
            (
                "region = \"eu-west-1\" # AKIAIOSFODNN7EXAMPLE",
                "region = \"eu-west-1\" # [secret]",
            ),
        ];
        for (told, expected) in cases {
            assert_eq!(configuration(told), expected);
        }
    }

    #[test]
    fn no_variable_of_a_unit_is_told() {
        let unit = "[Service]\nEnvironment=ANY=planted OTHER=planted\n  Environment = A=planted \\\n  \
                    B=planted \\\n  C=planted\nSetCredential=x:planted\nEnvironmentFile=-/etc/a.env\nUser=p\n";
        let expected = "[Service]\nEnvironment=[secret]\n  Environment =[secret]\n\
                        SetCredential=[secret]\nEnvironmentFile=-/etc/a.env\nUser=p\n";
        assert_eq!(text(unit), expected);
    }
}
