//! A profile as pprof's tools take it: compressed by gzip.
//!
//! Stands on `orionrt-pprof` and `flate2`.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use orionrt_pprof::Profile;

/// Writes a profile.
pub(crate) fn write(profile: &Profile, to: &mut dyn Write) -> io::Result<()> {
    let mut gzip = GzEncoder::new(to, Compression::default());
    gzip.write_all(&profile.write())?;
    gzip.finish().map(drop)
}
