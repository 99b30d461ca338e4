//! A text made into a tree.
//!
//! ```text
//! sum     = product { "+" product }          factor = atom [ "^" number ]
//! product = factor { "*" factor }            atom   = number | name | "(" sum ")"
//! ```
//!
//! Stands on `expression`. Invariant: a tree is made of the whole text, or there is none.

use crate::expression::Expression;

/// Parses a polynomial; `None` if the text is not one.
pub(crate) fn parse(text: &str) -> Option<Expression> {
    let mut parser = Parser { rest: text };
    let expression = parser.sum()?;
    parser.rest.trim_start().is_empty().then_some(expression)
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn sum(&mut self) -> Option<Expression> {
        let mut sum = self.product()?;
        while self.takes('+') {
            sum = Expression::sum(sum, self.product()?);
        }
        Some(sum)
    }

    fn product(&mut self) -> Option<Expression> {
        let mut product = self.factor()?;
        while self.takes('*') {
            product = Expression::product(product, self.factor()?);
        }
        Some(product)
    }

    fn factor(&mut self) -> Option<Expression> {
        let atom = self.atom()?;
        if !self.takes('^') {
            return Some(atom);
        }
        Some(Expression::power(atom, self.number()?))
    }

    fn atom(&mut self) -> Option<Expression> {
        if self.takes('(') {
            let sum = self.sum()?;
            return self.takes(')').then_some(sum);
        }
        let word = self.word();
        match word.chars().next()? {
            first if first.is_ascii_digit() => word.parse().ok().map(Expression::Number),
            _ => Some(Expression::Variable(word.to_owned())),
        }
    }

    fn number(&mut self) -> Option<u32> {
        self.word().parse().ok()
    }

    /// Whether the next sign is this one, which is taken then.
    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start();
        let after = rest.strip_prefix(sign);
        self.rest = after.unwrap_or(rest);
        after.is_some()
    }

    /// Letters and digits, as many as follow.
    fn word(&mut self) -> &'t str {
        let rest = self.rest.trim_start();
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric());
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_means_what_it_says() {
        let x = || Expression::Variable("x".into());
        let expected = Expression::sum(
            Expression::product(Expression::Number(2), x()),
            Expression::power(Expression::sum(x(), Expression::Number(31)), 2),
        );
        assert_eq!(parse("2*x + (x + 31)^2"), Some(expected));
    }

    #[test]
    fn what_is_no_polynomial_is_refused() {
        for text in ["", "x +", "(x", "x)", "x ^ y", "2 x", "4294967296", "x + ?"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
