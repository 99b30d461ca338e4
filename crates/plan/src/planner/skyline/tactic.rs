//! How a run decides; runs take turns.
//!
//! Which mix solves what differs so much from instance to instance that no single one will do. The table is from measurements on
//! planted rectangles and compiler buffers: each of its rows is the fastest on some of them.

use super::{fitting::Fitting, scoring::Rule};

/// How a run decides what comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tactic {
    /// Which section.
    pub(super) rule: Rule,
    /// How much it counts to be near to what was last placed or did not fit, in candidates for the whole of time. What is decided
    /// nearby is found wrong early.
    pub(super) nearness: f32,
    /// Which candidate, before its rank.
    pub(super) fitting: Fitting,
}

impl Tactic {
    /// The tactic of a numbered run.
    pub(super) fn of_run(run: u64) -> Self {
        let tactic = |rule, nearness, fitting| Self {
            rule,
            nearness,
            fitting,
        };
        match run % 7 {
            0 => tactic(Rule::Blame, 0.0, Fitting::Snug),
            1 => tactic(Rule::SomeBlame, 0.0, Fitting::Any),
            2 => tactic(Rule::Slack, 20.0, Fitting::Snug),
            3 => tactic(Rule::Slack, 0.0, Fitting::Any),
            4 => tactic(Rule::Candidates, 20.0, Fitting::Any),
            5 => tactic(Rule::NoSlackFirst, 0.0, Fitting::Snug),
            _ => tactic(Rule::Candidates, 0.0, Fitting::Filling),
        }
    }
}
