//! The one test binary of what needs more than one crate, so that it links once.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share fails by panicking too"
)]

mod layering;
mod manual;
mod pages;
mod policies;
mod shape;
mod tree;
