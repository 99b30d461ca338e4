//! Lifetimes from columns: one row after the other, without a copy of the columns.
//!
//! Stands on `column` and `position`. Tensors without names are named by their positions, as the
//! library needs a name for each.

use std::ffi::c_char;

use ::orionrt_plan::{Lifetime, Lifetimes, TensorId};

use crate::column::{Column, ORIONRT_NOT_FIXED, orionrt_columns};
use crate::error::ORIONRT_NONE;
use crate::failure::Failure;
use crate::pointers::string;
use crate::position::Position;

/// The lifetimes that columns say.
///
/// # Safety
/// Each column is left out or has `count` values.
pub(crate) unsafe fn from_columns(columns: &orionrt_columns) -> Result<Lifetimes, Failure> {
    let count = columns.count;
    // SAFETY: the caller says that each column is left out or there.
    let (lower, upper, size, alignment, fixed_offset, root, root_offset, name) = unsafe {
        (
            Column::<i64>::needed(columns.lower, count, "lower")?,
            Column::<i64>::needed(columns.upper, count, "upper")?,
            Column::<u64>::needed(columns.size, count, "size")?,
            Column::<u64>::new(columns.alignment, count, "alignment")?,
            Column::<u64>::new(columns.fixed_offset, count, "fixed_offset")?,
            Column::<usize>::new(columns.root, count, "root")?,
            Column::<u64>::new(columns.root_offset, count, "root_offset")?,
            Column::<*const c_char>::new(columns.name, count, "name")?,
        )
    };
    check_roots(root.as_ref(), root_offset.as_ref(), count)?;
    let row = |i| {
        let row = Lifetime::new(lower.get(i), upper.get(i), size.get(i));
        let row = row.with_alignment(alignment.as_ref().map_or(1, |column| column.get(i)));
        let fixed = fixed_offset.as_ref().map(|column| column.get(i));
        let fixed = fixed.filter(|&offset| offset != ORIONRT_NOT_FIXED);
        let row = fixed.map_or(row, |offset| row.with_fixed_offset(offset));
        let offset = root_offset.as_ref().map_or(0, |column| column.get(i));
        match root.as_ref().map_or(ORIONRT_NONE, |column| column.get(i)) {
            ORIONRT_NONE => row,
            // A number that no tensor can have was refused.
            root => row.with_root(TensorId::new(root as u32), offset),
        }
    };
    let Some(name) = name else {
        let named = (0..count).map(|i| (Position::new(i), row(i)));
        return Ok(Lifetimes::from_named(named)?);
    };
    let mut wrong = None;
    let named = (0..count).map_while(|i| {
        // SAFETY: the caller says that the column has names, each of which a zero byte ends.
        match unsafe { string(name.get(i), "a name") } {
            Ok(name) => Some((name, row(i))),
            Err(failure) => {
                wrong = Some(failure.at(i));
                None
            }
        }
    });
    let lifetimes = Lifetimes::from_named(named);
    match wrong {
        Some(failure) => Err(failure),
        None => Ok(lifetimes?),
    }
}

/// The id of a tensor among so many.
pub(crate) fn tensor_id(index: usize, tensors: usize) -> Result<TensorId, Failure> {
    match u32::try_from(index) {
        Ok(id) if index < tensors => Ok(TensorId::new(id)),
        _ => Err(Failure::unknown("a tensor", index, tensors, "tensors")),
    }
}

/// Checks that roots are tensors, and that no offset in a root stands alone.
fn check_roots(
    root: Option<&Column<usize>>,
    offset: Option<&Column<u64>>,
    count: usize,
) -> Result<(), Failure> {
    let Some(root) = root else {
        return offset.map_or(Ok(()), |_| Err(Failure::null("root")));
    };
    let roots = (0..count).map(|i| (i, root.get(i)));
    for (i, root) in roots.filter(|&(_, root)| root != ORIONRT_NONE) {
        tensor_id(root, count).map_err(|failure| failure.at(i))?;
    }
    Ok(())
}
