//! Programs made here, as models.
//!
//! `draft` makes programs; `straight` has those without bodies, `bodies` those with.

mod draft;
mod straight;
