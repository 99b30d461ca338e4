//! The result of `orionrt plan`: JSON for programs, lines for people.
//!
//! ```text
//! model   the facts about a model, in both forms
//! json    the object
//! text    the lines
//! ```

// A file uses only files above it in this list.
mod model;
mod json;
mod text;

pub(super) use json::json;
pub(super) use text::text;
