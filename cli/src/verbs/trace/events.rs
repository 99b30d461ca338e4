//! Every event of a recording as CSV.
//!
//! Stands on `orionrt-recording`. Invariant: a row is an event; the columns are in the first line.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use orionrt_recording::{Kind, Reader};

/// Writes the calls; what the recorder itself adds is left out.
pub(super) fn write(reader: &Reader, file: &mut dyn Write) -> io::Result<()> {
    writeln!(file, "time_ns,thread,kind,address,size,alignment")?;
    for recorded in reader.events() {
        let event = recorded.event;
        let kind = match event.kind {
            Kind::Allocate => "allocate",
            Kind::Free => "free",
            Kind::Resize => "resize",
            Kind::Resized => "resized",
            Kind::Refused => "refused",
            _ => continue,
        };
        writeln!(
            file,
            "{},{},{kind},{:#x},{},{}",
            recorded.time_ns, recorded.thread, event.address, event.size, event.alignment
        )?;
    }
    Ok(())
}
