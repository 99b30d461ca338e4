//! The ways to allocate in a slot: those that return an error where the bytes are in use, for
//! borrowed and owned slots, pools and the guards of shared pools alike; and the methods of the
//! collections that end the process instead, each in a child process of its own. Pages and examples
//! use none of the latter.

use std::{env, fs, path::Path, sync::Arc};

use allocator_api2::{boxed::Box, vec::Vec};
use orionrt::{
    Arena, Lifetimes, ModelSet, Plan, Planner, Schedule, SharedPool, TensorId, TensorPool,
    slots::SlotError,
};
use orionrt_testing::children::{has_aborted, this_program};

const A: TensorId = TensorId::new(0);
const B: TensorId = TensorId::new(1);
/// Never alive together with the others, so it shares their bytes.
const LATER: TensorId = TensorId::new(2);

fn rows() -> Lifetimes {
    let rows = [
        ("a", 0, 2, 64, 64),
        ("b", 1, 3, 64, 64),
        ("later", 3, 4, 128, 64),
    ];
    Lifetimes::from_rows(rows).unwrap()
}

fn plan() -> Plan {
    Planner::new().plan(&rows()).unwrap()
}

fn arena() -> Arena {
    Arena::builder().capacity(1 << 16).build().unwrap()
}

fn pool() -> Arc<TensorPool<Arena>> {
    Arc::new(TensorPool::new(arena(), &plan()).unwrap())
}

/// What every form says while `a` is alive: of `a` itself, and of a tensor that shares its bytes.
fn refusals<T>(of: impl Fn(TensorId) -> Result<T, SlotError>) -> [String; 2] {
    [A, LATER].map(|id| of(id).err().expect("in use").to_string())
}

const IN_USE: [&str; 2] = [
    "tensor 'a' is already allocated",
    "tensor 'later' shares bytes with 'a', which is alive",
];

/// Elements for the whole of a tensor.
fn elements(id: TensorId) -> std::vec::Vec<u8> {
    vec![7; if id == LATER { 128 } else { 64 }]
}

#[test]
fn every_form_of_a_pool_names_the_tensors_in_the_way() {
    let pool = pool();
    let a = pool.copied_from(A, &elements(A)).unwrap();
    assert_eq!(*a, [7; 64]);
    assert_eq!(refusals(|id| pool.vec::<u8>(id, 10)), IN_USE);
    assert_eq!(refusals(|id| pool.filled(id, 1u8)), IN_USE);
    assert_eq!(refusals(|id| pool.uninit::<u8>(id)), IN_USE);
    assert_eq!(refusals(|id| pool.copied_from(id, &elements(id))), IN_USE);
    let b = pool.copied_from(B, &a).unwrap();
    drop(a);
    assert_eq!(*b, [7; 64]);
    assert!(pool.vec::<u8>(A, 64).is_ok());
}

#[test]
fn every_form_of_a_borrowed_or_owned_slot_names_the_tensors_in_the_way() {
    let pool = pool();
    let mut a = pool.owned_slot(A).unwrap().vec::<u8>(64).unwrap();
    a.extend([7; 64]);
    let borrowed = |id| pool.slot(id).unwrap();
    assert_eq!(refusals(|id| borrowed(id).vec::<u8>(10)), IN_USE);
    assert_eq!(refusals(|id| borrowed(id).filled(1u8)), IN_USE);
    assert_eq!(refusals(|id| borrowed(id).uninit::<u8>()), IN_USE);
    assert_eq!(
        refusals(|id| borrowed(id).copied_from(&elements(id))),
        IN_USE
    );
    let owned = |id| pool.owned_slot(id).unwrap();
    assert_eq!(refusals(|id| owned(id).vec::<u8>(10)), IN_USE);
    assert_eq!(refusals(|id| owned(id).filled(1u8)), IN_USE);
    assert_eq!(refusals(|id| owned(id).uninit::<u8>()), IN_USE);
    assert_eq!(refusals(|id| owned(id).copied_from(&elements(id))), IN_USE);
    let copy = owned(B).copied_from(&a).unwrap();
    let sum = std::thread::spawn(move || copy.iter().map(|&x| u32::from(x)).sum::<u32>());
    assert_eq!(sum.join().unwrap(), 7 * 64);
    assert_eq!(*a, [7; 64]);
}

#[test]
fn every_form_of_a_shared_pool_names_the_tensors_in_the_way() {
    let mut models = ModelSet::new();
    let model = models.add("m", rows()).unwrap();
    let shared = models.plan(&Schedule::OneAtATime, &Planner::new()).unwrap();
    let pool = SharedPool::new(arena(), &shared).unwrap();
    let guard = pool.activate(model).unwrap();
    let a = guard.copied_from(A, &elements(A)).unwrap();
    let says = |refusals: [String; 2]| {
        for refusal in refusals {
            assert!(refusal.contains("is already allocated") || refusal.contains("which is alive"));
        }
    };
    says(refusals(|id| guard.vec::<u8>(id, 10)));
    says(refusals(|id| guard.filled(id, 1u8)));
    says(refusals(|id| guard.uninit::<u8>(id)));
    says(refusals(|id| guard.copied_from(id, &elements(id))));
    says(refusals(|id| guard.owned_slot(id).unwrap().vec::<u8>(10)));
    says(refusals(|id| {
        guard.owned_slot(id).unwrap().copied_from(&elements(id))
    }));
    assert_eq!(*guard.copied_from(B, &a).unwrap(), [7; 64]);
}

#[test]
fn what_does_not_fit_says_how_much_is_missing() {
    let pool = pool();
    let refused = |capacity| pool.vec::<u32>(A, capacity).unwrap_err();
    let too_large = |needed| SlotError::TooLarge {
        name: "a".into(),
        needed,
        planned: 64,
    };
    assert_eq!(refused(17), too_large(68));
    assert_eq!(refused(usize::MAX), too_large(usize::MAX));
    assert_eq!(pool.vec::<u32>(A, 16).unwrap().capacity(), 16);
    assert_eq!(pool.vec::<u32>(A, 0).unwrap().capacity(), 0);
    let other = pool.copied_from(A, &[1u32; 15]).unwrap_err();
    assert_eq!(
        other.to_string(),
        "tensor 'a' has 16 elements, but 15 are given"
    );
    #[derive(Clone, Copy, Debug)]
    #[repr(align(4096))]
    struct Strict;
    assert_eq!(size_of::<Strict>(), 0);
    assert!(pool.vec::<Strict>(A, 5).is_ok(), "it takes no bytes");
}

#[test]
fn with_fallback_only_a_full_arena_refuses_what_does_not_fit() {
    let pool = TensorPool::with_fallback(arena(), &plan()).unwrap();
    let large = pool.vec::<u8>(A, 1000).unwrap();
    assert!(!pool.is_live(A) && large.capacity() >= 1000);
    let refused = pool.vec::<u8>(A, 1 << 20).unwrap_err();
    let expected = SlotError::OutOfMemory {
        name: "a".into(),
        needed: 1 << 20,
    };
    assert_eq!(refused, expected);
    let _a = pool.filled(A, 1u8).unwrap();
    assert!(matches!(
        pool.vec::<u8>(A, 64),
        Err(SlotError::InUse { .. })
    ));
}

/// Names the form that a child uses.
const CHILD: &str = "ORIONRT_TEST_SLOT_FORM";

/// Every method that the documentation of `Slot` says ends the process, and ones that do not.
const FORMS: [(&str, bool); 8] = [
    ("with_capacity_in on a slot in use", true),
    ("with_capacity_in on a slot that shares bytes", true),
    ("Box::new_in on a slot in use", true),
    ("clone of a Vec", true),
    ("clone of a Box", true),
    ("push beyond the planned bytes", true),
    ("push within the planned bytes", false),
    ("try_reserve beyond the planned bytes", false),
];

fn use_form(form: &str) {
    let pool = pool();
    let slot = |id| pool.slot(id).unwrap();
    let mut a = slot(A).vec::<u8>(64).unwrap();
    match form {
        "with_capacity_in on a slot in use" => drop(Vec::<u8, _>::with_capacity_in(1, slot(A))),
        "with_capacity_in on a slot that shares bytes" => {
            drop(Vec::<u8, _>::with_capacity_in(1, slot(LATER)));
        }
        "Box::new_in on a slot in use" => drop(Box::new_in(1u8, slot(A))),
        "clone of a Vec" => {
            a.push(1);
            drop(a.clone());
        }
        "clone of a Box" => {
            a.push(1);
            let a = a.into_boxed_slice();
            drop(a.clone());
        }
        "push beyond the planned bytes" => (0..65).for_each(|byte| a.push(byte)),
        "push within the planned bytes" => (0..64).for_each(|byte| a.push(byte)),
        "try_reserve beyond the planned bytes" => assert!(a.try_reserve(65).is_err()),
        other => panic!("{other}"),
    }
}

#[test]
fn the_process_ends_in_the_documented_forms_alone() {
    if let Ok(form) = env::var(CHILD) {
        return use_form(&form);
    }
    for (form, ends) in FORMS {
        let mut child = this_program();
        child.args(["--exact", "the_process_ends_in_the_documented_forms_alone"]);
        let output = child.env(CHILD, form).output().expect("a child");
        // A test that fails ends its process otherwise.
        let (ended, status) = (has_aborted(output.status), output.status);
        assert_eq!(
            (ended, status.success()),
            (ends, !ends),
            "{form}: {output:?}"
        );
    }
}

/// Where a text gives a slot to a constructor of a collection, which ends the process if the slot
/// refuses: `Vec::with_capacity_in(n, pool.slot(x)?)`.
fn constructor_on_a_slot(text: &str) -> Option<&str> {
    let statements = text.split([';', '{', '}']);
    let mut statements = statements.filter_map(|statement| {
        let call = ["with_capacity_in(", "new_in("]
            .iter()
            .find_map(|name| statement.find(name));
        call.map(|at| &statement[at..])
    });
    statements.find(|call| call.contains("slot(") || call.contains("slot)"))
}

#[test]
fn a_constructor_on_a_slot_is_found() {
    for text in [
        "let v = Vec::with_capacity_in(3,\n    pool.slot(x)?);",
        "let s = pool.slot(x)?; let b = Box::new_in(1u8, slot);",
    ] {
        assert!(constructor_on_a_slot(text).is_some(), "{text}");
    }
    assert_eq!(
        constructor_on_a_slot("Vec::new_in(&arena); pool.slot(x)"),
        None
    );
}

#[test]
fn pages_and_examples_use_the_forms_that_return_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    for folder in ["docs", "examples"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        files.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let is_text = |path: &Path| {
        path.extension()
            .is_some_and(|end| end == "md" || end == "rs")
    };
    files.retain(|path| is_text(path));
    assert!(files.len() > 10);
    for path in files {
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(constructor_on_a_slot(&text), None, "{}", path.display());
    }
}

#[test]
fn what_is_printed_of_a_slot_names_its_tensor() {
    let pool = pool();
    let text = format!("{:?}", pool.slot(A).unwrap());
    assert!(text.contains("\"a\"") && !text.contains("T0"), "{text}");
}
