//! Plans as source text in Rust and C: offsets as constants, for programs that have no heap, and
//! none that read files.
//!
//! ```text
//! identifiers   identifiers of the languages, made of tensors' names
//! literals      names as literals and in comments
//! placed        the tensors that are written
//! changes       the tensors whose lifetimes begin and end at each step
//! rust          a plan as Rust
//! c_header      plans as a header for C and C++
//! plan_source   what is written, and in which language
//! ```
//!
//! Invariant: whatever tensors, operators and devices are called, the text compiles, and equal
//! plans have equal texts.

// A file uses only files above it in this list.
mod identifiers;
mod literals;
mod placed;
mod changes;
mod rust;
mod c_header;
mod plan_source;

pub use plan_source::PlanSource;
