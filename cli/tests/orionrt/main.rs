//! The command line as its users see it: arguments in; exit status, stdout, stderr and files out.
//!
//! There is a file for each verb, one for what all verbs have in common, and one for each feature
//! of several verbs. They stand on `run`, which starts the binary.

// A file uses only files above it in this list.
mod run;
#[path = "../../../crates/models/tests/tflite/writer.rs"]
mod tflite;
mod every_verb;
mod malformed;
mod names;
mod names_in_messages;
mod plan;
mod earlier;
mod fixed;
mod onnx;
#[cfg(target_os = "linux")]
mod outputs;
mod usage;
mod source;
mod aliasing;
mod parts;
mod page;
mod maps;
mod devices;
mod device_memory;
mod donated;
mod regions;
mod pools;
mod fit;
mod fit_overlap;
#[cfg(target_os = "linux")]
mod view;
mod snapshot;
mod heaptrack;
#[cfg(target_os = "linux")]
mod trace;
mod xla;
mod check;
mod against;
mod compare;
mod share;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod inference;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
mod without_engine;
mod demo;
#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
mod cuda_model;
mod demo_device;
#[cfg(target_os = "linux")]
mod profile;
#[cfg(target_os = "linux")]
mod with;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod iterations;
#[cfg(target_os = "linux")]
mod stacks;
#[cfg(target_os = "linux")]
mod interrupt;
