//! A plan as Rust: constants, tables, and an arena that lends tensors which share no byte.
//!
//! Stands on the identifiers and the changes. The file can be a module, and can be included in one,
//! so it has neither inner attributes nor inner comments. Its types and functions are in
//! `arena.rs.in`, the same for each plan; two of its functions have unsafe code. Invariant: safe
//! code never has two tensors at once that share bytes, as the arena lends them from `&mut self`,
//! and lends `Disjoint` ones alone.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use std::io::Write;

use super::{
    changes::changes,
    identifiers::identifiers,
    literals::{in_rust_doc, rust_literal},
    placed::placed,
};
use crate::files::error::{FileError, FileMistake, FilePosition};
use crate::ids::TensorId;
use crate::plan::Plan;

/// The types and functions of each plan.
const ARENA: &str = include_str!("arena.rs.in");

/// The largest alignment of a type, in bytes.
const MOST_ALIGNED: u64 = 1 << 29;

/// What the constants of tensors must not be called.
const RESERVED: [&str; 6] = [
    "ARENA_ALIGNMENT",
    "ARENA_BYTES",
    "NAMES",
    "OPERATORS",
    "STEPS",
    "TENSORS",
];

/// Writes a plan, with the names of its operators in their order if they are known.
pub(super) fn write(
    plan: &Plan,
    operators: &[String],
    output: &mut dyn Write,
) -> Result<(), FileError> {
    check_alignment(plan)?;
    let names: Vec<&str> = plan.lifetimes().iter().map(|(_, name, _)| name).collect();
    let identifiers = identifiers(&names, &RESERVED.map(ToString::to_string));
    let plan = Constants { plan, identifiers };
    plan.region(output)?;
    plan.tensors(output)?;
    plan.tables(output)?;
    plan.steps(output)?;
    if !operators.is_empty() {
        let names = operators.iter().map(|name| rust_literal(name));
        let doc = "The operators, in the order that the plan is for.";
        table(output, doc, "OPERATORS", "&str", names)?;
    }
    let alignment = plan.plan.alignment().to_string();
    output.write_all(ARENA.replace("@ALIGNMENT@", &alignment).as_bytes())?;
    Ok(())
}

/// Writes the plan of a device as a module.
pub(super) fn write_module(
    plan: &Plan,
    operators: &[String],
    device: &str,
    module: &str,
    output: &mut dyn Write,
) -> Result<(), FileError> {
    let device = in_rust_doc(device);
    write!(
        output,
        "/// The plan of device {device}.\n\
         #[allow(dead_code)]\n\
         pub mod device_{module} {{\n"
    )?;
    write(plan, operators, output)?;
    Ok(output.write_all(b"}\n\n")?)
}

fn check_alignment(plan: &Plan) -> Result<(), FileError> {
    let alignment = plan.alignment();
    if alignment <= MOST_ALIGNED {
        return Ok(());
    }
    let mistake = FileMistake::Unsupported {
        what: "the alignment of a type in Rust",
        found: alignment,
        limit: MOST_ALIGNED,
    };
    Err(FileError::new(FilePosition::WholeFile, mistake))
}

/// A plan and the constants of its tensors.
struct Constants<'p> {
    plan: &'p Plan,
    identifiers: Vec<String>,
}

impl Constants<'_> {
    fn region(&self, output: &mut dyn Write) -> Result<(), FileError> {
        let (bytes, alignment) = (self.plan.peak(), self.plan.alignment());
        write!(
            output,
            "/// The size of the planned region, in bytes.\n\
             #[allow(dead_code)]\n\
             pub const ARENA_BYTES: usize = {bytes};\n\n\
             /// The alignment of the planned region, in bytes.\n\
             #[allow(dead_code)]\n\
             pub const ARENA_ALIGNMENT: usize = {alignment};\n"
        )?;
        Ok(())
    }

    fn identifier(&self, id: TensorId) -> &str {
        &self.identifiers[id.index()]
    }

    fn tensors(&self, output: &mut dyn Write) -> Result<(), FileError> {
        for tensor in placed(self.plan) {
            let (name, row, offset) = (in_rust_doc(tensor.name), tensor.row, tensor.offset);
            let within = row.within.map(|within| {
                let (root, start) = (self.identifier(within.root), within.offset);
                alloc::format!(" of [`{root}`], from byte {start} on")
            });
            let (within, identifier) = (within.unwrap_or_default(), self.identifier(tensor.id));
            let (bytes, alignment) = (row.size, row.alignment);
            let (lower, upper) = (row.lower, row.upper);
            write!(
                output,
                "\n/// {name}: {bytes} bytes{within}, alive in steps {lower}..{upper}.\n\
                 #[allow(dead_code)]\n\
                 pub const {identifier}: Tensor =\n    \
                 Tensor {{ offset: {offset}, bytes: {bytes}, alignment: {alignment} }};\n"
            )?;
        }
        Ok(())
    }

    fn tables(&self, output: &mut dyn Write) -> Result<(), FileError> {
        let tensors = placed(self.plan).map(|tensor| self.identifier(tensor.id).to_string());
        let doc = "All tensors that are alive at some step.";
        table(output, doc, "TENSORS", "Tensor", tensors)?;
        let names = placed(self.plan).map(|tensor| rust_literal(tensor.name));
        let doc = "The names of [`TENSORS`], in the same order.";
        table(output, doc, "NAMES", "&str", names)
    }

    fn steps(&self, output: &mut dyn Write) -> Result<(), FileError> {
        let list = |ids: &[TensorId]| {
            let each = ids.iter().map(|&id| self.identifier(id));
            each.collect::<Vec<_>>().join(", ")
        };
        let changes = changes(self.plan.lifetimes());
        let steps = changes.iter().map(|(step, changes)| {
            let (begins, ends) = (list(&changes.begins), list(&changes.ends));
            alloc::format!("Step {{ step: {step}, begins: &[{begins}], ends: &[{ends}] }}")
        });
        let doc = "The steps at which lifetimes begin or end, in their order.";
        table(output, doc, "STEPS", "Step", steps)
    }
}

/// A slice of these entries, one a line.
fn table(
    output: &mut dyn Write,
    doc: &str,
    identifier: &str,
    of: &str,
    entries: impl Iterator<Item = String>,
) -> Result<(), FileError> {
    write!(
        output,
        "\n/// {doc}\n#[allow(dead_code)]\npub const {identifier}: &[{of}] = &[\n"
    )?;
    for entry in entries {
        writeln!(output, "    {entry},")?;
    }
    Ok(output.write_all(b"];\n")?)
}
