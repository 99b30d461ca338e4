//! Gives the shared library the name under which CMake installs it.

fn main() {
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    let name = format!("liborionrt-plan.so.{major}");
    if matches!(target.as_str(), "linux" | "android" | "freebsd" | "netbsd") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
