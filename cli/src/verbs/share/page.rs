//! The page of a shared plan: the arena, beside a region of its own for each model.
//!
//! Stands on [`page`](crate::page). Invariant: both maps have the same tensors at the same steps,
//! so that all that differs is where they lie.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Plan, TensorId, models::SharedPlan};

use super::models::Model;
use crate::{
    failure::Failure,
    page::{self, Groups, Page, PageMap},
    staging::{Staged, stage},
};

/// Writes the page; it has no name until it is committed.
pub(super) fn write(models: &[Model], shared: &SharedPlan, path: &Path) -> Result<Staged, Failure> {
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    let joint = shared.plan();
    let groups = Groups {
        of: tensors(joint)
            .map(|tensor| shared.owner(tensor).map_or(0, |of| of.model.index() as u32))
            .collect(),
        names,
    };
    let apart = apart(shared);
    let map = |title, plan| PageMap {
        groups: Some(&groups),
        ..PageMap::new(title, plan)
    };
    let mut maps: Vec<PageMap<'_>> = Vec::new();
    maps.extend(apart.as_ref().map(|plan| map("a region for each", plan)));
    maps.push(map("shared", joint));
    let page = Page {
        kind: "share",
        title: &groups.names.join(", "),
        notes: vec![
            "Models without a common clock are drawn one after the other: their steps are not \
             those of one timeline."
                .into(),
        ],
        maps,
    };
    stage(path, |file| page::write(&page, file))
}

fn tensors(plan: &Plan) -> impl Iterator<Item = TensorId> {
    (0..plan.lifetimes().len()).map(TensorId::from_index)
}

/// The plans that the models have alone, one above the other.
fn apart(shared: &SharedPlan) -> Option<Plan> {
    let mut bases: Vec<u64> = Vec::new();
    let mut end = 0_u64;
    for (model, _) in shared.models() {
        let plan = shared.isolated(model)?;
        let base = end.checked_next_multiple_of(plan.alignment())?;
        end = base.checked_add(plan.peak())?;
        bases.push(base);
    }
    let offset = |tensor| {
        let of = shared.owner(tensor)?;
        let offset = shared.isolated(of.model)?.offset(of.tensor)?;
        bases.get(of.model.index())?.checked_add(offset)
    };
    let joint = shared.plan();
    let offsets = tensors(joint).map(offset).collect::<Option<_>>()?;
    Plan::new(joint.lifetimes().clone(), offsets).ok()
}
