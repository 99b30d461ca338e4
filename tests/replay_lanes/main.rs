//! Helpers: iterations in which other threads take part, the same ones every time or new ones,
//! fewer than there are lanes or more, in pools that share out their work anew each time.
//!
//! The allocators are instances beside the test program's own, so that the helpers of a test are
//! only its own threads.

mod threads;
mod announced;
mod unannounced;
mod orders;
