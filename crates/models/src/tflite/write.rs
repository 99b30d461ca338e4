//! Writes a copy of a file with another memory plan, for TensorFlow Lite Micro.
//!
//! Stands on `front`, `offline` and `read`. What gets an offset is up to `micro`; the rest gets -1,
//! "at run time".
//!
//! Invariant: the old file is part of the new one, byte by byte; only a new root and what it needs
//! lie before it.

use std::collections::HashMap;

use super::budget::Budget;
use super::front::Front;
use super::offline;
use super::read::planned;
use super::schema::{Model, OFFLINE_PLAN, model};
use crate::error::ModelError;

/// What offsets must be multiples of, in bytes: TensorFlow Lite Micro aligns its buffers so.
const ALIGNMENT: u64 = 16;

/// The identifier of the format, from the fifth byte on.
const IDENTIFIER: &[u8] = b"TFL3";

/// More fields than a root table may have.
const MOST_FIELDS: u16 = 256;

/// A copy of a TensorFlow Lite model with these offsets in bytes as its memory plan, in the
/// metadata `OfflineMemoryAllocation`, which TensorFlow Lite Micro obeys.
///
/// Tensors have the names that they have in [`Model::graph`](crate::Model::graph). There must be an
/// offset for each tensor of the graph that [`Options::tflite_micro`](crate::Options::tflite_micro)
/// gives; whatever else has one is passed over, because the runtime places it itself. Shapes are
/// those in the file, because that runtime never resizes a tensor. A plan that the file has already
/// is replaced. Views and results in place are obeyed like all other offsets; the reference kernels
/// of that runtime compute in place, element by element. The whole file follows in the copy as it
/// is, some hundred bytes and four for each tensor later.
///
/// ```no_run
/// use orionrt_models::{Options, parse, with_offline_plan};
/// use orionrt_plan::Planner;
/// let bytes = std::fs::read("model.tflite")?;
/// let model = parse(&bytes, &Options::new().tflite_micro())?;
/// let plan = Planner::new().plan(&model.graph.lifetimes())?;
/// let tensors = model.graph.tensors();
/// let offsets = tensors.filter_map(|(id, tensor)| Some((tensor.name(), plan.offset(id)?)));
/// std::fs::write("planned.tflite", with_offline_plan(&bytes, offsets)?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ModelError::Placement`] for a tensor without an offset, and for an offset that is not a
/// multiple of 16 or exceeds 2³¹ - 1; [`ModelError::Malformed`] for a file that is not a valid
/// model, or has parts that cannot be moved; [`ModelError::TooLarge`] if the copy exceeds 2 GiB.
pub fn with_offline_plan<'n>(
    bytes: &[u8],
    offsets: impl IntoIterator<Item = (&'n str, u64)>,
) -> Result<Vec<u8>, ModelError> {
    let model = Model::of(bytes)?;
    check_movable(&model, &mut Budget::of(bytes.len()))?;
    let words = words(&model, bytes, offsets)?;
    let plan: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let front = front(&model, &plan)?;
    front.finish(bytes).ok_or_else(|| ModelError::TooLarge {
        what: "bytes of a model with a memory plan".into(),
        found: bytes.len() as u64,
        limit: i32::MAX as u64,
    })
}

/// The words of the plan.
fn words<'n>(
    model: &Model<'_>,
    bytes: &[u8],
    offsets: impl IntoIterator<Item = (&'n str, u64)>,
) -> Result<Vec<i32>, ModelError> {
    let planned = planned(bytes)?;
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    numbers.extend(
        planned
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.number)),
    );
    let mut first = vec![offline::AT_RUN_TIME; model.subgraph(0)?.tensors.len()];
    for (name, offset) in offsets {
        if let Some(number) = numbers.remove(name) {
            first[number as usize] = word(name, offset)?;
        }
    }
    if let Some(tensor) = planned
        .iter()
        .find(|t| numbers.contains_key(t.name.as_str()))
    {
        return Err(ModelError::Placement {
            tensor: tensor.name.clone(),
            found: "no offset".into(),
            expected: "one for each tensor that TensorFlow Lite Micro places by the plan",
        });
    }
    let all = offline::tensors(model)?;
    Ok(offline::words(model.subgraphs.len(), all, &first))
}

/// An offset as a word of the plan.
fn word(name: &str, offset: u64) -> Result<i32, ModelError> {
    let word = i32::try_from(offset).ok();
    word.filter(|_| offset.is_multiple_of(ALIGNMENT))
        .ok_or_else(|| ModelError::Placement {
            tensor: name.into(),
            found: format!("an offset of {offset}"),
            expected: "a multiple of 16, at most 2147483647",
        })
}

/// Refuses a file with parts that are found by their distance from its start.
fn check_movable(model: &Model<'_>, budget: &mut Budget) -> Result<(), ModelError> {
    let expected = "parts that are found from within the file";
    for index in 0..model.buffers.len() {
        let buffer = model.buffers.table(index, "Buffer")?;
        if buffer.u64(1)? > 1 {
            return Err(buffer.malformed("data behind the flatbuffer", expected));
        }
    }
    for index in 0..model.subgraphs.len() {
        let graph = model.subgraph(index)?;
        budget.charge(graph.operators.len())?;
        for operator in 0..graph.operators.len() {
            let operator = graph.operator(operator)?;
            if operator.has_distant_options()? {
                let found = "options behind the flatbuffer";
                return Err(operator.table.malformed(found, expected));
            }
        }
    }
    for slot in model::FIELDS..MOST_FIELDS {
        if model.root.field(slot)?.is_some() {
            let expected = format!("fields below {}", model::FIELDS);
            return Err(model.root.malformed(format!("field {slot}"), expected));
        }
    }
    Ok(())
}

/// A new root with the plan; everything else of it is in the old file.
fn front(model: &Model<'_>, plan: &[u8]) -> Result<Front, ModelError> {
    let old = model.root;
    let mut slots = Vec::new();
    for slot in 0..model::FIELDS {
        let is_new = matches!(slot, model::BUFFERS | model::METADATA);
        if is_new || old.field(slot)?.is_some() {
            slots.push(slot);
        }
    }
    let mut front = Front::new(IDENTIFIER);
    let root = front.table(&slots);
    front.lead(0, root.at());
    for slot in slots {
        match slot {
            model::BUFFERS | model::METADATA => {}
            model::VERSION => front.set(root.place(slot), old.u32(slot)?),
            _ => {
                if let Some(target) = old.target(slot)? {
                    front.lead_to_old(root.place(slot), target);
                }
            }
        }
    }
    let buffers = front.vector(model.buffers.len() + 1);
    front.lead(root.place(model::BUFFERS), buffers - 4);
    for index in 0..model.buffers.len() {
        let buffer = model.buffers.table(index, "Buffer")?;
        front.lead_to_old(buffers + 4 * index, buffer.at());
    }
    let buffer = front.table(&[0]);
    front.lead(buffers + 4 * model.buffers.len(), buffer.at());
    let data = front.data(plan);
    front.lead(buffer.place(0), data);
    metadata(&mut front, model, root.place(model::METADATA))?;
    Ok(front)
}

/// The metadata of the old file, with the entry for the plan instead of those that it has.
fn metadata(front: &mut Front, model: &Model<'_>, root: usize) -> Result<(), ModelError> {
    let mut kept = Vec::new();
    for index in 0..model.metadata.len() {
        let entry = model.metadata.table(index, "Metadata")?;
        if entry.vector(0, 1)?.bytes() != OFFLINE_PLAN.as_bytes() {
            kept.push(entry.at());
        }
    }
    let entries = front.vector(kept.len() + 1);
    front.lead(root, entries - 4);
    for (position, &entry) in kept.iter().enumerate() {
        front.lead_to_old(entries + 4 * position, entry);
    }
    let entry = front.table(&[0, 1]);
    front.lead(entries + 4 * kept.len(), entry.at());
    let buffer = u32::try_from(model.buffers.len()).unwrap_or(u32::MAX);
    front.set(entry.place(1), buffer);
    let name = front.string(OFFLINE_PLAN);
    front.lead(entry.place(0), name);
    Ok(())
}
