//! Names of tensors or operators, each given once.
//!
//! Stands on nothing. Invariant: no name is given twice; one that occurs again gets a number:
//! `name#2`.

use std::collections::HashMap;

/// The names that have been given.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// How often each name was asked for or given.
    counts: HashMap<String, u64>,
}

impl Names {
    /// The name itself, or with a number if it has been given before.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let Some(count) = self.counts.get_mut(name) else {
            self.counts.insert(name.into(), 1);
            return name.into();
        };
        let mut number = *count;
        loop {
            number += 1;
            let candidate = format!("{name}#{number}");
            if !self.counts.contains_key(&candidate) {
                self.counts.insert(name.into(), number);
                self.counts.insert(candidate.clone(), 1);
                return candidate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_occurs_again_gets_a_number() {
        let mut names = Names::default();
        let given = ["x", "x", "x#2", "x", "x#2", "y"].map(|name| names.unique(name));
        assert_eq!(given, ["x", "x#2", "x#2#2", "x#3", "x#2#3", "y"]);
    }
}
