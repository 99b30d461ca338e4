//! The text of a memory space assignment.
//!
//! Stands on the errors of XLA's files. Where a device has a small and fast memory beside the
//! default one, XLA places some values there for a part of their lives. It writes two tables, which
//! are read one after the other, in either order:
//!
//! ```text
//! buffer_id,size,offset,start_time,end_time
//! 12,4096,0,7,9                                  buffer 12 in the fast memory at steps 7 to 9
//! -30,512,4096,8,8                               what instruction 30 uses while it runs
//! buffer_id,buffer_name,alt_mem_benefit,size,definition_time,use_times,use_names,is_scoped
//! 12,"fusion.1{}",0.5,4096,3,"7;9","add.2, operand 0;...",0
//! ```
//!
//! The first one is needed. Of the second one the names are read; a missing last column is that of
//! an older version. Invariant: an allocation ends at the step at which it begins, or later.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use crate::input::xla::error::XlaError;

/// The headers of both tables, without the columns that not all versions have.
pub(super) const ALLOCATIONS: &str = "buffer_id,size,offset,start_time,end_time";
pub(super) const BUFFERS: &str =
    "buffer_id,buffer_name,alt_mem_benefit,size,definition_time,use_times,use_names";

/// An allocation in the fast memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allocation {
    /// Negative for what an instruction uses while it runs.
    pub(super) buffer: i64,
    pub(super) size: u64,
    pub(super) offset: u64,
    /// Its first step and its last.
    pub(super) range: (i64, i64),
}

/// What both tables have.
#[derive(Debug, Default)]
pub(super) struct Tables<'t> {
    pub(super) allocations: Vec<Allocation>,
    pub(super) names: HashMap<i64, &'t str>,
    pub(super) has_allocations: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Allocations,
    Buffers,
}

/// Reads the tables.
pub(super) fn read(text: &str) -> Result<Tables<'_>, XlaError> {
    let mut tables = Tables::default();
    let mut table = None;
    let mut has_buffers = false;
    for (index, line) in text.lines().enumerate() {
        let fields = Fields { line: index + 1 };
        let line = line.trim_end();
        if line == ALLOCATIONS {
            fields.first(tables.has_allocations, line)?;
            (table, tables.has_allocations) = (Some(Table::Allocations), true);
        } else if line.starts_with(BUFFERS) {
            fields.first(has_buffers, line)?;
            (table, has_buffers) = (Some(Table::Buffers), true);
        } else if !line.is_empty() {
            match table {
                Some(Table::Allocations) => tables.allocations.push(fields.allocation(line)?),
                Some(Table::Buffers) => {
                    let (buffer, name) = fields.name(line)?;
                    tables.names.insert(buffer, name);
                }
                None => return Err(fields.wrong("the header", line, "that of a table of buffers")),
            }
        }
    }
    Ok(tables)
}

/// Reads the fields of a line.
struct Fields {
    line: usize,
}

impl Fields {
    /// Fails if there has been such a header before: then the line is of another module, whose
    /// buffers have the same numbers.
    fn first(&self, is_known: bool, line: &str) -> Result<(), XlaError> {
        match is_known {
            true => Err(self.wrong("the second header", line, "the tables of one module")),
            false => Ok(()),
        }
    }

    fn allocation(&self, line: &str) -> Result<Allocation, XlaError> {
        let fields: Vec<&str> = line.split(',').take(6).collect();
        let [buffer, size, offset, start, end] = fields[..] else {
            let expected = "five numbers, as in the header";
            return Err(self.wrong("the allocation", line, expected));
        };
        let start = self.step("start_time", start)?;
        let end = self.step("end_time", end)?;
        if end < start {
            return Err(self.wrong(
                "the allocation",
                line,
                "one that ends at its beginning or later",
            ));
        }
        Ok(Allocation {
            buffer: self.step("buffer_id", buffer)?,
            size: self.bytes("size", size)?,
            offset: self.bytes("offset", offset)?,
            range: (start, end),
        })
    }

    /// The number of a buffer and its name, which is in quotes.
    fn name<'t>(&self, line: &'t str) -> Result<(i64, &'t str), XlaError> {
        let wrong = || self.wrong("the buffer", line, "'NUMBER,\"NAME\",...'");
        let (buffer, rest) = line.split_once(',').ok_or_else(wrong)?;
        let name = rest.strip_prefix('"').ok_or_else(wrong)?;
        let (name, _) = name.split_once('"').ok_or_else(wrong)?;
        Ok((self.step("buffer_id", buffer)?, name))
    }

    fn bytes(&self, field: &'static str, text: &str) -> Result<u64, XlaError> {
        let bytes = text.parse::<u64>().ok();
        let bytes = bytes.filter(|&bytes| i64::try_from(bytes).is_ok());
        bytes.ok_or_else(|| self.wrong(field, text, "a whole number from 0 to 2^63 - 1"))
    }

    /// A step, which has room for as many before and after it, or the number of a buffer.
    fn step(&self, field: &'static str, text: &str) -> Result<i64, XlaError> {
        /// Far beyond the instructions of any program.
        const MOST: i64 = 1 << 62;
        let step = text.parse::<i64>().ok();
        let step = step.filter(|step| (-MOST..=MOST).contains(step));
        step.ok_or_else(|| self.wrong(field, text, "a whole number from -2^62 to 2^62"))
    }

    fn wrong(&self, field: &'static str, found: &str, expected: &'static str) -> XlaError {
        XlaError::of_line("memory space assignment", self.line, field, found, expected)
    }
}
