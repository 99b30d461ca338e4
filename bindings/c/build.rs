//! Gives the shared library the name under which CMake installs it.

use std::fs;

/// Where the version of the binary interface is stated.
const STATED: &str = "src/version.rs";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={STATED}");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd" | "netbsd") {
        let name = format!("liborionrt-plan.so.{}", abi_version());
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{name}");
    }
}

fn abi_version() -> u32 {
    let text = fs::read_to_string(STATED).unwrap_or_default();
    let stated = text.split("pub const ORIONRT_ABI_VERSION: u32 = ").nth(1);
    let number = stated.and_then(|rest| rest.split(';').next()?.parse().ok());
    number.expect("src/version.rs states ORIONRT_ABI_VERSION")
}
