//! The heuristics of each run; runs take turns.
//!
//! Which combination solves an instance differs so much that no single one will do. The table comes
//! from measurements on planted rectangles and compiler buffers: each of its rows is the fastest on
//! some of them.

use super::value_order::ValueOrder;
use super::variable_order::VariableOrder;

/// How a run decides what comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heuristics {
    /// Which section is next.
    pub(super) variables: VariableOrder,
    /// How much the distance of a section counts from where an item was last placed or did not fit:
    /// that many candidates for the whole width. Mistakes are found early if decisions are near
    /// each other.
    pub(super) nearness: f32,
    /// Which of its candidates is placed.
    pub(super) values: ValueOrder,
}

impl Heuristics {
    /// The heuristics of a numbered run.
    pub(super) fn of_run(run: u64) -> Self {
        use ValueOrder as Value;
        use VariableOrder as Variable;
        let (variables, nearness, values) = match run % 7 {
            0 => (Variable::WeightedDegree, 0.0, Value::ContactAndLevel),
            1 => (Variable::DampedWeightedDegree, 0.0, Value::RankOnly),
            2 => (Variable::Slack, 20.0, Value::ContactAndLevel),
            3 => (Variable::Slack, 0.0, Value::RankOnly),
            4 => (Variable::Candidates, 20.0, Value::RankOnly),
            5 => (Variable::NoSlackFirst, 0.0, Value::ContactAndLevel),
            _ => (Variable::Candidates, 0.0, Value::ExactWidth),
        };
        Self {
            variables,
            nearness,
            values,
        }
    }
}
