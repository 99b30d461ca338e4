//! Finds out whether there is an implementation for the target's operating system, and whether the
//! target is compiled with the address sanitizer: its functions exist there alone. Elsewhere the
//! feature `asan` does nothing, so that `--all-features` links everywhere.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(orionrt_os, orionrt_asan)");
    let of_target = |name| env::var(name).unwrap_or_default();
    let is_supported = ["linux", "freebsd", "windows"]
        .contains(&&*of_target("CARGO_CFG_TARGET_OS"))
        || of_target("CARGO_CFG_TARGET_VENDOR") == "apple";
    if is_supported {
        println!("cargo::rustc-cfg=orionrt_os");
    }
    // Set by a nightly compiler, from its flags.
    let sanitizers = of_target("CARGO_CFG_SANITIZE");
    let is_wanted = env::var_os("CARGO_FEATURE_ASAN").is_some();
    if is_wanted && sanitizers.split(',').any(|name| name == "address") {
        println!("cargo::rustc-cfg=orionrt_asan");
    }
}
