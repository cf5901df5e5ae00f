//! Our configuration out of SSM Parameter Store: `ssm:` and the names of parameters, separated by
//! commas, whose values are joined in that order.
//!
//! One parameter holds 8 KiB at most, which a fleet's configuration can exceed. Nothing is kept on
//! this machine: a reload asks again.

use std::path::Path;

use plimsoll_core::config::{Document, Problem, Problems};

use crate::compat::sources;

/// What the name of such a configuration begins with. A file of that name is `./ssm:…`.
const PREFIX: &str = "ssm:";

/// The configuration at `path`, from a file or from parameters. Blocks, and asks AWS if it must.
///
/// # Errors
/// What cannot be read.
pub(super) fn document(path: &Path) -> Result<Document, Problems> {
    let name = path.display().to_string();
    let Some(names) = name.strip_prefix(PREFIX) else {
        return Document::read(path);
    };
    let text = parameters(names).and_then(|names| sources::joined(&names));
    text.map(|text| Document::from_text(&name, &text))
        .map_err(|why| {
            Problems(vec![Problem {
                file: name.clone(),
                line: 0,
                column: 0,
                key: String::new(),
                found: why,
                expected: String::new(),
                nearest: None,
            }])
        })
}

/// The names of the parameters.
fn parameters(names: &str) -> Result<Vec<&str>, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if names.contains(&"") {
        return Err("a name is missing; expected ssm:NAME or ssm:NAME,NAME".to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_in_their_order_and_none_is_empty() {
        assert_eq!(parameters("/a/1"), Ok(vec!["/a/1"]));
        assert_eq!(parameters("/a/2, /a/1"), Ok(vec!["/a/2", "/a/1"]));
        for bad in ["", ",", "/a,", "/a,,/b"] {
            assert!(parameters(bad).is_err(), "{bad}");
        }
        let told = document(Path::new("ssm:")).unwrap_err();
        assert!(told.to_string().contains("a name is missing"), "{told}");
    }
}
