//! Ctrl-C: the first ends the search or the measuring, the second the process.
//!
//! Stands on `ctrlc`. Invariant: until [`listen`] is called, a Ctrl-C ends the process at once, as it ends any program.

#![forbid(unsafe_code)]

use std::process;

use orionrt::planner::Cancel;

/// How shells count a process that a Ctrl-C has ended.
const STATUS: i32 = 130;

/// A flag that the next Ctrl-C sets; the one after it ends the process. To be called once.
///
/// Where the system takes no handler, nobody sets the flag: the next Ctrl-C ends the process.
pub(crate) fn listen() -> Cancel {
    let cancel = Cancel::new();
    let flag = cancel.clone();
    let _ = ctrlc::set_handler(move || {
        if is_second(&flag) {
            process::exit(STATUS);
        }
    });
    cancel
}

/// Sets the flag; whether it was set before.
fn is_second(flag: &Cancel) -> bool {
    let second = flag.is_cancelled();
    flag.cancel();
    second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sets_the_flag_and_the_second_is_told_apart() {
        let flag = Cancel::new();
        assert!(!is_second(&flag) && flag.is_cancelled());
        assert!(is_second(&flag));
    }
}
