//! Reading a TOML file so that every mistake in it is told at once, each with its place.
//!
//! A [`Document`] is the parsed text. A [`Section`] is one table of it, from which a service takes
//! the keys it knows, by type and range. What is left when the section is finished is an unknown
//! key, and an error that names the nearest valid one. Nothing here decides what a service needs:
//! that is each service's `RawConfig` → `Config` step, and it runs to the end even when keys are
//! wrong, so that one run of `validate` shows everything.

mod document;
pub mod manual;
mod problem;
mod quantity;
mod section;

pub use document::Document;
pub use problem::{Problem, Problems};
pub use quantity::{parse_duration, parse_size};
pub use section::{Field, Section, nearest};
