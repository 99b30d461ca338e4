//! Interleavings of loans, also in the child of a `fork`, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_lend`.
//!
//! Whoever lends or borrows writes to a cell that stands for the memory. Loom fails the model if
//! two threads use the cell at a time, or if one sees what the other wrote without having
//! synchronised with it. So a weaker ordering in `lend.rs` fails here, too.
#![cfg(loom)]

use loom::{cell::UnsafeCell, sync::Arc, thread};
use orionrt::model::{Loan, ScopedLend, begin, fork};

/// Runs a model; each interleaving starts in the first process.
fn model(run: impl Fn() + Sync + Send + 'static) {
    loom::model(move || {
        begin();
        run();
    });
}

/// A value that is lent; the cell stands for its memory.
#[derive(Debug)]
struct Lent {
    cell: UnsafeCell<u32>,
}

// SAFETY: loom checks how the cell is used.
unsafe impl Sync for Lent {}
// SAFETY: as above.
unsafe impl Send for Lent {}

impl Lent {
    fn new() -> Self {
        Self {
            cell: UnsafeCell::new(0),
        }
    }

    /// Writes to the memory, and returns what was there: to be called by its only user.
    fn add(&self, more: u32) -> u32 {
        // SAFETY: loom checks that nobody else uses it.
        self.cell.with_mut(|value| unsafe {
            *value += more;
            *value
        })
    }
}

/// Uses what is lent, if anything is.
fn borrow_once(lend: &ScopedLend<Lent>) {
    if let Some(lent) = lend.borrow() {
        lent.add(1);
    }
}

/// Lends a value of its own, if nothing else is lent, and uses it before and after the loan.
/// Returns whether it was lent.
fn lend_once(lend: &ScopedLend<Lent>) -> bool {
    let lent = Lent::new();
    lent.add(1);
    // SAFETY: `lent` outlives the loan, which ends below.
    let loan = unsafe { lend.lend(&lent) };
    let is_lent = loan.is_some();
    if let Some(loan) = loan {
        lend.end(loan);
    }
    assert!((1..=2).contains(&lent.add(0)));
    is_lent
}

#[test]
fn borrowers_use_what_is_lent_only_until_the_loan_ends() {
    model(|| {
        let lend = Arc::new(ScopedLend::new());
        let other = Arc::clone(&lend);
        let borrower = thread::spawn(move || borrow_once(&other));
        assert!(lend_once(&lend));
        borrower.join().unwrap();
    });
}

#[test]
fn two_owners_never_lend_at_once() {
    model(|| {
        let shared = Arc::new(ScopedLend::new());
        let lend = |shared: &ScopedLend<Lent>, lent: &Lent| {
            // SAFETY: `lent` outlives the loan, which ends below.
            if let Some(loan) = unsafe { shared.lend(lent) } {
                let borrowed = shared.borrow();
                assert!(borrowed.is_some_and(|borrowed| core::ptr::eq(&*borrowed, lent)));
                shared.end(loan);
            }
        };
        let others = Arc::clone(&shared);
        let other = thread::spawn(move || lend(&others, &Lent::new()));
        lend(&shared, &Lent::new());
        other.join().unwrap();
    });
}

/// What the owner of a loan has in the child of a `fork`: the loan, and a word that says that two
/// threads borrow. One of them is the owner itself.
struct Forked {
    lend: Arc<ScopedLend<Lent>>,
    lent: Arc<Lent>,
    loan: Loan<Lent>,
}

impl Forked {
    fn new() -> Self {
        let (lend, lent) = (Arc::new(ScopedLend::new()), Arc::new(Lent::new()));
        // SAFETY: every model keeps the value until it has ended the loan.
        let loan = unsafe { lend.lend(&*lent) }.unwrap();
        core::mem::forget(lend.borrow());
        Self { lend, lent, loan }
    }

    fn spawn<R: 'static>(&self, work: fn(&ScopedLend<Lent>) -> R) -> thread::JoinHandle<R> {
        let lend = Arc::clone(&self.lend);
        thread::spawn(move || work(&lend))
    }
}

/// The child ends the loan that it has from its parent, while its own threads lend and borrow: they
/// neither lose their loan nor wait for the parent's borrowers.
#[test]
fn the_loan_of_a_parent_ends_no_loan_of_the_child() {
    model(|| {
        let forked = Forked::new();
        fork();
        let threads = [
            forked.spawn(|lend| assert!(lend_once(lend))),
            forked.spawn(borrow_once),
        ];
        forked.lend.end(forked.loan);
        forked.lent.add(1);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(!forked.lend.looks_lent() && lend_once(&forked.lend));
    });
}

/// A thread that forks while it borrows gives nothing back in the child: there, the word counts
/// other borrowers.
#[test]
fn a_borrower_of_the_parent_is_none_of_the_child() {
    model(|| {
        let forked = Forked::new();
        let borrowed = forked.lend.borrow();
        assert!(borrowed.is_some());
        fork();
        let threads = [
            forked.spawn(|lend| assert!(lend_once(lend))),
            forked.spawn(borrow_once),
        ];
        drop(borrowed);
        for thread in threads {
            thread.join().unwrap();
        }
        forked.lend.end(forked.loan);
        assert!(!forked.lend.looks_lent() && lend_once(&forked.lend));
    });
}

/// Two threads of the child lend after each other, or one of them is refused: the parent's word
/// lets both try, and only one succeed.
#[test]
fn two_threads_of_a_child_never_lend_at_once() {
    model(|| {
        let forked = Forked::new();
        fork();
        let other = forked.spawn(lend_once);
        let own = lend_once(&forked.lend);
        let others = other.join().unwrap();
        assert!(own || others);
        forked.lend.end(forked.loan);
        assert!(lend_once(&forked.lend));
    });
}

/// What the parent left OPEN is free in the child as soon as one thread has tried to borrow it,
/// unless another has lent something else by then.
#[test]
fn a_word_that_the_parent_left_open_is_freed_by_a_borrower() {
    model(|| {
        let forked = Forked::new();
        assert!(forked.lend.looks_lent());
        fork();
        let other = forked.spawn(|lend| assert!(lend_once(lend)));
        borrow_once(&forked.lend);
        other.join().unwrap();
        assert!(!forked.lend.looks_lent() && forked.lend.borrow().is_none());
        forked.lend.end(forked.loan);
        assert!(lend_once(&forked.lend));
    });
}

/// A borrower alone frees the word.
#[test]
fn a_child_that_only_borrows_looks_lent_no_more() {
    model(|| {
        let forked = Forked::new();
        fork();
        assert!(forked.lend.borrow().is_none() && !forked.lend.looks_lent());
    });
}

#[test]
fn every_model_starts_in_the_first_process() {
    for _ in 0..2 {
        model(|| {
            let forked = Forked::new();
            let loan = format!("{:?}", forked.loan);
            assert!(loan.contains("generation: 0,"), "{loan}");
            fork();
        });
    }
}
