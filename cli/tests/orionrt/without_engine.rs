//! `orionrt run` in a build without the inference engine.

use crate::run::Folder;

#[test]
fn run_says_how_to_get_the_engine() {
    let folder = Folder::new();
    for args in [&["run"][..], &["run", "model.onnx", "--iterations", "3"]] {
        folder
            .run(args)
            .failed(2, &["cargo install", "--features engine"]);
    }
}
