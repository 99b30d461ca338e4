//! Derivatives of polynomials, and simpler forms of them.
//!
//! Stands on `expression`. Invariant: a simpler form has the same value whatever variables are.

use crate::expression::Expression;

/// The derivative with respect to a variable.
pub(crate) fn derivative(of: &Expression, variable: &str) -> Expression {
    match of {
        Expression::Number(_) => Expression::Number(0),
        Expression::Variable(name) => Expression::Number((name == variable).into()),
        Expression::Sum(left, right) => {
            Expression::sum(derivative(left, variable), derivative(right, variable))
        }
        Expression::Product(left, right) => Expression::sum(
            Expression::product(derivative(left, variable), (**right).clone()),
            Expression::product((**left).clone(), derivative(right, variable)),
        ),
        Expression::Power(base, exponent) => {
            let lower = Expression::power((**base).clone(), exponent.saturating_sub(1));
            let outer = Expression::product(Expression::Number(*exponent), lower);
            Expression::product(outer, derivative(base, variable))
        }
    }
}

/// Leaves out what adds nothing and multiplies by one, and computes what has no variables.
pub(crate) fn simplify(expression: Expression) -> Expression {
    match expression {
        Expression::Sum(left, right) => match (simplify(*left), simplify(*right)) {
            (Expression::Number(0), other) | (other, Expression::Number(0)) => other,
            (Expression::Number(left), Expression::Number(right)) => {
                Expression::Number(left.wrapping_add(right))
            }
            (left, right) => Expression::sum(left, right),
        },
        Expression::Product(left, right) => match (simplify(*left), simplify(*right)) {
            (Expression::Number(0), _) | (_, Expression::Number(0)) => Expression::Number(0),
            (Expression::Number(1), other) | (other, Expression::Number(1)) => other,
            (Expression::Number(left), Expression::Number(right)) => {
                Expression::Number(left.wrapping_mul(right))
            }
            (left, right) => Expression::product(left, right),
        },
        Expression::Power(_, 0) => Expression::Number(1),
        Expression::Power(base, 1) => simplify(*base),
        Expression::Power(base, exponent) => Expression::power(simplify(*base), exponent),
        leaf => leaf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{expression::Values, parser::parse};

    #[test]
    fn what_adds_nothing_is_left_out() {
        let found = derivative(&parse("3*x + y^2 + 7").expect("a polynomial"), "x");
        assert_eq!(simplify(found), Expression::Number(3));
    }

    /// Modulo 2^32, `f(x + 2^16) - f(x)` is `2^16` times the derivative: further terms have a
    /// factor of 2^32.
    #[test]
    fn a_derivative_is_the_slope() {
        const STEP: u32 = 1 << 16;
        for text in [
            "x",
            "5",
            "x*y",
            "x^3*y + 2*x",
            "(x + y)^5*(x + 3)",
            "(x^2)^2",
        ] {
            let polynomial = parse(text).expect("a polynomial");
            let slope = derivative(&polynomial, "x");
            for (x, y) in [(0, 0), (1, 2), (77, 3), (u32::MAX, 12_345)] {
                let at = |x: u32| Values::from([("x".into(), x), ("y".into(), y)]);
                let rise = polynomial.evaluate(&at(x.wrapping_add(STEP)));
                let rise = rise.wrapping_sub(polynomial.evaluate(&at(x)));
                let expected = slope.evaluate(&at(x)).wrapping_mul(STEP);
                assert_eq!(rise, expected, "{text} at {x}, {y}");
                let simpler = simplify(slope.clone()).evaluate(&at(x));
                assert_eq!(simpler, slope.evaluate(&at(x)), "{text} at {x}, {y}");
            }
        }
    }
}
