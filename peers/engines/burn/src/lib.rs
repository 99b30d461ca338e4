//! burn on its ndarray backend: an encoder, a convolutional network, and a perceptron of several
//! layers.
//!
//! All are made of burn's own modules, with weights from a fixed seed. The backend has its default
//! features, so it runs on rayon's global pool, whose size the trial sets before the program
//! starts.
//!
//! Invariant: an iteration is what a program would run for a request.

use std::error::Error;

use orionrt_engines::{Inference, Task, Workload};

// A file uses only files above it in this list.
mod backend;
mod encoder;
mod network;
mod perceptron;

/// Makes the model that a task names.
///
/// # Errors
/// If there is no such model.
pub fn load(task: &Task) -> Result<Box<dyn Workload>, Box<dyn Error>> {
    backend::seed();
    Ok(match task.workload.as_str() {
        "encoder" => Box::new(Inference::new(encoder::Encoder::new())),
        "cnn" => Box::new(Inference::new(network::Network::new())),
        "mlp" => Box::new(Inference::new(perceptron::Perceptron::new())),
        other => return Err(format!("burn has no workload {other}").into()),
    })
}
