//! The result of `orionrt fit`.
//!
//! ```text
//! quantities  seconds, speeds and percent for people
//! moved       the tensors that leave the fast memory
//! head        the lines above every answer
//! left_out    the lines below it
//! text        a schedule as lines of text
//! json        a schedule as JSON
//! curve       the curve as text, as JSON and as points to draw
//! ```

// A file uses only files above it in this list.
mod quantities;
mod moved;
mod head;
mod left_out;
mod text;
mod json;
mod curve;

pub(super) use curve::{curve_json, curve_text, drawn};
pub(super) use json::{json, not_found as not_found_json};
pub(super) use text::{not_found as not_found_text, text};
