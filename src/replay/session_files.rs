//! Saving the plans of a session, and loading them into another one.
//!
//! Invariant: a plan that was loaded is used like one that was made here. Whether it fits shows as
//! hits and misses, and where it does not, the key is recorded again.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use std::io::{Read, Write};

use super::{
    key_plan::{KeyPlan, PlanFacts, PlanSizes},
    key_state::{KeyState, Stage},
    load_error::LoadError,
    saved::{self, SavedKey, SavedPlan},
    session::Session,
};
use orionrt_plan::files::FileError;

impl<A, K> Session<'_, A, K> {
    /// Writes the plans of all keys that have one, as JSON, so that another process can
    /// [load](Self::load) them and start in replay. `fingerprint` names what the plans are for:
    /// the engine, the model, and whatever else decides what its iterations allocate.
    ///
    /// A key is saved as its `Debug` implementation shows it, which must tell keys apart: a file in
    /// which two look alike cannot be loaded.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn save(&self, fingerprint: &str, output: impl Write) -> Result<(), FileError> {
        let of_states = self.states.iter().filter_map(saved_state);
        let unused = self.loaded.iter().map(|(key, plan)| saved_plan(key, plan));
        let mut keys: Vec<_> = of_states.chain(unused).collect();
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        saved::write(output, fingerprint, keys)
    }

    /// Reads plans that were [saved](Self::save) with this fingerprint; returns how many. Keys are
    /// told by what their `Debug` implementation shows. A key that is planned already keeps its
    /// plan. Another one is replayed without a recording; its region is made when it is first used,
    /// with what the session was told about pages.
    ///
    /// A plan that was made for another [threshold](Self::threshold) than the session has is passed
    /// over, and its key is recorded.
    ///
    /// A plan that was loaded does not learn how helpers run side by side: where they miss more
    /// than half a percent of the bytes in three iterations, the key is recorded again. In a
    /// session without helpers, `lanes(0)`, bytes that only they have go from its region.
    ///
    /// Whether a key stands for one shape or for all up to a largest one is not saved: whoever runs
    /// it says so, with `run` or [`run_at_most`](Self::run_at_most).
    ///
    /// A plan that does not fit the program costs misses, and its key is recorded again. It is
    /// never wrong: blocks do not overlap, whatever is in the file. But trust a file as much as the
    /// program: one that was made to do harm can ask for regions that take all memory.
    ///
    /// ```
    /// use std::alloc::System;
    /// use orionrt::{Planner, ReplayAlloc};
    ///
    /// #[global_allocator]
    /// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
    ///
    /// let infer = || vec![1u64; 1000].iter().sum::<u64>();
    /// let mut session = ALLOC.session(Planner::new());
    /// session.run("batch 1", infer)?;
    /// let mut file = Vec::new();
    /// session.save("my-model, version 3", &mut file)?;
    /// drop(session);
    ///
    /// // In another process, say:
    /// let mut session = ALLOC.session(Planner::new());
    /// assert_eq!(session.load("my-model, version 3", &file[..])?, 1);
    /// session.run("batch 1", infer)?;
    /// let key = &session.report().keys[0];
    /// assert_eq!((key.recorded, key.replayed, key.counts.hits), (0, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read, is not of this format, or has another fingerprint, or if a
    /// request in it cannot be what it says; see [`LoadError`]. The session is as it was then.
    pub fn load(&mut self, fingerprint: &str, input: impl Read) -> Result<usize, LoadError> {
        let mut taken = 0;
        let (keys, threshold) = (saved::read(input, fingerprint)?, self.threshold);
        // Elsewhere, other requests of the program would be part of the plan.
        for key in keys.into_iter().filter(|key| key.threshold == threshold) {
            let sizes = PlanSizes {
                planned: key.planned_bytes.unwrap_or_else(|| key.lanes.map.bytes()),
                lower_bound: key.lower_bound,
                total: key.total_bytes,
            };
            let plan = KeyPlan {
                facts: PlanFacts {
                    sizes,
                    ..PlanFacts::default()
                },
                plan: key.lanes,
                threshold: key.threshold,
            };
            let state = self.states.iter().position(|state| *state.key == *key.key);
            let is_taken = match state {
                Some(index) => self.take_loaded(index, plan),
                None => {
                    self.loaded.insert(key.key.into_owned(), plan);
                    true
                }
            };
            taken += usize::from(is_taken);
        }
        Ok(taken)
    }
}

fn saved_state<'k, A>(state: &'k KeyState<'_, A>) -> Option<SavedKey<'k, SavedPlan<'k>>> {
    match &state.stage {
        Stage::Planned(planned) => {
            let sizes = planned.facts.sizes;
            let (own, helpers, map) = planned.replay.ready_plan().parts();
            Some(SavedKey {
                key: state.key.as_str().into(),
                threshold: planned.replay.threshold(),
                planned_bytes: Some(sizes.planned),
                lower_bound: sizes.lower_bound,
                total_bytes: sizes.total,
                lanes: SavedPlan { own, helpers, map },
            })
        }
        Stage::New | Stage::Refused(_) => None,
    }
}

fn saved_plan<'k>(key: &'k str, plan: &'k KeyPlan) -> SavedKey<'k, SavedPlan<'k>> {
    let sizes = plan.facts.sizes;
    SavedKey {
        key: key.into(),
        threshold: plan.threshold,
        planned_bytes: Some(sizes.planned),
        lower_bound: sizes.lower_bound,
        total_bytes: sizes.total,
        lanes: SavedPlan {
            own: &plan.plan.own,
            helpers: plan.plan.helpers.as_ref(),
            map: &plan.plan.map,
        },
    }
}
