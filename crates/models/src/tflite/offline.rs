//! The memory plan that a file itself has: offsets for TensorFlow Lite Micro.
//!
//! Stands on `schema`. The metadata `OfflineMemoryAllocation` names a buffer of 32-bit numbers: a
//! version, the number of subgraphs, the number of tensors in all subgraphs, and an offset into
//! the arena for each of these tensors, or -1 where the runtime decides.
//!
//! Invariant: a plan has an offset of at least -1 for each tensor of the file.

use super::schema::{Model, OFFLINE_PLAN};
use crate::error::ModelError;

/// The words before the offsets.
const HEADER: usize = 3;

/// The entry of a plan that stands for "decided at run time".
pub(crate) const AT_RUN_TIME: i32 = -1;

/// The offsets for the tensors of the first subgraph; `None` if the file has no plan.
pub(crate) fn offsets(model: &Model<'_>) -> Result<Option<Vec<i32>>, ModelError> {
    let mut buffer = None;
    for index in 0..model.metadata.len() {
        let entry = model.metadata.table(index, "Metadata")?;
        if entry.vector(0, 1)?.bytes() == OFFLINE_PLAN.as_bytes() {
            // Of several plans, TensorFlow Lite Micro takes the last one.
            buffer = Some(entry.u32(1)?);
        }
    }
    let Some(buffer) = buffer else {
        return Ok(None);
    };
    let table = model.buffers.table(buffer as usize, "Buffer")?;
    let bytes = table.vector(0, 1)?.bytes();
    let words = bytes.chunks_exact(4);
    let words: Vec<i32> = words
        .map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect();
    let tensors = tensors(model)?;
    let count = words.get(HEADER - 1).copied();
    if count != i32::try_from(tensors).ok() || words.len() < HEADER + tensors {
        let found = format!(
            "a memory plan of {} words for {} tensors",
            words.len(),
            count.map_or("no".into(), |count| count.to_string())
        );
        let expected = format!("{HEADER} words and one for each of {tensors} tensors");
        return Err(table.malformed(found, expected));
    }
    let first = model.subgraph(0)?.tensors.len();
    let offsets = &words[HEADER..HEADER + first];
    if let Some(index) = offsets.iter().position(|&offset| offset < AT_RUN_TIME) {
        let found = format!("offset {} of tensor {index}", offsets[index]);
        return Err(table.malformed(found, "-1 or an offset in bytes"));
    }
    Ok(Some(offsets.to_vec()))
}

/// The number of tensors in all subgraphs.
pub(crate) fn tensors(model: &Model<'_>) -> Result<usize, ModelError> {
    let mut count = 0usize;
    for index in 0..model.subgraphs.len() {
        count = count.saturating_add(model.subgraph(index)?.tensors.len());
    }
    Ok(count)
}

/// The words of a plan for a file with so many subgraphs and tensors.
pub(crate) fn words(subgraphs: usize, tensors: usize, first: &[i32]) -> Vec<i32> {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let mut words = vec![1, number(subgraphs), number(tensors)];
    words.extend_from_slice(first);
    words.resize(HEADER + tensors, AT_RUN_TIME);
    words
}
