//! Polynomials as trees, each node a heap object of its own.
//!
//! Invariant: numbers are those modulo 2^32, so that no operation fails and none rounds.

use std::collections::BTreeMap;

/// A polynomial in variables with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Number(u32),
    Variable(String),
    Sum(Box<Expression>, Box<Expression>),
    Product(Box<Expression>, Box<Expression>),
    Power(Box<Expression>, u32),
}

/// What variables stand for.
pub(crate) type Values = BTreeMap<String, u32>;

impl Expression {
    pub(crate) fn sum(left: Self, right: Self) -> Self {
        Self::Sum(Box::new(left), Box::new(right))
    }

    pub(crate) fn product(left: Self, right: Self) -> Self {
        Self::Product(Box::new(left), Box::new(right))
    }

    pub(crate) fn power(base: Self, exponent: u32) -> Self {
        Self::Power(Box::new(base), exponent)
    }

    /// The value; variables without one are 0.
    pub(crate) fn evaluate(&self, values: &Values) -> u32 {
        match self {
            Self::Number(number) => *number,
            Self::Variable(name) => values.get(name).copied().unwrap_or_default(),
            Self::Sum(left, right) => left.evaluate(values).wrapping_add(right.evaluate(values)),
            Self::Product(left, right) => {
                left.evaluate(values).wrapping_mul(right.evaluate(values))
            }
            Self::Power(base, exponent) => base.evaluate(values).wrapping_pow(*exponent),
        }
    }
}
