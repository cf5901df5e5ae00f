//! The read-only page: static files that are part of the program.
//!
//! Nothing is loaded from anywhere else, and the policy that goes with every answer forbids the
//! browser to. What the page shows it asks for at `/_local/*.json`, see [`crate::control`].

use crate::plain::{PlainAnswer, PlainRequest};

/// Only our own files, no inline script or style, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, content type and content of each file.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("page/index.html")),
    (
        "/_local/page/style.css",
        CSS,
        include_str!("page/style.css"),
    ),
    ("/_local/page/icon.svg", SVG, include_str!("page/icon.svg")),
    (
        "/_local/page/app.js",
        JAVASCRIPT,
        include_str!("page/app.js"),
    ),
    (
        "/_local/page/board.js",
        JAVASCRIPT,
        include_str!("page/board.js"),
    ),
    (
        "/_local/page/chart.js",
        JAVASCRIPT,
        include_str!("page/chart.js"),
    ),
    (
        "/_local/page/dom.js",
        JAVASCRIPT,
        include_str!("page/dom.js"),
    ),
    (
        "/_local/page/lines.js",
        JAVASCRIPT,
        include_str!("page/lines.js"),
    ),
    (
        "/_local/page/markdown.js",
        JAVASCRIPT,
        include_str!("page/markdown.js"),
    ),
    (
        "/_local/page/panels.js",
        JAVASCRIPT,
        include_str!("page/panels.js"),
    ),
];

/// The file that is asked for; `None` for any other path or method.
#[must_use]
pub fn answer(request: &PlainRequest) -> Option<PlainAnswer> {
    if request.method != "GET" {
        return None;
    }
    let (_, content_type, text) = FILES.iter().find(|(path, ..)| *path == request.path)?;
    let mut answer = PlainAnswer::new(content_type, *text);
    answer.headers = protection();
    Some(answer)
}

/// The headers that keep a browser from doing more than showing the page.
#[must_use]
pub fn protection() -> Vec<(&'static str, String)> {
    [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Option<PlainAnswer> {
        answer(&PlainRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            ..PlainRequest::default()
        })
    }

    #[test]
    fn every_file_that_the_page_names_is_served_and_comes_from_here() {
        let mut seen = 0;
        for (_, _, text) in FILES {
            for (mark, prefix) in [
                ("from \"./", "/_local/page/"),
                ("src=\"", ""),
                ("href=\"/", "/"),
            ] {
                for found in text.split(mark).skip(1) {
                    let name = found.split('"').next().unwrap();
                    let path = format!("{prefix}{name}");
                    if path.starts_with("/_local/page/") {
                        assert!(get(&path).is_some(), "{path}");
                        seen += 1;
                    }
                    assert!(!path.contains("//"), "{path} is not ours");
                }
            }
        }
        assert!(seen > 10, "the search for names does not work: {seen}");
    }

    #[test]
    fn nothing_can_turn_text_into_markup_or_run_inline() {
        for (path, _, text) in FILES {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                " style=\"",
                " onclick=",
            ] {
                assert!(!text.contains(way), "{path} uses {way}");
            }
        }
    }

    #[test]
    fn the_policy_goes_with_every_file_and_other_paths_are_not_ours() {
        for (path, ..) in FILES {
            let headers = get(path).unwrap().headers;
            let policy = headers
                .iter()
                .find(|(name, _)| *name == "content-security-policy");
            assert!(
                policy.unwrap().1.starts_with("default-src 'none'"),
                "{path}"
            );
        }
        assert_eq!(get("/_local/page/../page.rs"), None);
        let put = PlainRequest {
            method: "PUT".to_owned(),
            path: "/".to_owned(),
            ..PlainRequest::default()
        };
        assert_eq!(answer(&put), None);
    }
}
