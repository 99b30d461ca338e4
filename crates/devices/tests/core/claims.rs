//! Claims on several streams, against the definition: whatever is done, a slot is granted, used,
//! transferred and joined exactly when all earlier uses of its bytes happen before.

use std::collections::BTreeSet;

use orionrt_devices::{
    DevicePool, DeviceSlot, DeviceSlotError, Event, HostDevice, OrderError, StreamId,
};
use orionrt_plan::{Plan, TensorId};
use orionrt_testing::{
    slot_oracle::{can_join, can_split},
    stream_history::{StreamHistory, Verdict},
};
use proptest::{prelude::*, sample::Index};

use crate::plans::{id, participant, plan, pool, stream};

const PARTICIPANTS: usize = 4;

/// What is done next; tensors and events are chosen among those that there are.
#[derive(Clone, Debug)]
enum Action {
    Claim(Index, usize),
    Use(Index, usize, bool),
    Free(Index),
    Split(Index, Vec<Index>),
    /// Of the slots that lie within the tensor: all, or so many, and perhaps one more.
    Join(Index, Option<usize>, Option<Index>),
    Signal(usize),
    Wait(usize, Index),
    /// The participant waits for all others.
    WaitForAll(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let index = any::<Index>;
    let by = 0..PARTICIPANTS;
    prop_oneof![
        4 => (index(), by.clone()).prop_map(|(t, by)| Action::Claim(t, by)),
        4 => (index(), by.clone(), any::<bool>()).prop_map(|(t, by, w)| Action::Use(t, by, w)),
        2 => index().prop_map(Action::Free),
        2 => (index(), prop::collection::vec(index(), 0..3))
            .prop_map(|(t, to)| Action::Split(t, to)),
        2 => by.clone().prop_map(Action::Signal),
        2 => (by.clone(), index()).prop_map(|(by, event)| Action::Wait(by, event)),
        3 => (index(), prop::option::weighted(0.2, 0..3usize), prop::option::weighted(0.2, index()))
            .prop_map(|(t, most, also)| Action::Join(t, most, also)),
        1 => by.prop_map(Action::WaitForAll),
    ]
}

/// Offsets and sizes: many pairs overlap, many lie within each other, or some fill another one.
fn tensors() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop_oneof![
        prop::collection::vec((0..8u64, 1..6u64), 1..8),
        Just(vec![(0, 2), (2, 2), (0, 4), (4, 2), (0, 6), (2, 4)]),
    ]
}

/// The pool, and the definition beside it.
struct Both {
    plan: Plan,
    pool: DevicePool<HostDevice>,
    history: StreamHistory,
    slots: Vec<DeviceSlot<HostDevice>>,
    events: Vec<(usize, Event)>,
}

impl Both {
    fn new(tensors: &[(u64, u64)]) -> Self {
        let plan = plan(tensors);
        Self {
            pool: pool(&plan, PARTICIPANTS as u16 - 1),
            plan,
            history: StreamHistory::default(),
            slots: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Fails unless an answer is what the definition says.
    fn judge<T>(
        &self,
        tensor: usize,
        by: usize,
        verdict: &Verdict,
        answer: &Result<T, DeviceSlotError>,
    ) -> Result<(), TestCaseError> {
        let name = |tensor: usize| format!("t{tensor}");
        match (answer, verdict) {
            (Ok(_), Verdict::Allowed) => {}
            (Err(DeviceSlotError::InUse { tensor: of, by }), Verdict::InUse(all)) => {
                prop_assert_eq!(of, &name(tensor));
                prop_assert!(
                    all.iter().any(|&one| by == &name(one)),
                    "{} of {:?}",
                    by,
                    all
                );
            }
            (
                Err(DeviceSlotError::Unordered {
                    tensor: of,
                    stream: asked,
                    after,
                    on,
                }),
                Verdict::Unordered(all),
            ) => {
                prop_assert_eq!((of, *asked), (&name(tensor), stream(by)));
                let mut all = all.iter();
                let is_named =
                    |&(t, p): &(usize, usize)| &name(t) == after && p == participant(*on);
                prop_assert!(all.any(is_named), "{} on {} of {:?}", after, on, verdict);
            }
            _ => {
                let error = answer.as_ref().err();
                prop_assert!(false, "t{}: {:?}, and it is {:?}", tensor, error, verdict);
            }
        }
        Ok(())
    }

    fn claim(&mut self, tensor: usize, by: usize) -> Result<(), TestCaseError> {
        let bytes = self.plan.bytes(id(tensor)).unwrap();
        let verdict = self.history.may_claim(&bytes, by);
        let answer = self.pool.slot(id(tensor), stream(by));
        self.judge(tensor, by, &verdict, &answer)?;
        if let Ok(slot) = answer {
            self.slots.push(slot);
            self.history.claim(tensor, bytes, by);
        }
        Ok(())
    }

    fn use_(&mut self, slot: &Index, by: usize, writes: bool) -> Result<(), TestCaseError> {
        if self.slots.is_empty() {
            return Ok(());
        }
        let slot = slot.get(&self.slots);
        let tensor = slot.tensor().index();
        let verdict = self.history.may_use(tensor, by, writes);
        let answer = match writes {
            true => slot.write_on(stream(by)),
            false => slot.read_on(stream(by)),
        };
        self.judge(tensor, by, &verdict, &answer)?;
        if answer.is_ok() {
            self.history.use_(tensor, by, writes);
        }
        Ok(())
    }

    fn split(&mut self, slot: &Index, to: &[Index]) -> Result<(), TestCaseError> {
        if self.slots.is_empty() {
            return Ok(());
        }
        let slot = self.slots.swap_remove(slot.index(self.slots.len()));
        let from = slot.tensor();
        let to: Vec<TensorId> = to.iter().map(|it| id(it.index(self.plan.len()))).collect();
        let is_right = can_split(&self.plan, from, &to);
        match slot.split_into(&to) {
            Ok(parts) => {
                prop_assert!(is_right);
                prop_assert!(parts.iter().map(DeviceSlot::tensor).eq(to.iter().copied()));
                self.slots.extend(parts);
                let bytes = |&id: &TensorId| (id.index(), self.plan.bytes(id).unwrap());
                let to: Vec<_> = to.iter().map(bytes).collect();
                self.history.pass_on(from.index(), &to);
            }
            Err(refused) => {
                prop_assert!(!is_right, "{}", refused);
                prop_assert_eq!(refused.slot.tensor(), from);
                self.slots.push(refused.slot);
            }
        }
        Ok(())
    }

    fn join(
        &mut self,
        to: usize,
        most: Option<usize>,
        also: Option<&Index>,
    ) -> Result<(), TestCaseError> {
        let whole = self.plan.bytes(id(to)).unwrap();
        let is_part = |slot: &DeviceSlot<HostDevice>| {
            let part = self.plan.bytes(slot.tensor()).unwrap();
            whole.start <= part.start && part.end <= whole.end
        };
        let (mut parts, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.slots)
            .into_iter()
            .partition(is_part);
        others.extend(parts.drain(most.unwrap_or(parts.len()).min(parts.len())..));
        if let Some(also) = also.filter(|_| !others.is_empty()) {
            parts.insert(0, others.swap_remove(also.index(others.len())));
        }
        self.slots = others;
        let from: Vec<TensorId> = parts.iter().map(DeviceSlot::tensor).collect();
        let is_right = can_join(&self.plan, &from, id(to));
        match self.pool.join(id(to), parts) {
            Ok(joined) => {
                prop_assert!(is_right);
                prop_assert_eq!(joined.tensor(), id(to));
                let from: Vec<usize> = from.iter().map(|part| part.index()).collect();
                self.history.join(&from, to, whole);
                self.slots.push(joined);
            }
            Err(refused) => {
                prop_assert!(!is_right, "{}", refused);
                prop_assert!(refused.slots.iter().map(DeviceSlot::tensor).eq(from));
                self.slots.extend(refused.slots);
            }
        }
        Ok(())
    }

    fn signal(&mut self, by: usize) {
        let event = self.pool.signal(stream(by)).unwrap();
        self.events.push((self.history.signal(by), event));
    }

    fn wait(&mut self, by: usize, event: usize) {
        let (step, event) = &self.events[event];
        self.pool.wait(stream(by), event).unwrap();
        self.history.wait(by, *step);
    }

    fn act(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::Claim(tensor, by) => self.claim(tensor.index(self.plan.len()), *by)?,
            Action::Use(slot, by, writes) => self.use_(slot, *by, *writes)?,
            Action::Split(slot, to) => self.split(slot, to)?,
            Action::Free(slot) if !self.slots.is_empty() => {
                let slot = self.slots.swap_remove(slot.index(self.slots.len()));
                self.history.pass_on(slot.tensor().index(), &[]);
                slot.free();
            }
            Action::Signal(by) => self.signal(*by),
            Action::Wait(by, event) if !self.events.is_empty() => {
                self.wait(*by, event.index(self.events.len()));
            }
            Action::Join(tensor, most, also) => {
                self.join(tensor.index(self.plan.len()), *most, also.as_ref())?;
            }
            Action::WaitForAll(by) => {
                for other in 0..PARTICIPANTS {
                    self.signal(other);
                    self.wait(*by, self.events.len() - 1);
                }
            }
            Action::Free(_) | Action::Wait(..) => {}
        }
        let in_use: BTreeSet<usize> = self
            .slots
            .iter()
            .map(|slot| slot.tensor().index())
            .collect();
        let said = (0..self.plan.len()).filter(|&tensor| self.pool.is_in_use(id(tensor)));
        prop_assert_eq!(said.collect::<BTreeSet<usize>>(), in_use);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn uses_are_granted_exactly_when_all_earlier_ones_happen_before(
        tensors in tensors(),
        actions in prop::collection::vec(action(), 0..60),
    ) {
        let mut both = Both::new(&tensors);
        for action in &actions {
            both.act(action)?;
        }
        // After all of them, whoever has waited for everybody can have everything.
        both.slots.clear();
        let events = [0, 1, 2, 3].map(|by| both.pool.signal(stream(by)).unwrap());
        events.iter().for_each(|event| both.pool.wait(stream(1), event).unwrap());
        for tensor in 0..both.plan.len() {
            both.pool.slot(id(tensor), stream(1)).unwrap().free();
        }
    }
}

/// ```text
/// offset   t0 ├── 0..4 ──┤    t1 ├── 2..6 ──┤
/// ```
#[test]
fn a_claim_without_the_wait_names_both_tensors_and_both_streams() {
    let pool = pool(&plan(&[(0, 4), (2, 4)]), 2);
    let [one, two] = [0, 1].map(StreamId::new);
    let t0 = pool.slot(id(0), one).unwrap();
    let refused = pool.slot(id(1), two).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "tensor `t1` shares bytes with `t0`, which is in use"
    );
    let again = pool.slot(id(0), one).unwrap_err();
    assert_eq!(again.to_string(), "tensor `t0` is already in use");
    let early = pool.signal(one).unwrap();
    t0.read_on(one).unwrap();
    t0.free();
    pool.wait(two, &early).unwrap(); // an event before the last use
    assert_eq!(
        pool.slot(id(1), two).unwrap_err().to_string(),
        "tensor `t1` cannot be claimed on stream 1 yet: it shares bytes with `t0`, which stream 0 \
         uses, and stream 1 has not waited for that"
    );
    let late = pool.signal(one).unwrap();
    pool.wait(two, &late).unwrap();
    let t1 = pool.slot(id(1), two).unwrap();
    assert_eq!(
        t1.write_on(StreamId::HOST).unwrap_err().to_string(),
        "tensor `t1` cannot be used on the host yet: stream 1 uses it, and the host has not \
         waited for that"
    );
}

#[test]
fn tensors_and_streams_that_are_not_there_are_refused() {
    let pool = pool(&plan(&[(0, 4), (0, 0)]), 1);
    let missing = pool.slot(TensorId::new(7), StreamId::HOST).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "there is no tensor T7: the plan has 2 tensors, counted from T0"
    );
    let empty = pool.slot(id(1), StreamId::HOST).unwrap_err();
    assert_eq!(
        empty.to_string(),
        "tensor `t1` has no bytes in the plan at any step"
    );
    let stream = StreamId::new(1);
    let unknown = OrderError::UnknownStream { stream, streams: 1 };
    assert_eq!(
        pool.slot(id(0), stream).unwrap_err(),
        DeviceSlotError::Order(unknown)
    );
    assert!(!pool.is_in_use(id(0)) && !pool.is_in_use(TensorId::new(7)));
    let slot = pool.slot(id(0), StreamId::HOST).unwrap();
    let refused = slot.transfer(id(1)).unwrap_err();
    assert_eq!(refused.error, empty);
    assert!(pool.is_in_use(id(0)));
    let refused = refused.slot.split_into(&[id(0), id(0)]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "tensors `t0` and `t0` share bytes, so they cannot both be taken from another tensor"
    );
}

/// ```text
/// offset   t0 ├── 0..2 ──┤t1 ├── 2..4 ──┤     t2 ├──────── 0..4 ────────┤
/// ```
#[test]
fn a_joined_tensor_has_the_uses_of_all_its_parts() {
    let pool = pool(&plan(&[(0, 2), (2, 2), (0, 4)]), 2);
    let [one, two] = [0, 1].map(StreamId::new);
    let parts = vec![
        pool.slot(id(1), two).unwrap(),
        pool.slot(id(0), one).unwrap(),
    ];
    parts[0].read_on(two).unwrap();
    let joined = pool.join(id(2), parts).unwrap();
    assert!(pool.is_in_use(id(2)) && !pool.is_in_use(id(0)) && !pool.is_in_use(id(1)));
    for (by, other) in [(one, two), (two, one)] {
        let refused = joined.read_on(by).unwrap_err();
        let expected = DeviceSlotError::Unordered {
            tensor: "t2".into(),
            stream: by,
            after: "t2".into(),
            on: other,
        };
        assert_eq!(refused, expected);
    }
    pool.wait(one, &pool.signal(two).unwrap()).unwrap();
    joined.write_on(one).unwrap();
    joined.free();
    assert!(pool.slot(id(0), two).is_err());
    pool.slot(id(0), one).unwrap().free();
}

/// Both parts are read on stream 1, and stream 0 waits for the first of these reads only.
#[test]
fn a_joined_tensor_is_written_behind_all_reads_of_its_parts() {
    for order in [[0, 1], [1, 0]] {
        let pool = pool(&plan(&[(0, 2), (2, 2), (0, 4)]), 2);
        let [writer, reader] = [0, 1].map(StreamId::new);
        let parts = order.map(|part| pool.slot(id(part), writer).unwrap());
        pool.wait(reader, &pool.signal(writer).unwrap()).unwrap();
        parts[0].read_on(reader).unwrap();
        pool.wait(writer, &pool.signal(reader).unwrap()).unwrap();
        parts[1].read_on(reader).unwrap();
        let joined = pool.join(id(2), parts.into()).unwrap();
        joined.read_on(writer).unwrap();
        assert!(joined.write_on(writer).is_err());
        pool.wait(writer, &pool.signal(reader).unwrap()).unwrap();
        joined.write_on(writer).unwrap();
    }
}

#[test]
fn tensors_that_do_not_fill_another_are_not_joined_to_it() {
    let plan = plan(&[(0, 2), (2, 2), (0, 4), (3, 2), (8, 0)]);
    let [pool, other] = [pool(&plan, 1), pool(&plan, 1)];
    let refused = |to: usize, slots| {
        let refused = pool.join(id(to), slots).unwrap_err();
        (refused.to_string(), refused.slots)
    };
    let [t0, t1] = [0, 1].map(|tensor| pool.slot(id(tensor), StreamId::HOST).unwrap());
    let (message, mut slots) = refused(2, vec![t0]);
    assert_eq!(
        message,
        "tensor `t2` has 4 bytes, and the tensors to be joined have 2"
    );
    slots.push(other.slot(id(1), StreamId::HOST).unwrap());
    let (message, mut slots) = refused(2, slots);
    assert_eq!(
        message,
        "tensor `t1` has its slot in another pool than `t2`, so it cannot be joined to it"
    );
    slots.truncate(1);
    let (message, _) = refused(3, slots);
    assert_eq!(
        message,
        "tensor `t0` does not lie within `t3`, so it cannot be joined to it"
    );
    let (message, _) = refused(4, Vec::new());
    assert_eq!(message, "tensor `t4` has no bytes in the plan at any step");
    let (message, _) = refused(2, Vec::new());
    assert_eq!(
        message,
        "tensor `t2` has 4 bytes, and the tensors to be joined have 0"
    );
    assert!(pool.is_in_use(id(1)) && !pool.is_in_use(id(0)) && !pool.is_in_use(id(2)));
    t1.free();
}
