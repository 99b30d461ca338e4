//! Ctrl-C: the first ends the search or the measurement, the second ends the process.
//!
//! Stands on `ctrlc` and on the list of [`UNFINISHED`] files. Invariant: until
//! [`cancel_on_ctrl_c`] is called, Ctrl-C ends the process at once, as in any program.

#![forbid(unsafe_code)]

use std::process;

use orionrt::planner::Cancel;

use crate::unfinished::UNFINISHED;

/// The exit status that shells give to a process ended by Ctrl-C: 128 + SIGINT.
const STATUS: i32 = 130;

/// A flag that the next Ctrl-C sets; the one after it ends the process. Call this once.
///
/// If the system takes no handler, nothing sets the flag and the next Ctrl-C ends the process.
pub(crate) fn cancel_on_ctrl_c() -> Cancel {
    let cancel = Cancel::new();
    let flag = cancel.clone();
    let _ = ctrlc::set_handler(move || {
        if was_set(&flag) {
            let _none_begins = UNFINISHED.remove_all();
            process::exit(STATUS);
        }
    });
    cancel
}

/// Sets the flag; returns whether it was set before.
fn was_set(flag: &Cancel) -> bool {
    let was_set = flag.is_cancelled();
    flag.cancel();
    was_set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ctrl_c_sets_the_flag_and_the_second_finds_it_set() {
        let flag = Cancel::new();
        assert!(!was_set(&flag) && flag.is_cancelled());
        assert!(was_set(&flag));
    }
}
