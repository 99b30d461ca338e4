//! Plans a TensorFlow Lite model for TensorFlow Lite Micro and writes the plan into a copy of it.
//!
//! usage: offline_plan plan MODEL.tflite --output OUTPUT.tflite
//!
//! The words are those of `orionrt plan`, so that a script can call either.

use std::{env, error::Error, fs};

use orionrt_models::{Options, parse, with_offline_plan};
use orionrt_plan::Planner;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let &["plan", input, "--output", output] = arguments.as_slice() else {
        return Err("usage: offline_plan plan MODEL.tflite --output OUTPUT.tflite".into());
    };
    let bytes = fs::read(input)?;
    let model = parse(&bytes, &Options::new().tflite_micro())?;
    let plan = Planner::new().plan(&model.graph.lifetimes())?;
    let tensors = model.graph.tensors();
    let offsets = tensors.filter_map(|(id, tensor)| Some((tensor.name(), plan.offset(id)?)));
    fs::write(output, with_offline_plan(&bytes, offsets)?)?;
    println!(
        "{input}: {} bytes, optimal: {}",
        plan.peak(),
        plan.is_optimal()
    );
    Ok(())
}
