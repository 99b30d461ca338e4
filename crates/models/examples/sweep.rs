//! Plans every model file in some folders or lists, and prints which are refused and why.
//!
//! ```text
//! sweep [--skip] [--sizes] [--dim NAME=SIZE]... [--input NAME=NUMBER,...]... FILE_OR_FOLDER...
//! ```
//!
//! With `--sizes`, the bytes and names of all tensors follow.
//!
//! One line a file: `planned`, the number of operators and what is left out; or `refused` and the
//! message. The last line counts both.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use orionrt_models::{InputValue, Options, Unknown, load};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::new().allow_unused_names();
    let mut shows_sizes = false;
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dim" => {
                let dim = arguments.next().ok_or("--dim needs NAME=SIZE")?;
                let (name, size) = dim.split_once('=').ok_or("--dim needs NAME=SIZE")?;
                options = options.dim(name, size.parse()?);
            }
            "--input" => {
                let input = arguments.next().ok_or("--input needs NAME=VALUE")?;
                let (name, values) = input.split_once('=').ok_or("--input needs NAME=VALUE")?;
                let values: Result<_, _> = values.split(',').map(str::parse).collect();
                options = options.input(name, InputValue::Ints(values?));
            }
            "--sizes" => shows_sizes = true,
            "--skip" => options = options.unknown(Unknown::Skip),
            path => find(Path::new(path), &mut files)?,
        }
    }
    files.sort();
    let mut planned = 0;
    for file in &files {
        let start = Instant::now();
        let result = load(file, &options);
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        match result {
            Ok(model) => {
                planned += 1;
                println!(
                    "planned {} ({} nodes, {} left out, {milliseconds:.1} ms)",
                    file.display(),
                    model.nodes,
                    model.left_out.len()
                );
                if shows_sizes {
                    for (_, tensor) in model.graph.tensors() {
                        println!("{}\t{}", tensor.layout().size(), tensor.name());
                    }
                }
            }
            Err(error) => {
                let message = error.to_string().replace('\n', " | ");
                println!("refused {}: {message}", file.display());
            }
        }
    }
    println!("{planned} of {} planned", files.len());
    Ok(())
}

/// Adds a file, or all model files in a folder.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if !path.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    for entry in path.read_dir()? {
        let path = entry?.path();
        let is_model = |end: &std::ffi::OsStr| end == "onnx" || end == "tflite";
        if path.is_dir() || path.extension().is_some_and(is_model) {
            find(&path, files)?;
        }
    }
    Ok(())
}
