//! What operators that move elements compute, element by element, and the bytes of tensors.
//!
//! Written for clarity alone: an element of a result is looked up by its coordinates.

use crate::element::ElementType;

/// A tensor: its dimensions and its elements, each a number of as many bits as its type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) dims: Vec<u64>,
    pub(super) elements: Vec<u64>,
}

impl Array {
    /// An array whose elements differ, as far as the bits of their type allow it.
    pub(super) fn numbered(dims: &[u64], element: ElementType) -> Self {
        let mask = u64::MAX >> (64 - element.bits().min(64));
        let count: u64 = dims.iter().product();
        Self {
            dims: dims.into(),
            elements: (0..count).map(|i| (i * 7 + 1) & mask).collect(),
        }
    }

    /// The array of some dimensions whose elements come from coordinates of this one.
    pub(super) fn gather(&self, dims: &[u64], from: impl Fn(&[u64]) -> Vec<u64>) -> Self {
        let count: u64 = dims.iter().product();
        let elements = (0..count).map(|index| {
            let coordinates = coordinates(index, dims);
            self.elements[index_of(&from(&coordinates), &self.dims)]
        });
        Self {
            dims: dims.into(),
            elements: elements.collect(),
        }
    }

    pub(super) fn transposed(&self, order: &[usize]) -> Self {
        let dims: Vec<u64> = order.iter().map(|&axis| self.dims[axis]).collect();
        self.gather(&dims, |at| {
            let mut from = vec![0; order.len()];
            for (&axis, &at) in order.iter().zip(at) {
                from[axis] = at;
            }
            from
        })
    }

    /// The elements of each axis at some places, one list of places an axis.
    pub(super) fn at_places(&self, places: &[Vec<u64>]) -> Self {
        let dims: Vec<u64> = places.iter().map(|places| places.len() as u64).collect();
        self.gather(&dims, |at| {
            let axes = at.iter().zip(places);
            axes.map(|(&at, places)| places[at as usize]).collect()
        })
    }

    /// The bytes in memory: little-endian, and packed from the low bits on.
    pub(super) fn bytes(&self, element: ElementType) -> Vec<u8> {
        let bits = element.bits() as usize;
        let mut bytes = vec![0u8; (self.elements.len() * bits).div_ceil(8)];
        for (index, value) in self.elements.iter().enumerate() {
            for bit in (0..bits.min(64)).filter(|bit| value >> bit & 1 == 1) {
                let at = index * bits + bit;
                bytes[at / 8] |= 1 << (at % 8);
            }
        }
        bytes
    }
}

pub(super) fn coordinates(index: u64, dims: &[u64]) -> Vec<u64> {
    let mut rest = index;
    let mut coordinates: Vec<u64> = dims
        .iter()
        .rev()
        .map(|&dim| {
            let at = rest % dim;
            rest /= dim;
            at
        })
        .collect();
    coordinates.reverse();
    coordinates
}

pub(super) fn index_of(coordinates: &[u64], dims: &[u64]) -> usize {
    let axes = coordinates.iter().zip(dims);
    axes.fold(0, |index, (&at, &dim)| index * dim + at) as usize
}
