//! Dimensions that follow from others: `past + 1`, `2*width`.
//!
//! Stands on nothing. A name is taken for an expression only if it cannot be a name by itself.

/// The most operands of an expression.
const MOST_TERMS: usize = 32;

/// A part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Name(&'a str),
    Number(u64),
    Sign(char),
}

/// Whether a dimension's name is an expression of others.
pub(super) fn is_expression(name: &str) -> bool {
    let has_sign = name.contains(['+', '*']) || name.contains(" - ") || name.contains(" / ");
    has_sign && parts(name).is_some_and(|parts| evaluate(&parts, &mut |_| Some(1)).is_some())
}

/// The value of an expression, given the values of names; `None` if one has none.
pub(super) fn value(name: &str, size: &mut dyn FnMut(&str) -> Option<u64>) -> Option<u64> {
    evaluate(&parts(name)?, size)
}

/// The names in an expression.
pub(super) fn names(name: &str) -> Vec<&str> {
    let named = |part| match part {
        Part::Name(name) => Some(name),
        _ => None,
    };
    let parts = parts(name).unwrap_or_default();
    parts.into_iter().filter_map(named).collect()
}

fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if parts.len() > 2 * MOST_TERMS {
            return None;
        }
        let length = if is_name(first) {
            let word = rest.split(|c| !is_name(c)).next()?;
            parts.push(match word.parse() {
                Ok(number) => Part::Number(number),
                Err(_) => Part::Name(word),
            });
            word.len()
        } else if matches!(first, '+' | '-' | '*' | '/') {
            parts.push(Part::Sign(first));
            1
        } else {
            return None;
        };
        rest = rest[length..].trim_start();
    }
    Some(parts)
}

/// Products and quotients first, then sums and differences, from left to right.
fn evaluate(parts: &[Part<'_>], size: &mut dyn FnMut(&str) -> Option<u64>) -> Option<u64> {
    let mut parts = parts.iter();
    let mut operand = |part: Option<&Part<'_>>| match part? {
        Part::Name(name) => size(name),
        Part::Number(number) => Some(*number),
        Part::Sign(_) => None,
    };
    let mut sum: i128 = 0;
    let mut term = i128::from(operand(parts.next())?);
    let mut sign = 1;
    while let Some(part) = parts.next() {
        let next = i128::from(operand(parts.next())?);
        match part {
            Part::Sign('*') => term = term.checked_mul(next)?,
            Part::Sign('/') => term = term.checked_div(next)?,
            Part::Sign(of) => {
                sum = sum.checked_add(sign * term)?;
                sign = if *of == '-' { -1 } else { 1 };
                term = next;
            }
            _ => return None,
        }
    }
    u64::try_from(sum.checked_add(sign * term)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{is_expression, value};

    #[test]
    fn expressions_follow_from_names_and_names_are_no_expressions() {
        let mut size = |name: &str| match name {
            "past" => Some(5),
            "new" => Some(3),
            _ => None,
        };
        for (text, expected) in [
            ("past + new", Some(8)),
            ("2*past - new", Some(7)),
            ("past + 1", Some(6)),
            ("past / 2", Some(2)),
            ("past + other", None),
            ("new - past", None),
        ] {
            assert!(is_expression(text), "{text}");
            assert_eq!(value(text, &mut size), expected, "{text}");
        }
        for text in ["batch-size", "a/b", "width", "+", "a + (b)", "a *"] {
            assert!(!is_expression(text), "{text}");
        }
    }
}
