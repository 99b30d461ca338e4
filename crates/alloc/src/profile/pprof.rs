//! A profile in the format of [pprof](https://github.com/google/pprof): `profile.proto`, which is
//! read by `go tool pprof`, Speedscope, Grafana Pyroscope and others.
//!
//! It is written as it is read, through a buffer, so that a profile can be written where nothing
//! may be allocated.
//!
//! Invariant: strings have the index that they are written at, and the identifier of a location is
//! the return address that it stands for.

use core::{fmt, fmt::Write as _, mem, ops::Range, ptr::NonNull};
use std::time::{SystemTime, UNIX_EPOCH};

use orionrt_sys::mapping::Mapping;

use super::{
    command::Command,
    encoder::{Buffer, Encoder, Message},
    entries::Estimates,
    estimate::Estimate,
    modules::{Line, each_module},
};
use crate::heap::MappedVec;

/// Fields of `Profile` in `profile.proto`, which `crates/pprof/src/fields.rs` has once more, as it
/// allocates and cannot be used here.
mod field {
    pub(super) const SAMPLE_TYPE: u32 = 1;
    pub(super) const SAMPLE: u32 = 2;
    pub(super) const MAPPING: u32 = 3;
    pub(super) const LOCATION: u32 = 4;
    pub(super) const STRING: u32 = 6;
    pub(super) const DROP_FRAMES: u32 = 7;
    pub(super) const TIME: u32 = 9;
    pub(super) const PERIOD_TYPE: u32 = 11;
    pub(super) const PERIOD: u32 = 12;
    pub(super) const COMMENT: u32 = 13;
    pub(super) const DEFAULT_SAMPLE_TYPE: u32 = 14;
}

/// The values of a sample, in this order: names and units.
const VALUES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// The functions that are in every stack and say nothing of who asked for the memory, for tools
/// that leave frames out: a regular expression of whole names. `cli/src/heap_profile/allocator.rs`
/// knows the same ones.
const ALLOCATORS: &str = concat!(
    "malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|p?valloc|",
    "operator new.*|__rust_(re)?alloc.*|__rustc::__r.*|__rg_.*|__rdl_.*|",
    "alloc::alloc::.*|<alloc::alloc::Global .*|<?orionrt_alloc::.*|orionrt::(c|cxx)::.*",
);

/// What a profile is written from.
pub(super) trait Source {
    /// The bytes from one sample to the next.
    fn mean(&self) -> u64;
    /// How many samples are missing.
    fn lost(&self) -> u64;
    /// Calls `visit` with the estimates and the return addresses of each stack.
    fn each_stack(&self, visit: &mut dyn FnMut(&Estimates, &[usize]));
    /// Calls `visit` with each return address, once.
    fn each_address(&self, visit: &mut dyn FnMut(usize));
}

/// What writing takes, in a mapping of its own: threads may have small stacks.
struct Scratch {
    buffer: Buffer,
    message: Message,
    line: Line,
    command: Command,
}

/// The addresses of the code around an address.
pub(super) fn code_around(address: usize) -> Option<Range<usize>> {
    with_scratch(|scratch| {
        let mut found = None;
        // What was found counts, whether or not the list could be read to its end.
        let _ = each_module(&mut scratch.line, |module| {
            let code = module.start..module.end;
            if code.contains(&address) {
                found = Some(code);
            }
        });
        found
    })?
}

/// Runs `f` with memory to work in; `None` if there is none.
fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
    let memory = Mapping::reserve(mem::size_of::<Scratch>(), mem::align_of::<Scratch>()).ok()?;
    memory.commit(0..memory.len()).ok()?;
    let mut scratch: NonNull<Scratch> = memory.base().cast();
    // SAFETY: new memory of this size and alignment, which lives until this function returns. It is
    // zero, and that is a valid value: arrays of bytes, and lengths of 0.
    Some(f(unsafe { scratch.as_mut() }))
}

/// Writes a profile with a function that returns whether it could write; returns whether all went
/// well.
pub(super) fn write(source: &dyn Source, write: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let written = with_scratch(|scratch| {
        let Scratch {
            buffer,
            message,
            line,
            command,
        } = scratch;
        let mut encoder = Encoder::new(write, buffer);
        encoder.string(field::STRING, b"");
        write_head(&mut encoder, message, source.mean());
        let total = write_samples(&mut encoder, message, source);
        let is_whole = write_locations(&mut encoder, message, line, source);
        write_command(&mut encoder, command);
        write_comments(&mut encoder, &total, source.lost());
        encoder.finish() && is_whole
    });
    written.unwrap_or(false)
}

/// Writes what the values are, and of what they are samples.
fn write_head(encoder: &mut Encoder<'_>, message: &mut Message, mean: u64) {
    let mut last = 0;
    for (name, unit) in VALUES {
        write_type(encoder, message, field::SAMPLE_TYPE, name, unit);
        last = encoder.string(field::STRING, name.as_bytes());
    }
    encoder.integer(field::DEFAULT_SAMPLE_TYPE, last);
    write_type(encoder, message, field::PERIOD_TYPE, "space", "bytes");
    encoder.integer(field::PERIOD, mean);
    let index = encoder.string(field::STRING, ALLOCATORS.as_bytes());
    encoder.integer(field::DROP_FRAMES, index);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    encoder.integer(field::TIME, now.map_or(0, |now| now.as_nanos() as u64));
}

fn write_type(
    encoder: &mut Encoder<'_>,
    message: &mut Message,
    field: u32,
    name: &str,
    unit: &str,
) {
    message.clear();
    message.integer(1, encoder.string(field::STRING, name.as_bytes()));
    message.integer(2, encoder.string(field::STRING, unit.as_bytes()));
    encoder.message(field, message);
}

/// Writes a sample for each stack; returns what they add up to.
fn write_samples(
    encoder: &mut Encoder<'_>,
    message: &mut Message,
    source: &dyn Source,
) -> Estimates {
    let mut total = Estimates::default();
    source.each_stack(&mut |estimates, stack| {
        total += *estimates;
        message.clear();
        for &address in stack {
            message.item(1, address as u64);
        }
        for value in estimates.in_order() {
            message.item(2, value.value.round() as u64);
        }
        encoder.message(field::SAMPLE, message);
    });
    total
}

/// Writes the pieces of memory that hold code, and each return address; returns whether none is
/// missing that the system could have told.
fn write_locations(
    encoder: &mut Encoder<'_>,
    message: &mut Message,
    line: &mut Line,
    source: &dyn Source,
) -> bool {
    let mut ranges = MappedVec::<(usize, usize)>::new();
    let is_whole = each_module(line, |module| {
        if ranges.push((module.start, module.end)).is_none() {
            return;
        }
        message.clear();
        message.integer(1, ranges.len() as u64);
        message.integer(2, module.start as u64);
        message.integer(3, module.end as u64);
        message.integer(4, module.offset);
        message.integer(5, encoder.string(field::STRING, module.path));
        message.integer(6, encoder.string(field::STRING, module.build_id));
        encoder.message(field::MAPPING, message);
    });
    source.each_address(&mut |address| {
        // The call lies before the address to which it returns.
        let call = address.wrapping_sub(1);
        let behind = ranges.partition_point(|&(start, _)| start <= call);
        let is_inside = ranges[..behind].last().is_some_and(|&(_, end)| call < end);
        message.clear();
        message.integer(1, address as u64);
        message.integer(2, if is_inside { behind as u64 } else { 0 });
        message.integer(3, call as u64);
        encoder.message(field::LOCATION, message);
    });
    is_whole
}

/// Writes which command the profile is of. `cli/src/verbs/profile/accuracy.rs` reads it.
fn write_command(encoder: &mut Encoder<'_>, command: &mut Command) {
    command.read();
    if !command.text().is_empty() {
        let index = encoder.string_of(field::STRING, &[b"command: ", command.text().as_bytes()]);
        encoder.integer(field::COMMENT, index);
    }
}

/// Writes how exact the numbers are. `cli/src/verbs/profile/accuracy.rs` reads it.
fn write_comments(encoder: &mut Encoder<'_>, total: &Estimates, lost: u64) {
    for ((name, unit), value) in VALUES.into_iter().zip(total.in_order()) {
        let (low, high) = value.confidence_interval();
        comment(
            encoder,
            format_args!(
                "{name}: {:.0} {unit}, 95 % interval {low:.0} to {high:.0}",
                value.value
            ),
        );
    }
    let (samples, live) = (total.samples, total.live_samples);
    comment(
        encoder,
        format_args!("samples: {samples}, {live} of them live"),
    );
    if lost > 0 {
        comment(
            encoder,
            format_args!("lost samples: {lost}, for want of memory or of a place"),
        );
    }
}

fn comment(encoder: &mut Encoder<'_>, text: fmt::Arguments<'_>) {
    let mut line = Text {
        bytes: [0; 160],
        len: 0,
    };
    // What has no room is cut off.
    let _ = line.write_fmt(text);
    let index = encoder.string(field::STRING, &line.bytes[..line.len]);
    encoder.integer(field::COMMENT, index);
}

/// Text in a place of fixed size.
struct Text {
    bytes: [u8; 160],
    len: usize,
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        Ok(())
    }
}

impl Estimates {
    /// In the order of [`VALUES`].
    fn in_order(&self) -> [Estimate; 4] {
        [
            self.allocated_objects,
            self.allocated_bytes,
            self.live_objects,
            self.live_bytes,
        ]
    }
}
