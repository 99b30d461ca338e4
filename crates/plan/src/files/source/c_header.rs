//! Plans as a header for C99, later C, and C++: macros, and an inline function for each tensor.
//!
//! Stands on the identifiers. Invariant: everything begins with the prefix of the header, and no
//! two macros or functions of it are called the same, however many devices there are: the
//! identifier of a tensor is made of the device's name and its own, and is unique among those of
//! all devices.
//!
//! ```text
//! PLAN_ARENA_BYTES  PLAN_ARENA_ALIGNMENT                of the region
//! PLAN_X_OFFSET  PLAN_X_BYTES  PLAN_X_ALIGNMENT         of the tensor "x"
//! plan_x(arena)                                         the address of "x"
//! PLAN_TENSORS(entry)  PLAN_LIFETIMES(entry)            entry(plan_x, ...) for each tensor
//! ```

use alloc::{string::String, vec::Vec};
use std::io::Write;

use super::{
    identifiers::{identifier, identifiers},
    literals::{c_literal, in_c_comment},
    placed::placed,
};
use crate::files::error::FileError;
use crate::ids::TensorId;
use crate::plan::Plan;

/// A plan and the name of its device, if there are several.
pub(super) type Region<'p> = (Option<String>, &'p Plan);

/// Writes plans, with the names of their operators in their order if they are known. `prefix` may
/// be any text.
pub(super) fn write(
    regions: &[Region<'_>],
    operators: &[String],
    prefix: &str,
    output: &mut dyn Write,
) -> Result<(), FileError> {
    let prefix = identifier(prefix);
    let low = prefix.to_ascii_lowercase();
    write!(
        output,
        "#ifndef {prefix}_ORIONRT_H\n#define {prefix}_ORIONRT_H\n\n\
         #include <stddef.h>\n#include <stdint.h>\n\n\
         /** The address at an offset of a region. */\n\
         static inline void *{low}_at(void *arena, size_t offset) {{\n\
         #ifdef __cplusplus\n    \
         return static_cast<unsigned char *>(arena) + offset;\n\
         #else\n    \
         return (unsigned char *)arena + offset;\n\
         #endif\n}}\n"
    )?;
    for header in Header::of_all(&prefix, regions) {
        header.region(output)?;
        header.tensors(output)?;
        header.tables(output)?;
    }
    if !operators.is_empty() {
        let entries = (0..).zip(operators).map(|(step, name): (u64, _)| {
            let name = c_literal(name);
            alloc::format!("entry({step}, {name})")
        });
        let doc = "entry(step, name) for each operator, in the order that the plan is for.";
        table(output, doc, &alloc::format!("{prefix}_OPERATORS"), entries)?;
    }
    write!(output, "\n#endif\n")?;
    Ok(())
}

/// A region and what it and its tensors are called.
struct Header<'p> {
    plan: &'p Plan,
    device: Option<&'p str>,
    /// What the macros of the region begin with.
    region: String,
    /// The function that has the address at an offset.
    at: String,
    /// What the macros of each tensor begin with.
    tensors: Vec<String>,
}

impl<'p> Header<'p> {
    fn of_all(prefix: &str, regions: &'p [Region<'p>]) -> Vec<Self> {
        let devices = regions.iter().map(|(device, _)| device.as_deref());
        let devices: Vec<&str> = devices.map(Option::unwrap_or_default).collect();
        let of_devices = identifiers(&devices, &[]);
        let are_several = regions.iter().any(|(device, _)| device.is_some());
        let begins = of_devices.into_iter().map(|device| match are_several {
            true => alloc::format!("{device}_"),
            false => String::new(),
        });
        let begins: Vec<String> = begins.collect();
        let reserved = begins.iter().map(|begin| alloc::format!("{begin}ARENA"));
        let reserved: Vec<String> = reserved.chain([String::from("AT")]).collect();
        let each = begins.iter().zip(regions);
        let names = each.flat_map(|(begin, (_, plan))| {
            let names = plan.lifetimes().iter().map(|(_, name, _)| name);
            names.map(move |name| alloc::format!("{begin}{}", identifier(name)))
        });
        let names: Vec<String> = names.collect();
        let mut tensors = identifiers(&names, &reserved).into_iter();
        let each = begins.iter().zip(regions);
        let header = each.map(|(begin, (device, plan))| Header {
            plan,
            device: device.as_deref(),
            region: alloc::format!("{prefix}_{begin}"),
            at: alloc::format!("{}_at", prefix.to_ascii_lowercase()),
            tensors: (tensors.by_ref().take(plan.len()))
                .map(|tensor| alloc::format!("{prefix}_{tensor}"))
                .collect(),
        });
        header.collect()
    }

    fn region(&self, output: &mut dyn Write) -> Result<(), FileError> {
        let Self { plan, region, .. } = self;
        let (bytes, alignment) = (plan.peak(), plan.alignment());
        let of = self.device.map(in_c_comment);
        let of = of.map_or(String::new(), |name| alloc::format!(" of device {name}"));
        write!(
            output,
            "\n/** The size of the planned region{of}, in bytes. */\n\
             #define {region}ARENA_BYTES {bytes}u\n\n\
             /** The alignment of the planned region{of}, in bytes. */\n\
             #define {region}ARENA_ALIGNMENT {alignment}u\n\n\
             #if defined(SIZE_MAX) && {region}ARENA_BYTES > SIZE_MAX\n\
             #error \"the planned region is larger than the address space\"\n\
             #endif\n\n\
             /** Defines a static region with this name. */\n\
             #if defined(_MSC_VER)\n\
             #define {region}STATIC_ARENA(name) \\\n    \
             static __declspec(align({alignment})) unsigned char name[{region}ARENA_BYTES]\n\
             #elif defined(__cplusplus) && __cplusplus >= 201103L\n\
             #define {region}STATIC_ARENA(name) \\\n    \
             alignas({alignment}) static unsigned char name[{region}ARENA_BYTES]\n\
             #elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L\n\
             #define {region}STATIC_ARENA(name) \\\n    \
             static _Alignas({alignment}) unsigned char name[{region}ARENA_BYTES]\n\
             #else\n\
             #define {region}STATIC_ARENA(name) \\\n    \
             static unsigned char name[{region}ARENA_BYTES] \
             __attribute__((aligned({alignment})))\n\
             #endif\n"
        )?;
        Ok(())
    }

    /// What the macros of a tensor begin with.
    fn begin(&self, id: TensorId) -> &str {
        &self.tensors[id.index()]
    }

    /// The function of a tensor.
    fn function(&self, id: TensorId) -> String {
        self.begin(id).to_ascii_lowercase()
    }

    fn tensors(&self, output: &mut dyn Write) -> Result<(), FileError> {
        for tensor in placed(self.plan) {
            let (name, row, offset) = (in_c_comment(tensor.name), tensor.row, tensor.offset);
            let within = row.within.map(|within| {
                let (root, start) = (self.function(within.root), within.offset);
                alloc::format!(" of {root}, from byte {start} on")
            });
            let (within, at) = (within.unwrap_or_default(), &self.at);
            let (begin, function) = (self.begin(tensor.id), self.function(tensor.id));
            let (bytes, alignment) = (row.size, row.alignment);
            let (lower, upper) = (row.lower, row.upper);
            write!(
                output,
                "\n/** {name}: {bytes} bytes{within}, alive in steps {lower}..{upper}. */\n\
                 #define {begin}_OFFSET {offset}u\n\
                 #define {begin}_BYTES {bytes}u\n\
                 #define {begin}_ALIGNMENT {alignment}u\n\
                 static inline void *{function}(void *arena) {{\n    \
                 return {at}(arena, {begin}_OFFSET);\n}}\n"
            )?;
        }
        Ok(())
    }

    fn tables(&self, output: &mut dyn Write) -> Result<(), FileError> {
        let tensors = placed(self.plan).map(|tensor| {
            let (name, begin) = (c_literal(tensor.name), self.begin(tensor.id));
            let values = ["OFFSET", "BYTES", "ALIGNMENT"];
            let values = values
                .map(|what| alloc::format!("{begin}_{what}"))
                .join(", ");
            alloc::format!("entry({}, {name}, {values})", self.function(tensor.id))
        });
        let doc = "entry(tensor, name, offset, bytes, alignment) for each tensor.";
        table(
            output,
            doc,
            &alloc::format!("{}TENSORS", self.region),
            tensors,
        )?;
        let ranges = placed(self.plan).flat_map(|tensor| {
            let function = self.function(tensor.id);
            let ranges = self.plan.lifetimes().live_ranges(tensor.id);
            ranges.map(move |steps| {
                let (start, end) = (step(steps.start), step(steps.end));
                alloc::format!("entry({function}, {start}, {end})")
            })
        });
        let doc = "entry(tensor, lower, upper) for each range of steps in which a tensor is alive.";
        table(
            output,
            doc,
            &alloc::format!("{}LIFETIMES", self.region),
            ranges,
        )
    }
}

/// A step as a number of C. The literal of the least one would be a minus before a number that is
/// too large.
fn step(step: i64) -> String {
    match step.checked_sub(1) {
        Some(_) => alloc::format!("{step}"),
        None => alloc::format!("({} - 1)", step + 1),
    }
}

/// A macro that calls another one with each of these entries.
fn table(
    output: &mut dyn Write,
    doc: &str,
    identifier: &str,
    entries: impl Iterator<Item = String>,
) -> Result<(), FileError> {
    write!(output, "\n/** {doc} */\n#define {identifier}(entry)")?;
    for entry in entries {
        write!(output, " \\\n    {entry}")?;
    }
    Ok(output.write_all(b"\n")?)
}
