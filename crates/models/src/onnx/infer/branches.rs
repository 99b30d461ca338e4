//! `If`: the branch that is taken, or both.
//!
//! Stands on `parts` and `agreed`. Invariant: a branch that is left out leaves no values behind.

use super::agreed::either;
use super::parts::{Bodies, ControlCall, Controlled, Parts};
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::options::Unknown;
use crate::program::{Branch, ValueId};

pub(super) fn conditional<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    let condition = call.read(0).and_then(|id| {
        let contents = bodies.facts().get(id).contents.clone()?;
        contents.single()
    });
    let names: &[&str] = match condition {
        Some(0) => &["else_branch"],
        Some(_) => &["then_branch"],
        None => &["then_branch", "else_branch"],
    };
    let mut typed: Vec<Branch> = Vec::new();
    let mut failed: Vec<(String, ModelError)> = Vec::new();
    for &name in names {
        match branch(bodies, call, name)? {
            Ok(branch) => typed.push(branch),
            Err(reason) => failed.push((name.into(), reason)),
        }
    }
    if typed.is_empty() {
        let (_, error) = failed.swap_remove(0);
        return Err(error);
    }
    let facts = bodies.facts();
    for (name, reason) in failed {
        let reason = reason.to_string();
        let left_out = LeftOutReason::Branch { reason };
        facts
            .left_out
            .push(LeftOut::new(format!("{}/{name}", call.name), left_out));
    }
    let count = call.node.outputs.len();
    let mut results = Vec::with_capacity(count);
    for at in 0..count {
        let all = typed.iter().map(|branch| facts.get(branch.results[at]));
        results.push(either(all.map(|fact| (&fact.of, fact.contents.as_deref()))));
    }
    Ok(Controlled {
        results,
        parts: Parts::Branches(typed),
    })
}

/// A branch; the inner error says why it cannot be typed, though the file may be valid.
fn branch<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
    name: &str,
) -> Result<Result<Branch, ModelError>, ModelError> {
    let body = call.body(name, Vec::new())?;
    let first = bodies.facts().next();
    let has = body.def.outputs.len();
    let wants = call.node.outputs.len();
    if has < wants {
        return Err(call.malformed(format!("its {name} has {has} outputs of {wants}")));
    }
    let typed = bodies.body(body);
    let facts = bodies.facts();
    let is_open = |(value, _): &(ValueId, ModelError)| *value >= first;
    let skips = facts.options.unknown == Unknown::Skip;
    let problem = match typed {
        Ok(body) => match facts.open.iter().position(is_open) {
            Some(at) if !skips => facts.open.swap_remove(at).1,
            _ => {
                return Ok(Ok(Branch {
                    name: name.into(),
                    nodes: body.nodes,
                    results: body.outputs,
                }));
            }
        },
        Err(error @ (ModelError::Operator { .. } | ModelError::Disagreement { .. })) => error,
        Err(error) => return Err(error),
    };
    facts.drop_from(first);
    Ok(Err(problem))
}
