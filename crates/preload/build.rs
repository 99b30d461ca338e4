//! Links the library so that it stays: programs have its blocks, and threads its destructors, after
//! whoever loaded it gives it back.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
