//! NUMA nodes: which ones exist, and which of them an arena's memory comes from.
//!
//! [`NumaNodes`] reads the list of nodes that [`orionrt_sys::numa`] gets from the operating system.
//! Memory is bound to a node by [`Mapping`](orionrt_sys::mapping::Mapping).
//!
//! Invariant: a set of nodes is never empty. A machine that does not tell its nodes has node 0.

#![forbid(unsafe_code)]

use core::fmt;

/// The NUMA node that an arena's memory comes from; see
/// [`ArenaBuilder::numa_node`](crate::arena::ArenaBuilder::numa_node).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Numa {
    /// No node was asked for. The system's own policy holds, which prefers the node of the thread
    /// that touches a page first.
    #[default]
    Unbound,
    /// The node that was asked for is the only one, so there was nothing to do.
    SingleNode,
    /// All memory comes from this node.
    Bound {
        /// The node's number.
        node: u32,
    },
}

/// The NUMA nodes of this machine that are online, out of nodes 0 to 127.
///
/// ```
/// let nodes = orionrt_alloc::arena::NumaNodes::online();
/// let last = nodes.iter().last().expect("at least one");
/// let arena = orionrt_alloc::Arena::builder().capacity(1 << 20).numa_node(last).build();
/// println!("online: {nodes}, arena: {arena:?}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NumaNodes(u128);

impl NumaNodes {
    pub(super) const NODE_0: Self = Self(1);

    /// The nodes that are online now; node 0 where the system has no list of them.
    #[must_use]
    pub fn online() -> Self {
        Self::known().unwrap_or(Self::NODE_0)
    }

    /// The nodes that are online now, if the system tells.
    pub(super) fn known() -> Option<Self> {
        Self::parse(&orionrt_sys::numa::online_nodes()?)
    }

    /// Whether a node is in the set.
    #[must_use]
    pub fn contains(self, node: u32) -> bool {
        self.0.checked_shr(node).is_some_and(|rest| rest & 1 == 1)
    }

    /// The numbers of the nodes, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..u128::BITS).filter(move |&node| self.contains(node))
    }

    pub(super) fn is_single(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Reads a list in the form of the Linux kernel: numbers and ranges, separated by commas.
    /// `None` for anything else.
    pub(super) fn parse(list: &str) -> Option<Self> {
        let mut nodes = 0;
        for part in list.trim().split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            for node in first..=last.min(u128::BITS - 1) {
                nodes |= 1u128.checked_shl(node)?;
            }
        }
        (nodes != 0).then_some(Self(nodes))
    }
}

impl fmt::Display for NumaNodes {
    /// Writes a list in the form of the Linux kernel: `0,2-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut comma) = (self.0, "");
        while rest != 0 {
            let first = rest.trailing_zeros();
            let last = first + (rest >> first).trailing_ones() - 1;
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
            rest &= !(u128::MAX >> (u128::BITS - 1 - last));
        }
        Ok(())
    }
}

impl fmt::Debug for NumaNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumaNodes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_in_the_form_of_the_kernel() {
        for (list, nodes) in [
            ("0", vec![0]),
            ("0-3\n", vec![0, 1, 2, 3]),
            ("0,2-3", vec![0, 2, 3]),
            ("1,126-127", vec![1, 126, 127]),
        ] {
            let read = NumaNodes::parse(list).unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), nodes);
            assert_eq!(read.to_string(), list.trim());
        }
        let all = NumaNodes::parse("0-127").unwrap();
        assert_eq!((all.0, all.to_string().as_str()), (u128::MAX, "0-127"));
    }

    #[test]
    fn text_in_any_other_form_is_not_a_list() {
        for text in ["", "\n", "x", "0,", "1-", "-1", "3-1", "0-x", "200"] {
            assert_eq!(NumaNodes::parse(text), None, "{text:?}");
        }
        // A range beyond the nodes that a set can hold is cut off, not walked.
        let cut = NumaNodes::parse("126-4294967295").unwrap();
        assert_eq!(cut.to_string(), "126-127");
    }

    #[test]
    fn a_set_contains_the_nodes_of_its_list_and_no_others() {
        let nodes = NumaNodes::parse("0,2-3").unwrap();
        assert_eq!(
            [0, 1, 2, 127, 128, u32::MAX].map(|n| nodes.contains(n)),
            [true, false, true, false, false, false]
        );
        assert!(!nodes.is_single() && NumaNodes::NODE_0.is_single());
        assert!(NumaNodes::online().iter().next().is_some());
    }
}
