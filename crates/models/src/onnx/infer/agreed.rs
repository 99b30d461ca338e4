//! One type for what may be either of two.
//!
//! Stands on `types`. Invariant: the result covers both: a size is exact only if both have it.

use crate::onnx::rules::FRESH;
use crate::onnx::small::Small;
use crate::onnx::types::{Size, Type};

/// The type of a result that is one of these: what they agree on, and the larger where they do not.
pub(super) fn either<'f>(
    mut all: impl Iterator<Item = (&'f Type, Option<&'f Small>)>,
) -> (Type, Option<Small>) {
    let Some((of, contents)) = all.next() else {
        return (Type::Open, None);
    };
    let mut result = (of.clone(), contents.cloned());
    for (of, contents) in all {
        result.0 = larger(&result.0, of);
        result.1 = result.1.filter(|own| contents == Some(own));
    }
    result
}

fn larger(a: &Type, b: &Type) -> Type {
    let (
        Type::Tensor {
            element,
            shape: Some(first),
        },
        Type::Tensor {
            element: other,
            shape: Some(second),
        },
    ) = (a, b)
    else {
        return match (a, b) {
            (Type::Sequence(a), Type::Sequence(b)) => Type::Sequence(Box::new(agreed(a, b))),
            (Type::Optional(a), Type::Optional(b)) => Type::Optional(Box::new(agreed(a, b))),
            _ if a == b => a.clone(),
            _ => Type::Open,
        };
    };
    if element != other {
        return Type::Open;
    }
    if first.len() == second.len() {
        let sizes = first.iter().zip(second);
        let shape = sizes.map(|(&a, &b)| match (a.number(), b.number()) {
            _ if a == b => a,
            (Some(a), Some(b)) => Size::Bound(a.max(b)),
            (None, _) => a,
            (_, None) => b,
        });
        return Type::Tensor {
            element: *element,
            shape: Some(shape.collect()),
        };
    }
    let count = |of: &Type| {
        let numbers = of.numbers()?;
        numbers
            .iter()
            .try_fold(1u64, |n, &size| n.checked_mul(size))
    };
    let (Some(left), Some(right)) = (count(a), count(b)) else {
        return Type::Tensor {
            element: *element,
            shape: None,
        };
    };
    let shape = if left >= right { first } else { second };
    let bound = |size: &Size| size.number().map_or(*size, Size::Bound);
    Type::Tensor {
        element: *element,
        shape: Some(shape.iter().map(bound).collect()),
    }
}

/// The type of what may change from one to the other: sizes that differ are unknown.
pub(super) fn agreed(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (
            Type::Tensor { element, shape },
            Type::Tensor {
                element: other,
                shape: sizes,
            },
        ) => {
            let shape = match (shape, sizes) {
                (Some(shape), Some(sizes)) if shape.len() == sizes.len() => {
                    let size = |(&a, &b): (&Size, &Size)| match (a, b) {
                        _ if a == b => a,
                        // A bound covers whatever is smaller.
                        (Size::Bound(a), Size::Known(b) | Size::Bound(b)) if b <= a => {
                            Size::Bound(a)
                        }
                        (unknown @ Size::Unknown(_), _) => unknown,
                        _ => Size::Unknown(FRESH),
                    };
                    Some(shape.iter().zip(sizes).map(size).collect())
                }
                _ => None,
            };
            Type::Tensor {
                element: element.or(*other),
                shape,
            }
        }
        (Type::Sequence(a), Type::Sequence(b)) => Type::Sequence(Box::new(agreed(a, b))),
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(Box::new(agreed(a, b))),
        (Type::Open, b) => b.clone(),
        (a, Type::Open) => a.clone(),
        (a, b) if a == b => a.clone(),
        _ => Type::Open,
    }
}
