//! The functions with the largest values: their own, and those with what they called.
//!
//! Stands on `stacks`. Invariant: a function that is in a stack several times counts it once.

#![forbid(unsafe_code)]

use super::stacks::{Stacks, Value};

/// A function's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number of its name.
    pub(crate) name: u32,
    pub(crate) own: Value,
    pub(crate) cumulative: Value,
}

/// The functions, largest own value first; if two profiles are compared, largest change first.
pub(crate) fn top(stacks: &Stacks, is_change: bool) -> Vec<Row> {
    let mut rows = vec![Row::default(); stacks.name_count()];
    let mut seen = vec![usize::MAX; rows.len()];
    for (index, (stack, value)) in stacks.iter().enumerate() {
        for &name in stack {
            let last = &mut seen[name as usize];
            if *last != index {
                *last = index;
                rows[name as usize].cumulative.add(value);
            }
        }
        if let Some(&innermost) = stack.last() {
            rows[innermost as usize].own.add(value);
        }
    }
    for (name, row) in rows.iter_mut().enumerate() {
        row.name = name as u32;
    }
    rows.retain(|row| row.cumulative != Value::default());
    let shown = |value: Value| match is_change {
        true => value.change().unsigned_abs(),
        false => value.now.unsigned_abs(),
    };
    rows.sort_by(|a, b| {
        let by_value =
            (shown(b.own), shown(b.cumulative)).cmp(&(shown(a.own), shown(a.cumulative)));
        by_value.then_with(|| stacks.name(a.name).cmp(stacks.name(b.name)))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::{super::stacks::tests::profile, *};

    #[test]
    fn a_recursive_function_counts_a_stack_once() {
        let mut stacks = Stacks::default();
        let samples: [(&[u32], i64); 3] = [(&[2, 1, 2, 1, 0], 10), (&[1, 0], 5), (&[0], 1)];
        stacks.add(&profile(&samples), 0, false).unwrap();
        let rows = top(&stacks, false);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (stacks.name(row.name), row.own.now, row.cumulative.now))
            .collect();
        assert_eq!(rows, [("f2", 10, 10), ("f1", 5, 15), ("f0", 1, 16)]);
    }

    #[test]
    fn a_comparison_has_the_largest_change_first_whether_more_or_less() {
        let mut stacks = Stacks::default();
        stacks
            .add(&profile(&[(&[1], 100), (&[2], 9), (&[3], 1)]), 0, false)
            .unwrap();
        stacks
            .add(&profile(&[(&[1], 99), (&[2], 4), (&[3], 8)]), 0, true)
            .unwrap();
        let rows = top(&stacks, true);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (stacks.name(row.name), row.own.change()))
            .collect();
        assert_eq!(rows, [("f3", -7), ("f2", 5), ("f1", 1)]);
    }
}
