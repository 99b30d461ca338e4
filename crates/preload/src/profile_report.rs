//! The report of what is live when the process exits, as text for people.
//!
//! Stands on the loader's `dladdr`, which knows exported functions only: the report says how to get
//! the other names.
//!
//! Invariant: it is made while the process exits, so it may allocate.

use core::ffi::{CStr, c_char};
use std::{format, string::String, vec::Vec};

use orionrt_alloc::profile::{Profile, ProfileEntry};

/// The most stacks in a report, and frames of each.
const MOST_STACKS: usize = 20;
const MOST_FRAMES: usize = 24;

/// What is live, by stack; `file` is the profile that has been written of the same.
pub(crate) fn live_at_exit(profile: &Profile, file: Option<&str>) -> String {
    let total = profile.total();
    let (low, high) = total.live_bytes.confidence_interval();
    let mut report = format!(
        "orionrt: process {}: {} in about {:.0} blocks are live at exit\n\
         (estimated from {} samples; 95 % interval {} to {})\n",
        std::process::id(),
        size(total.live_bytes.value),
        total.live_objects.value,
        total.live_samples,
        size(low),
        size(high),
    );
    let entries = largest(profile);
    for entry in entries.iter().take(MOST_STACKS) {
        report += &stack(entry);
    }
    report += &more(entries.len(), MOST_STACKS, "\n", "stacks");
    if let Some(file) = file.filter(|_| !entries.is_empty()) {
        report += &format!("\nNames, and all stacks: orionrt profile {file}\n");
    }
    report
}

/// The stacks of what is live, those that have most of it first.
fn largest(profile: &Profile) -> Vec<&ProfileEntry> {
    let live = |entry: &&ProfileEntry| entry.estimates.live_samples > 0;
    let mut entries: Vec<_> = profile.entries().iter().filter(live).collect();
    entries.sort_by(|a, b| {
        let [a, b] = [a, b].map(|entry| entry.estimates.live_bytes.value);
        b.total_cmp(&a)
    });
    entries
}

fn stack(entry: &ProfileEntry) -> String {
    let (bytes, blocks) = (entry.estimates.live_bytes, entry.estimates.live_objects);
    let mut text = format!(
        "\n{} in about {:.0} blocks from\n",
        size(bytes.value),
        blocks.value
    );
    // The function of this library that was called, which says nothing.
    let own = base_of(stack as *const () as usize);
    let is_own = |&&address: &&usize| base_of(address - 1) == own;
    let first = usize::from(entry.stack.first().as_ref().is_some_and(is_own));
    let frames = &entry.stack[first..];
    for &address in frames.iter().take(MOST_FRAMES) {
        text += &format!("    {}\n", name_of(address));
    }
    text + &more(frames.len(), MOST_FRAMES, "    ", "frames")
}

/// Says how many are left out, if any are.
fn more(count: usize, shown: usize, before: &str, what: &str) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("{before}and {more} more {what}\n"),
    }
}

/// The call that a return address is of, its function and its file, as far as the loader knows
/// them.
fn name_of(return_address: usize) -> String {
    let call = return_address - 1;
    let place = Place::of(call);
    let name = place.name.map_or(String::new(), |name| format!(" {name}"));
    let file = place.file.map_or(String::new(), |file| {
        format!(" {file}+{:#x}", call - place.base)
    });
    format!("{call:#x}{name}{file}")
}

/// Where the program or library begins that an address lies in; 0 if it is in none.
pub(crate) fn base_of(address: usize) -> usize {
    found(address).map_or(0, |found| found.dli_fbase as usize)
}

/// What the loader tells of an address.
fn found(address: usize) -> Option<libc::Dl_info> {
    // SAFETY: of numbers and pointers, for which zeros are a value.
    let mut found = unsafe { core::mem::zeroed::<libc::Dl_info>() };
    // SAFETY: any address may be asked about; `found` is valid for a write.
    let is_known = unsafe { libc::dladdr(address as *const _, &raw mut found) } != 0;
    is_known.then_some(found)
}

/// What the loader knows of an address.
#[derive(Default)]
struct Place {
    /// Where the file begins; 0 if the address is in none.
    base: usize,
    file: Option<String>,
    name: Option<String>,
}

impl Place {
    fn of(address: usize) -> Self {
        let Some(found) = found(address) else {
            return Self::default();
        };
        let text = |text: *const c_char| {
            let is_text = !text.is_null();
            // SAFETY: a name that the loader has, which ends with a zero.
            is_text.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into())
        };
        Self {
            base: found.dli_fbase as usize,
            file: text(found.dli_fname),
            name: text(found.dli_sname),
        }
    }
}

/// Bytes with a unit.
fn size(bytes: f64) -> String {
    let (unit, name) = match bytes {
        1_073_741_824.0.. => (1_073_741_824.0, "GiB"),
        1_048_576.0.. => (1_048_576.0, "MiB"),
        1024.0.. => (1024.0, "KiB"),
        _ => return format!("{bytes:.0} bytes"),
    };
    format!("{:.1} {name}", bytes / unit)
}
