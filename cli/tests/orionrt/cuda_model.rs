//! The models of CUDA's driver and of its compiler, which tests load in the place of these. The
//! tests of the library use this file, too.

#[path = "../../../crates/devices/tests/cuda/library.rs"]
mod library;

use std::{env, path::Path, process::Command, thread};

pub use library::compile;

/// Compiles both models into a folder, where programs find them by `LD_LIBRARY_PATH`; false where
/// there is no compiler for the kernels. With `ORIONRT_NEEDS_DEVICE`, that is an error.
pub fn models_in(folder: &Path) -> bool {
    if let Err(error) = Command::new("g++").arg("--version").output() {
        assert!(
            env::var_os("ORIONRT_NEEDS_DEVICE").is_none(),
            "g++: {error}"
        );
        println!("skipped: tests on a model of CUDA: g++, which compiles the kernels: {error}");
        return false;
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/devices/tests/cuda/model");
    thread::scope(|scope| {
        for (source, library) in [("driver.rs", "libcuda.so"), ("nvrtc.rs", "libnvrtc.so")] {
            let (source, library) = (sources.join(source), folder.join(library));
            scope.spawn(move || compile(&source, &library));
        }
    });
    true
}
