//! The one test binary of what needs more than one crate, so that it links once.

mod layering;
mod shape;
mod tree;
