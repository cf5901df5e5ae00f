//! Samples of one series folded into what one datum says. Pure: no clock, no I/O.
//!
//! Two things are folded: samples of a scraper that looks more often than it tells ([`Window`] over
//! ticks), and what applications send at any time ([`Intake`], a window that several tasks share).
//! Both are taken as a whole when their time is over.

mod distribution;
mod folded;
mod guard;
mod intake;
mod window;

pub(crate) use distribution::Distribution;
pub(crate) use folded::{Folded, Statistics};
pub(crate) use guard::{OVERFLOW, SeriesGuard};
pub(crate) use intake::{Gathered, Intake, Windows, common};
pub(crate) use window::{How, SeriesKey, Slot, Window};
