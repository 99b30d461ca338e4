//! Type and shape of a tensor.
//!
//! Stands on [`ElementType`]. Plain values: a shape may have more elements than there is memory.

use std::fmt;

use crate::element::ElementType;

/// The type and the shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorType {
    /// The type of its elements.
    pub element: ElementType,
    /// The sizes of its dimensions; none for a scalar.
    pub dims: Vec<u64>,
    /// Whether some dimension is an upper bound.
    pub is_bound: bool,
}

impl TensorType {
    /// The size in bytes; `None` beyond 2^62.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let elements = self
            .dims
            .iter()
            .try_fold(1u64, |n, &dim| n.checked_mul(dim));
        // A dimension of 0 makes the tensor empty whatever the product of the others is.
        let elements = if self.dims.contains(&0) {
            Some(0)
        } else {
            elements
        };
        let bytes = self.element.bytes_of(elements?)?;
        (bytes <= 1 << 62).then_some(bytes)
    }

    /// The shape for people: `1×64×112×112`; empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> String {
        let dims: Vec<String> = self.dims.iter().map(u64::to_string).collect();
        dims.join("×")
    }
}

impl fmt::Display for TensorType {
    /// The element type and the shape: `float32 1×64×112×112`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dims.is_empty() {
            true => self.element.fmt(f),
            false => write!(f, "{} {}", self.element, self.shape()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_shown_with_its_shape() {
        let shown = |element, dims: &[u64]| {
            let (dims, is_bound) = (dims.into(), false);
            TensorType {
                element,
                dims,
                is_bound,
            }
            .to_string()
        };
        assert_eq!(shown(ElementType::Float32, &[1, 64, 7]), "float32 1×64×7");
        assert_eq!(shown(ElementType::Bool, &[]), "bool");
    }
}
