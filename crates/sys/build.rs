//! Finds out whether the target is compiled with the address sanitizer: its functions exist there
//! alone. Elsewhere the feature `asan` does nothing, so that `--all-features` links everywhere.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(orionrt_asan)");
    // Set by a nightly compiler, from its flags.
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    let is_wanted = env::var_os("CARGO_FEATURE_ASAN").is_some();
    if is_wanted && sanitizers.split(',').any(|name| name == "address") {
        println!("cargo::rustc-cfg=orionrt_asan");
    }
}
