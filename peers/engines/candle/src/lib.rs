//! candle: an encoder, with an input of one length and of many, a convolutional network, and a
//! decoder that writes a text token by token.
//!
//! All are small models of common form, with weights from a fixed seed. candle runs on rayon's
//! global pool, whose size the trial sets before the program starts.
//!
//! Invariant: an iteration is what a program would run for a request, or for a token.

use std::error::Error;

use orionrt_engines::{Inference, Task, Workload};

// A file uses only files above it in this list.
mod weights;
mod attention;
mod encoder;
mod lengths;
mod network;
mod decoder;

/// Makes the model that a task names.
///
/// # Errors
/// If there is no such model, or candle refuses to make it.
pub fn load(task: &Task) -> Result<Box<dyn Workload>, Box<dyn Error>> {
    Ok(match task.workload.as_str() {
        "encoder" => Box::new(Inference::new(encoder::Encoder::new()?)),
        "lengths" => Box::new(lengths::Lengths::new()?),
        "cnn" => Box::new(Inference::new(network::Network::new()?)),
        "decode" => Box::new(decoder::Decoder::new(
            task.tokens,
            decoder::Cache::Preallocated,
        )?),
        "decode-grown" => Box::new(decoder::Decoder::new(task.tokens, decoder::Cache::Grown)?),
        other => return Err(format!("candle has no workload {other}").into()),
    })
}
