//! A conflict of claims is refused on the device as on the host: the same requests, on one stream
//! here and of a `TensorPool` there, get the same answers.

use orionrt::{
    Arena, TensorPool,
    slots::{Slot, SlotBox, SlotError},
};
use orionrt_devices::{DeviceSlot, DeviceSlotError, HostDevice, StreamId};
use orionrt_plan::TensorId;
use proptest::{prelude::*, sample::Index};

use crate::plans::{id, plan, pool};

/// What is done next; tensors are chosen among those that there are.
#[derive(Clone, Debug)]
enum Action {
    Claim(Index),
    Free(Index),
    Split(Index, Vec<Index>),
    /// Of the tensors that lie within this one, all but so many.
    Join(Index, usize),
}

fn action() -> impl Strategy<Value = Action> {
    let index = any::<Index>;
    prop_oneof![
        4 => index().prop_map(Action::Claim),
        2 => index().prop_map(Action::Free),
        2 => (index(), prop::collection::vec(index(), 0..3))
            .prop_map(|(t, to)| Action::Split(t, to)),
        3 => (index(), prop::sample::select(vec![0, 0, 0, 1]))
            .prop_map(|(t, without)| Action::Join(t, without)),
    ]
}

/// A tensor on the device and on the host.
type Pair<'p> = (DeviceSlot<HostDevice>, SlotBox<u8, &'p TensorPool<Arena>>);

/// Fails unless two errors say the same; a conflict may be shown by another tensor in the way.
fn same(
    host: &TensorPool<Arena>,
    asked: TensorId,
    on_device: &DeviceSlotError,
    on_host: &SlotError,
) -> Result<(), TestCaseError> {
    let find = |name: &str| host.plan().lifetimes().find(name).unwrap();
    match (on_device, on_host) {
        (DeviceSlotError::InUse { tensor, by }, SlotError::InUse { name, by: Some(_) }) => {
            prop_assert_eq!(tensor, name);
            let [own, other] = [asked, find(by)].map(|id| host.plan().bytes(id).unwrap());
            prop_assert!(host.is_live(find(by)), "{} is not in use", by);
            prop_assert!(own.start.max(other.start) < own.end.min(other.end));
        }
        (DeviceSlotError::NotWithin { tensor, of }, SlotError::NotWithin { name, of: whole }) => {
            prop_assert_eq!((tensor, of), (name, whole))
        }
        (DeviceSlotError::Overlap { tensor, .. }, SlotError::InUse { name, by: None }) => {
            let [one, other] = [tensor, name].map(|it| host.plan().bytes(find(it)).unwrap());
            prop_assert!(one.start.max(other.start) < one.end.min(other.end));
        }
        (DeviceSlotError::NotPart { tensor, of }, SlotError::NotPart { name, of: whole }) => {
            prop_assert_eq!((tensor, of), (name, whole))
        }
        (
            DeviceSlotError::NotFilled {
                tensor,
                bytes,
                filled,
            },
            SlotError::NotFilled {
                name,
                bytes: size,
                filled: parts,
            },
        ) => {
            prop_assert_eq!(
                (tensor, *bytes, *filled),
                (name, *size as u64, *parts as u64)
            );
        }
        _ => prop_assert!(
            false,
            "`{on_device}` on the device, `{on_host}` on the host"
        ),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn claims_on_one_stream_are_answered_as_those_of_host_memory(
        tensors in prop::collection::vec((0..8u64, 1..6u64), 1..8),
        actions in prop::collection::vec(action(), 0..50),
    ) {
        let plan = plan(&tensors);
        let device = pool(&plan, 1);
        let arena = Arena::builder().capacity(1 << 16).build().unwrap();
        let host = TensorPool::new(arena, &plan).unwrap();
        let mut live: Vec<Pair<'_>> = Vec::new();
        for action in actions {
            match action {
                Action::Claim(tensor) => {
                    let tensor = id(tensor.index(plan.len()));
                    let here = device.slot(tensor, StreamId::new(0));
                    match (here, host.filled(tensor, 0u8)) {
                        (Ok(here), Ok(there)) => live.push((here, there)),
                        (Err(here), Err(there)) => same(&host, tensor, &here, &there)?,
                        (here, there) => prop_assert!(false, "{here:?}, {there:?}"),
                    }
                }
                Action::Free(which) if !live.is_empty() => {
                    drop(live.swap_remove(which.index(live.len())));
                }
                Action::Split(which, to) if !live.is_empty() => {
                    let (here, there) = live.swap_remove(which.index(live.len()));
                    let whole = here.tensor();
                    let to: Vec<_> = to.iter().map(|it| id(it.index(plan.len()))).collect();
                    match (here.split_into(&to), Slot::split_into(there, &to)) {
                        (Ok(here), Ok(there)) => live.extend(here.into_iter().zip(there)),
                        (Err(here), Err(there)) => {
                            same(&host, whole, &here.error, &there.error)?;
                            live.push((here.slot, there.tensor));
                        }
                        (here, there) => prop_assert!(false, "{here:?}, {there:?}"),
                    }
                }
                Action::Free(_) | Action::Split(..) => {}
                Action::Join(to, without) => {
                    let to = id(to.index(plan.len()));
                    let whole = plan.bytes(to).unwrap();
                    let lies_within = |pair: &Pair<'_>| {
                        let part = plan.bytes(pair.0.tensor()).unwrap();
                        whole.start <= part.start && part.end <= whole.end
                    };
                    let (mut parts, mut others): (Vec<_>, Vec<_>) =
                        live.into_iter().partition(lies_within);
                    others.extend(parts.drain(parts.len() - without.min(parts.len())..));
                    // A tensor that does not lie within it, now and then.
                    if without > 0 {
                        parts.extend(others.pop());
                    }
                    live = others;
                    let (here, there) = parts.into_iter().unzip();
                    match (device.join(to, here), host.slot(to).map(|slot| slot.join(there))) {
                        (Ok(here), Ok(Ok(there))) => live.push((here, there)),
                        (Err(here), Ok(Err(there))) => {
                            same(&host, to, &here.error, &there.error)?;
                            live.extend(here.slots.into_iter().zip(there.tensors));
                        }
                        (here, there) => prop_assert!(false, "{here:?}, {there:?}"),
                    }
                }
            }
            for tensor in (0..plan.len()).map(id) {
                prop_assert_eq!(device.is_in_use(tensor), host.is_live(tensor), "{}", tensor);
            }
        }
    }
}
