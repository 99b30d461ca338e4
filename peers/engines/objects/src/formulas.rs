//! Formulas that are parsed, differentiated with respect to each of their variables, simplified
//! and evaluated at several points: a program of trees.
//!
//! It goes over all formulas in passes, as a compiler does. Invariant: all derivatives are alive
//! before the first one is simplified, and all simple ones before the first one is evaluated.

use orionrt_engines::{Digest, Forward, Random};
use std::{fmt::Write, hash::Hasher, mem};

use crate::{
    derivative::{derivative, simplify},
    expression::{Expression, Values},
    parser::parse,
};

const LINES: usize = 400;
const POINTS: usize = 8;
const VARIABLES: [&str; 4] = ["height", "mass", "temperature", "x"];
/// Levels of parentheses in a formula.
const DEPTH: u32 = 2;

/// The text of the formulas, one a line, and the points at which they are evaluated.
pub(crate) struct Formulas {
    text: String,
    points: Vec<Values>,
}

impl Formulas {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(1);
        let mut text = String::new();
        for _ in 0..LINES {
            write_sum(&mut text, &mut random, DEPTH);
            text.push('\n');
        }
        let mut value = |name: &str| (name.to_owned(), random.below(1 << 32) as u32);
        let points = (0..POINTS).map(|_| VARIABLES.map(&mut value).into());
        Self {
            points: points.collect(),
            text,
        }
    }
}

/// Writes a random sum: of two to four products of two factors.
fn write_sum(text: &mut String, random: &mut Random, depth: u32) {
    for term in 0..2 + random.below(3) {
        text.push_str(if term == 0 { "" } else { " + " });
        write_factor(text, random, depth);
        text.push('*');
        write_factor(text, random, depth);
    }
}

fn write_factor(text: &mut String, random: &mut Random, depth: u32) {
    match random.below(5) {
        0 if depth > 0 => {
            text.push('(');
            write_sum(text, random, depth - 1);
            text.push(')');
        }
        1 => {
            // A `String` takes whatever is written to it.
            let _ = write!(text, "{}", random.below(100));
        }
        _ => text.push_str(VARIABLES[random.below(VARIABLES.len() as u64) as usize]),
    }
    if random.below(4) == 0 {
        let _ = write!(text, "^{}", 2 + random.below(4));
    }
}

/// The derivatives with respect to each variable.
fn slopes(formula: &Expression) -> Vec<Expression> {
    let slope = |variable: &&str| derivative(formula, variable);
    VARIABLES.iter().map(slope).collect()
}

impl Forward for Formulas {
    type Output = Vec<u32>;

    fn forward(&self) -> Vec<u32> {
        let formulas: Vec<_> = self.text.lines().filter_map(parse).collect();
        let mut slopes: Vec<_> = formulas.iter().map(slopes).collect();
        for slope in slopes.iter_mut().flatten() {
            *slope = simplify(mem::replace(slope, Expression::Number(0)));
        }
        let mut results = Vec::new();
        for point in &self.points {
            for (formula, slopes) in formulas.iter().zip(&slopes) {
                results.push(formula.evaluate(point));
                results.extend(slopes.iter().map(|slope| slope.evaluate(point)));
            }
        }
        results
    }

    fn digest(output: &Vec<u32>, digest: &mut Digest) {
        output.iter().for_each(|&number| digest.write_u32(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_value_and_a_slope_for_each_variable() {
        let results = Formulas::new().forward();
        assert_eq!(results.len(), POINTS * LINES * (1 + VARIABLES.len()));
        let distinct: std::collections::BTreeSet<_> = results.iter().collect();
        assert!(distinct.len() > LINES, "{} values", distinct.len());
    }
}
