//! What an operator computes: multiply-adds and elements, counted from shapes.
//!
//! Stands on nothing. The formats find the operands; the counts are here:
//!
//! | operators | multiply-adds |
//! | --- | --- |
//! | convolution | the elements of the result times those of the filter of one channel |
//! | transposed convolution | the elements of the operand times those of a filter of one channel |
//! | product of matrices | the elements of the result times the length of the axis that is summed |
//! | recurrent layer | the steps of all sequences times the elements of the weights |
//! | Einstein sum | the product of the sizes of all indices |
//!
//! They are those of the plain algorithms, as ONNX defines the operators and as fvcore's counter
//! has them: a fast algorithm, such as Winograd's convolution, needs fewer. Biases are left out.
//! Invariant: counts that exceed 64 bits stay at the largest number, and no count takes longer than
//! reading the shapes.

/// What an operator computes, counted from the shapes of its operands and results.
///
/// It is for estimates of time where nothing was measured.
///
/// ```
/// # use orionrt_models::OperatorWork;
/// let convolution = OperatorWork::default().multiply_adds(1_000);
/// assert_eq!(convolution.operations(), 2_000);
/// let sum = OperatorWork::default().elements(500);
/// assert_eq!(sum.operations(), 500);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatorWork {
    /// The multiply-adds of convolutions, products of matrices, recurrent layers and Einstein sums;
    /// 0 for all other operators.
    pub multiply_adds: u64,
    /// The elements of the largest operand or result; of pooling, those that its windows cover.
    pub elements: u64,
    /// The bytes of the constants that it reads, such as weights.
    pub constant_bytes: u64,
    /// Whether it does the same whenever it runs: it draws no random numbers, keeps no state, and
    /// is known (of an ONNX model, its domain is known).
    pub is_repeatable: bool,
}

impl OperatorWork {
    /// Sets the multiply-adds.
    #[must_use]
    pub const fn multiply_adds(mut self, count: u64) -> Self {
        self.multiply_adds = count;
        self
    }

    /// Sets the elements.
    #[must_use]
    pub const fn elements(mut self, count: u64) -> Self {
        self.elements = count;
        self
    }

    /// The arithmetic operations: two for each multiply-add or, of an operator without, one for
    /// each element.
    #[must_use]
    pub const fn operations(&self) -> u64 {
        match self.multiply_adds {
            0 => self.elements,
            count => count.saturating_mul(2),
        }
    }
}

/// The longest equation of an Einstein sum that is read.
const LONGEST_EQUATION: usize = 1024;

/// The elements of a shape.
pub(crate) fn elements(dims: &[u64]) -> u64 {
    if dims.contains(&0) {
        return 0;
    }
    dims.iter().fold(1, |count, &dim| count.saturating_mul(dim))
}

/// As many multiply-adds for each element of `of` as `filter` has elements.
pub(crate) fn for_each(of: &[u64], filter: &[u64]) -> u64 {
    elements(of).saturating_mul(elements(filter))
}

/// A product of matrices: each element of the result is a sum over an axis of this length.
pub(crate) fn product(result: &[u64], summed: u64) -> u64 {
    elements(result).saturating_mul(summed)
}

/// An Einstein sum, such as `bij,bjk->bik`: the product of the sizes of all indices. `None` if it
/// has fewer than two operands, or is not understood, as with `...`.
pub(crate) fn einstein_sum(equation: &str, operands: &[Option<&[u64]>]) -> Option<u64> {
    if operands.len() < 2 || equation.len() > LONGEST_EQUATION {
        return None;
    }
    let left = equation.split("->").next()?;
    let terms: Vec<&str> = left.split(',').map(str::trim).collect();
    if terms.len() != operands.len() {
        return None;
    }
    let mut sizes: Vec<(u8, u64)> = Vec::new();
    for (term, operand) in terms.iter().zip(operands) {
        let dims = (*operand)?;
        let is_plain = term.bytes().all(|index| index.is_ascii_alphabetic());
        if !is_plain || term.len() != dims.len() {
            return None;
        }
        sizes.extend(term.bytes().zip(dims.iter().copied()));
    }
    // Of an index that is broadcast, the largest size counts.
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup_by_key(|(index, _)| *index);
    let sizes: Vec<u64> = sizes.into_iter().map(|(_, size)| size).collect();
    Some(elements(&sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_einstein_sum_has_a_multiply_add_for_each_choice_of_all_indices() {
        let of = |equation: &str, operands: &[&[u64]]| {
            let operands: Vec<Option<&[u64]>> = operands.iter().map(|dims| Some(*dims)).collect();
            einstein_sum(equation, &operands)
        };
        assert_eq!(of("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 5]]), Some(120));
        assert_eq!(of(" ij , jk ", &[&[3, 4], &[4, 5]]), Some(60));
        assert_eq!(of("i,i->", &[&[7], &[7]]), Some(7));
        // One operand is a transposition or a sum.
        assert_eq!(of("ij->ji", &[&[3, 4]]), None);
        for equation in ["...i,ij->...j", "ij", "ijk,jk->i", "i1,jk->i"] {
            assert_eq!(of(equation, &[&[3, 4], &[4, 5]]), None, "{equation}");
        }
        assert_eq!(einstein_sum("ij,jk->ik", &[Some(&[3, 4]), None]), None);
        let long = format!("{},b->b", "a".repeat(2000));
        assert_eq!(of(&long, &[&[1], &[1]]), None);
    }

    #[test]
    fn counts_stay_at_the_largest_number() {
        assert_eq!(elements(&[u64::MAX, 2]), u64::MAX);
        assert_eq!(elements(&[u64::MAX, 2, 0]), 0);
        assert_eq!(elements(&[]), 1);
        assert_eq!(for_each(&[1 << 40], &[1 << 40]), u64::MAX);
        let most = OperatorWork::default().multiply_adds(u64::MAX);
        assert_eq!(most.operations(), u64::MAX);
    }
}
