//! Profiles in the format of [pprof](https://github.com/google/pprof): `profile.proto`, compressed
//! by gzip or not, read and written.
//!
//! OrionRT's heap profiler writes it, Go and many others do, and `go tool pprof`, Speedscope and
//! Pyroscope show it. A file is untrusted: [`Profile::read`] bounds what it takes, and whatever it
//! returns is consistent.
//!
//! ```
//! use orionrt_pprof::Profile;
//!
//! let mut profile = Profile::default();
//! let (kind, unit) = (profile.add_text("inuse_space"), profile.add_text("bytes"));
//! profile.sample_types.push(orionrt_pprof::ValueType { kind, unit });
//!
//! let bytes = profile.write();
//! assert_eq!(Profile::read(&bytes)?, profile);
//! # Ok::<(), orionrt_pprof::ReadError>(())
//! ```
//!
//! Labels of samples are not kept.
#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod error;
mod wire;
mod profile;
mod limits;
mod fields;
mod indices;
mod unresolved;
mod resolve;
mod read;
mod write;

pub use error::ReadError;
pub use profile::{Function, Line, Location, Mapping, Profile, Sample, Text, ValueType};
pub use read::is_profile;
