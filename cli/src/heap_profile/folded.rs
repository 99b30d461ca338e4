//! Folded stacks: a line for each, its functions from the outermost on with `;` between them, and
//! its value, for tools that draw flame graphs.
//!
//! Stands on `stacks`. Invariant: a line has no other `;` and no line break, whatever the names.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use super::stacks::Stacks;
use crate::escape::printable;

/// Writes the stacks in the order of their names. Of two profiles that are compared, a line has the
/// value before and then that now, as differential flame graphs have it.
pub(crate) fn write(stacks: &Stacks, is_change: bool, output: &mut dyn Write) -> io::Result<()> {
    let names = (0..stacks.name_count() as u32).map(|number| {
        let name = printable(stacks.name(number)).replace(';', ":");
        if name.is_empty() { "?".into() } else { name }
    });
    let names: Vec<String> = names.collect();
    let ranks = &stacks.ranks()[..];
    let mut all: Vec<_> = stacks.iter().collect();
    all.sort_by(|(a, _), (b, _)| ranks_of(ranks, a).cmp(ranks_of(ranks, b)));
    for (stack, value) in all {
        for (index, &name) in stack.iter().enumerate() {
            let name = &names[name as usize];
            let between = if index > 0 { ";" } else { "" };
            write!(output, "{between}{name}")?;
        }
        match is_change {
            false => writeln!(output, " {}", value.now)?,
            true => writeln!(output, " {} {}", value.before, value.now)?,
        }
    }
    Ok(())
}

/// The places of a stack's names in their order.
fn ranks_of<'r>(ranks: &'r [u32], stack: &'r [u32]) -> impl Iterator<Item = u32> {
    stack.iter().map(|&name| ranks[name as usize])
}

#[cfg(test)]
mod tests {
    use super::{super::stacks::tests::profile, *};

    #[test]
    fn a_stack_is_a_line() {
        let mut now = profile(&[(&[2, 0], 3), (&[1, 0], 5)]);
        now.functions[2].name = now.add_text("a;b\nc <d>");
        let mut stacks = Stacks::default();
        stacks.add(&now, 0, false).unwrap();
        let mut text = Vec::new();
        write(&stacks, false, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "f0;a:b\\nc <d> 3\nf0;f1 5\n"
        );
        let mut text = Vec::new();
        write(&stacks, true, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "f0;a:b\\nc <d> 0 3\nf0;f1 0 5\n"
        );
    }
}
