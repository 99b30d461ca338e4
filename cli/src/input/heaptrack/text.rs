//! The lines of a file, which may be compressed with gzip or zstd.
//!
//! Stands on `flate2` and `ruzstd`. Invariant: at most [`MOST_BYTES`] are read, of which one line
//! is held.

#![forbid(unsafe_code)]

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::HeaptrackError;

/// The most bytes of text that are read: a file may be thousands of times as small.
pub(super) const MOST_BYTES: u64 = 1 << 30;
/// The most bytes of a line.
const LONGEST: u64 = 1 << 20;

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Whether a file that begins with these bytes is compressed in a way that is read.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || head.starts_with(ZSTD)
}

/// Reads lines one by one.
pub(super) struct Lines<'f> {
    reader: Box<dyn BufRead + 'f>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<'f> Lines<'f> {
    pub(super) fn of(file: &'f [u8]) -> Self {
        let reader: Box<dyn BufRead + 'f> = if file.starts_with(GZIP) {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else if file.starts_with(ZSTD) {
            Box::new(BufReader::new(Frames::of(file)))
        } else {
            Box::new(file)
        };
        Self {
            reader,
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line without its end, and its number, counted from 1.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, HeaptrackError> {
        self.line.clear();
        self.number += 1;
        let line = self.number;
        let mut limited = (&mut self.reader).take(LONGEST + 1);
        let read = limited.read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| HeaptrackError::Compressed { line, source })? as u64;
        self.bytes += read;
        let too_much = |most, what| HeaptrackError::TooMuch { line, most, what };
        if read > LONGEST {
            return Err(too_much(LONGEST, "bytes of a line"));
        }
        if self.bytes > MOST_BYTES {
            return Err(too_much(MOST_BYTES, "bytes of text"));
        }
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        Ok(Some((line, &self.line)))
    }
}

/// Decompresses the frames of a file, one after the other.
struct Frames<'f> {
    file: &'f [u8],
    decoder: FrameDecoder,
    /// Whether the decoder is within a frame.
    is_open: bool,
}

impl<'f> Frames<'f> {
    fn of(file: &'f [u8]) -> Self {
        Self {
            file,
            decoder: FrameDecoder::new(),
            is_open: false,
        }
    }

    /// Bytes of the frame that is open; none at its end.
    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let decoder = &mut self.decoder;
        while decoder.can_collect() == 0 && !decoder.is_finished() {
            let block = BlockDecodingStrategy::UptoBlocks(1);
            let decoded = decoder.decode_blocks(&mut self.file, block);
            decoded.map_err(io::Error::other)?;
        }
        decoder.read(buffer)
    }

    /// Fails if the frame that was read is not the one that was written.
    fn check(&self) -> io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("the checksum of a frame is wrong"));
        }
        Ok(())
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_open {
                if self.file.is_empty() {
                    return Ok(0);
                }
                let begun = self.decoder.reset(&mut self.file);
                begun.map_err(io::Error::other)?;
                self.is_open = true;
            }
            let read = self.read_frame(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.check()?;
            self.is_open = false;
        }
    }
}
