//! Which of several devices a page has room for.
//!
//! Stands on [`format`](crate::format). Invariant: what is not drawn is said.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use orionrt::Plan;

use crate::format;

/// The most devices that are drawn.
const MOST: usize = 4;
/// The most devices that a note names.
const MOST_NAMED: usize = 16;

/// The places of the devices that are drawn, those with the most bytes alive at once, in their
/// order; and a note about the others.
pub(crate) fn shown_devices(devices: &[(String, &Plan)]) -> (Vec<usize>, Option<String>) {
    let mut places: Vec<usize> = (0..devices.len()).collect();
    places.sort_by_key(|&place| Reverse(devices[place].1.load()));
    let mut left = places.split_off(MOST.min(places.len()));
    places.sort_unstable();
    left.sort_unstable();
    let named = left.iter().take(MOST_NAMED);
    let named: Vec<&str> = named.map(|&place| &*devices[place].0).collect();
    let more = match left.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {} more", format::thousands(more as u64)),
    };
    let note = (!left.is_empty()).then(|| format!("not drawn: {}{more}", named.join(", ")));
    (places, note)
}

#[cfg(test)]
mod tests {
    use orionrt::{Lifetimes, Planner};

    use super::*;

    #[test]
    fn the_devices_with_the_most_bytes_are_drawn_and_the_others_named() {
        let plan = |bytes: u64| {
            let lifetimes = Lifetimes::from_rows([("a", 0, 1, bytes, 1)]).expect("a row");
            Planner::new().plan(&lifetimes).expect("a plan")
        };
        let plans = [5, 1, 9, 2, 7, 8].map(plan);
        let devices: Vec<(String, &Plan)> = (plans.iter().enumerate())
            .map(|(number, plan)| (format!("device {number}"), plan))
            .collect();
        let (drawn, note) = shown_devices(&devices);
        assert_eq!(drawn, [0, 2, 4, 5]);
        assert_eq!(note.as_deref(), Some("not drawn: device 1, device 3"));
        assert_eq!(shown_devices(&devices[..4]), (vec![0, 1, 2, 3], None));
    }
}
