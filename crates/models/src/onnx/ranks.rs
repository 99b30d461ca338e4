//! Ranks of results whose sizes are the contents of an operand that are not known: an input, or a
//! weight in a file of its own.
//!
//! Stands on `types` and `small`. How many sizes there are is often known from the operand's shape
//! alone; then each of them can be asked for. Invariant: contents that are known are the business
//! of the other rules.

use super::attributes::is_standard;
use super::rules::FRESH;
use super::small::Operand;
use super::syntax::NodeDef;
use super::types::{Size, Type};

/// The most sizes that are asked for.
const MOST_SIZES: usize = 64;

/// The type of a node's only result, of which some sizes are unknown; `None` if its rank is, too.
pub(crate) fn of_known_rank(node: &NodeDef<'_>, operands: &[Option<Operand<'_>>]) -> Option<Type> {
    if !is_standard(node) {
        return None;
    }
    let whole = operands.first().copied().flatten()?;
    let count = || unread(operands.get(1).copied().flatten()?);
    let rank = || Some(whole.of.shape()?.len());
    let sizes = match node.operator {
        "Reshape" => unknown(count()?),
        "Expand" => unknown(count()?.max(rank()?)),
        "Squeeze" => unknown(rank()?.checked_sub(count()?)?),
        "Upsample" => unknown(count()?),
        "Col2Im" => {
            let mut sizes = unknown(count()? + 2);
            sizes[0] = *whole.of.shape()?.first()?;
            sizes
        }
        "AffineGrid" => {
            let mut sizes = unknown(count()?);
            let axes = sizes.len().checked_sub(2)?;
            sizes[0] = *whole.of.shape()?.first()?;
            *sizes.last_mut()? = Size::Known(axes as u64);
            sizes
        }
        _ => return None,
    };
    Some(Type::tensor(whole.of.element()?, sizes))
}

fn unknown(rank: usize) -> Vec<Size> {
    vec![Size::Unknown(FRESH); rank]
}

/// The number of elements of an operand with one axis whose contents are not known.
fn unread(operand: Operand<'_>) -> Option<usize> {
    let [Size::Known(count)] = operand.of.shape()? else {
        return None;
    };
    let count = usize::try_from(*count).ok()?;
    (operand.contents.is_none() && count <= MOST_SIZES).then_some(count)
}
