//! Links the release build without unwind tables; see `link/no-unwind-tables.ld`. All other profiles
//! unwind and keep them.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=link/no-unwind-tables.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // The profile's own setting is not told to a build script; only release aborts.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") {
        let directory = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{directory}/link/no-unwind-tables.ld");
    }
}
