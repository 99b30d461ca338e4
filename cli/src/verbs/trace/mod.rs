//! `orionrt trace`: what is in the recording of a process.
//!
//! ```text
//! summary  what the events add up to, in all and by size
//! sequences  the requests of each thread, and where they repeat
//! iterations  what repeats, and what one repeat needs
//! origins  what each stack has at the peak and in all, as a profile
//! sites    the functions with most of it
//! show     that for people
//! events   every event as CSV
//! counters the bytes over time, for Perfetto
//! command  the verb
//! ```

// A file uses only files above it in this list.
#[cfg(test)]
mod recorded;
mod summary;
mod sequences;
mod iterations;
mod origins;
mod sites;
mod show;
mod events;
mod counters;
mod command;

pub(crate) use command::trace;
