//! The road with a fake CloudWatch.
