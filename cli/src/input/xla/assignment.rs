//! The text of a buffer assignment.
//!
//! Stands on [`error`](super::error). XLA writes two files, which are read one after the other; up
//! to 2023 it wrote them as one:
//!
//! ```text
//! BufferAssignment:
//! allocation 26: size 32848, preallocated-temp:
//!  value: <32 sort.0 @0> (size=16384,offset=0): f32[64,64]{1,0}
//!  value: <48 arg_tuple.3{0} (phi) @0> (size=4,offset=32768): s32[]
//!
//! HloLiveRange (max 20):
//!   InstructionSequence:
//!     13:ynn_fusion
//!   BufferLiveRange:
//!     sort.0{}:14-16
//!   Live ranges at 16 (peak):
//! ```
//!
//! A value has the name of its instruction and, if that has a tuple, the place in it; a range
//! includes its end. Other parts of the files are passed over. Invariant: every value belongs to an
//! allocation that stands before it, and all are of one module.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::error::XlaError;

/// What stands at the beginning of each file.
pub(super) const ASSIGNMENT: &str = "BufferAssignment:";
pub(super) const RANGES: &str = "HloLiveRange (max ";

/// What an allocation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Values that XLA places by itself.
    Temporary,
    Parameter,
    Output,
    Constant,
    ThreadLocal,
    Other,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) size: u64,
    pub(super) color: u64,
    pub(super) purpose: Purpose,
}

#[derive(Debug)]
pub(super) struct Value<'t> {
    /// As the live ranges have it, but for empty braces.
    pub(super) name: &'t str,
    /// The index of the allocation.
    pub(super) allocation: usize,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Whether it is one of several, whichever a loop or a branch has made.
    pub(super) is_phi: bool,
}

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Assignment<'t> {
    pub(super) allocations: Vec<Allocation>,
    pub(super) values: Vec<Value<'t>>,
    /// The first step and the last of values, by their names.
    pub(super) ranges: HashMap<&'t str, (i64, i64)>,
    /// The last step.
    pub(super) last: i64,
    pub(super) has_assignment: bool,
    pub(super) has_ranges: bool,
}

/// The part of the file that a line is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Allocations,
    Ranges,
    Other,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Assignment<'_>, XlaError> {
    let mut assignment = Assignment::default();
    let mut part = Part::Other;
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let fields = Fields { line: line_number };
        let is_indented = line.starts_with(' ');
        if line == ASSIGNMENT {
            fields.first(assignment.has_assignment, line)?;
            (part, assignment.has_assignment) = (Part::Allocations, true);
        } else if let Some(last) = line.strip_prefix(RANGES) {
            fields.first(assignment.has_ranges, line)?;
            let last = last.strip_suffix("):").unwrap_or(last);
            assignment.last = assignment.last.max(fields.step("the last step", last)?);
            (part, assignment.has_ranges) = (Part::Other, true);
        } else if line == "  BufferLiveRange:" {
            part = Part::Ranges;
        } else if part == Part::Ranges && line.starts_with("    ") {
            let (name, range) = fields.range(line.trim())?;
            assignment.last = assignment.last.max(range.1);
            assignment.ranges.insert(name, range);
        } else if part == Part::Allocations && line.starts_with("allocation ") {
            assignment.allocations.push(fields.allocation(line)?);
        } else if part == Part::Allocations && is_indented {
            let allocation = assignment.allocations.len().checked_sub(1);
            let value = fields.value(line, allocation)?;
            assignment.values.push(value);
        } else {
            part = Part::Other;
        }
    }
    Ok(assignment)
}

/// Reads the fields of a line.
struct Fields {
    line: usize,
}

impl Fields {
    /// Fails if there has been such a heading before: then the line is of another module, whose
    /// allocations and steps have the same numbers.
    fn first(&self, is_known: bool, line: &str) -> Result<(), XlaError> {
        let expected = "one of each heading: the two files of one module, as in \
                        module_0002.jit_f.*-buffer-assignment.txt";
        match is_known {
            true => Err(self.wrong("the second heading", line, expected)),
            false => Ok(()),
        }
    }

    /// `allocation 0: size 16384, parameter 0, shape |f32[64]| at ShapeIndex {}, maybe-live-out:`
    fn allocation(&self, line: &str) -> Result<Allocation, XlaError> {
        let expected = "'allocation N: size BYTES', its purpose, and ':'";
        let wrong = || self.wrong("the allocation", line, expected);
        let rest = line.strip_suffix(':').ok_or_else(wrong)?;
        let (_, rest) = rest.split_once(": size ").ok_or_else(wrong)?;
        let (size, rest) = rest.split_once(", ").unwrap_or((rest, ""));
        let color = match rest.strip_prefix("color ") {
            None => 0,
            Some(rest) => {
                let end = rest.find(',').unwrap_or(rest.len());
                self.bytes("the colour", &rest[..end])?
            }
        };
        Ok(Allocation {
            size: self.bytes("the size of the allocation", size)?,
            color,
            purpose: purpose(rest),
        })
    }

    /// ` value: <48 arg_tuple.3{0} (phi) @0> (size=4,offset=32768): s32[]`
    fn value<'t>(&self, line: &'t str, allocation: Option<usize>) -> Result<Value<'t>, XlaError> {
        let expected = "'value: <ID NAME @COLOUR> (size=BYTES,offset=BYTES): SHAPE'";
        let wrong = || self.wrong("the value", line, expected);
        let rest = line
            .trim_start()
            .strip_prefix("value: <")
            .ok_or_else(wrong)?;
        let (name, rest) = rest.split_once("> (size=").ok_or_else(wrong)?;
        let (_, name) = name.split_once(' ').ok_or_else(wrong)?;
        let (name, _) = name.rsplit_once(" @").ok_or_else(wrong)?;
        let (size, rest) = rest.split_once(",offset=").ok_or_else(wrong)?;
        let (offset, _) = rest.split_once(')').ok_or_else(wrong)?;
        let phi = name.strip_suffix(" (phi)");
        let allocation = allocation.ok_or_else(|| {
            self.wrong(
                "the value",
                line,
                "an earlier line 'allocation N: size BYTES'",
            )
        })?;
        Ok(Value {
            name: without_braces(phi.unwrap_or(name)),
            allocation,
            offset: self.bytes("the offset of the value", offset)?,
            size: self.bytes("the size of the value", size)?,
            is_phi: phi.is_some(),
        })
    }

    /// `sort.0{}:14-16`
    fn range<'t>(&self, text: &'t str) -> Result<(&'t str, (i64, i64)), XlaError> {
        let expected = "'NAME{}:FIRST-LAST'";
        let wrong = || self.wrong("the live range", text, expected);
        let (name, range) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (first, last) = range.split_once('-').ok_or_else(wrong)?;
        let first = self.step("the first step of the live range", first)?;
        let last = self.step("the last step of the live range", last)?;
        if last < first {
            return Err(self.wrong(
                "the live range",
                text,
                "one that ends at its beginning or later",
            ));
        }
        Ok((without_braces(name), (first, last)))
    }

    fn bytes(&self, field: &'static str, text: &str) -> Result<u64, XlaError> {
        let bytes = digits(text).and_then(|text| text.parse::<u64>().ok());
        let bytes = bytes.filter(|&bytes| i64::try_from(bytes).is_ok());
        bytes.ok_or_else(|| self.wrong(field, text, "a whole number from 0 to 2^63 - 1"))
    }

    /// A step, which has room for as many after it.
    fn step(&self, field: &'static str, text: &str) -> Result<i64, XlaError> {
        /// Far beyond the instructions of any program.
        const MOST: i64 = 1 << 62;
        let step = digits(text).and_then(|text| text.parse::<i64>().ok());
        let step = step.filter(|&step| step <= MOST);
        step.ok_or_else(|| self.wrong(field, text, "a whole number from 0 to 2^62"))
    }

    fn wrong(&self, field: &'static str, found: &str, expected: &'static str) -> XlaError {
        XlaError::of_line("buffer assignment", self.line, field, found, expected)
    }
}

/// A text of digits alone.
fn digits(text: &str) -> Option<&str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(text)
}

/// The purpose in the words after the size.
fn purpose(words: &str) -> Purpose {
    let has = |word: &str| words.split(", ").any(|part| part.starts_with(word));
    if has("preallocated-temp") {
        Purpose::Temporary
    } else if has("parameter ") {
        Purpose::Parameter
    } else if has("constant") {
        Purpose::Constant
    } else if has("thread-local") {
        Purpose::ThreadLocal
    } else if has("maybe-live-out") || has("output shape") {
        Purpose::Output
    } else {
        Purpose::Other
    }
}

/// A name without the braces of a value that is in no tuple.
fn without_braces(name: &str) -> &str {
    name.strip_suffix("{}").unwrap_or(name)
}
