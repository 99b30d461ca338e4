//! The command line as its users meet it: arguments in; exit status, stdout, stderr and files out.
//!
//! One file a verb, and one for what all verbs promise. They stand on `run`, which starts the binary.

mod check;
mod compare;
mod demo;
mod every_verb;
mod malformed;
mod onnx;
mod plan;
mod run;
