//! The command line as its users meet it: arguments in; exit status, stdout, stderr and files out.
//!
//! One file a verb, one for what all verbs promise, and one for each thing that several have. They stand on `run`, which starts the binary.

mod aliasing;
mod check;
mod compare;
mod demo;
mod earlier;
mod every_verb;
mod fixed;
#[cfg(target_os = "linux")]
mod inference;
#[cfg(target_os = "linux")]
mod interrupt;
mod malformed;
#[cfg(target_os = "linux")]
#[path = "../../examples/mobilenet/model.rs"]
mod mobilenet;
mod onnx;
mod plan;
mod run;
mod share;
mod usage;
