//! An observer is told of every call. It is told `reused` of a block only if other threads were
//! done with the block before this thread called the observer by another function for the last
//! time.
#![cfg(target_os = "linux")]

use std::{
    collections::HashMap,
    sync::{Barrier, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

use orionrt_alloc::{Malloc, Observer, OrionAlloc, heap::HeapStats};

static MALLOC: Malloc = Malloc::new(OrionAlloc::new().observed()).observed_by(&Log);

static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// What the observer was told so far. Calls are numbered as they come.
#[derive(Default)]
struct Seen {
    calls: u64,
    /// The call by which each address was released last.
    released: HashMap<usize, u64>,
    /// The last call of each thread that was not of a reused block.
    told: HashMap<ThreadId, u64>,
    allocated: u64,
    reused: u64,
    frees: u64,
    /// Reused blocks that another thread had released since.
    early: u64,
}

impl Seen {
    fn tell(&mut self) {
        self.calls += 1;
        self.told.insert(thread::current().id(), self.calls);
    }
}

struct Log;

impl Log {
    fn with<R>(f: impl FnOnce(&mut Seen) -> R) -> R {
        let mut seen: MutexGuard<Option<Seen>> = SEEN.lock().expect("nobody has panicked");
        f(seen.get_or_insert_default())
    }
}

impl Observer for Log {
    fn allocated(&self, _: *mut u8, _: usize, _: usize, _: &dyn Fn() -> HeapStats) {
        Log::with(|seen| {
            seen.tell();
            seen.allocated += 1;
        });
    }

    fn reused(&self, block: *mut u8, _: usize, _: usize, _: &dyn Fn() -> HeapStats) {
        Log::with(|seen| {
            seen.reused += 1;
            let told = seen.told.get(&thread::current().id()).copied();
            let released = seen.released.get(&block.addr()).copied();
            // Said at the end: threads wait for each other.
            seen.early += u64::from(released > told);
        });
    }

    fn frees(&self, block: *mut u8) {
        Log::with(|seen| {
            seen.tell();
            seen.frees += 1;
            seen.released.insert(block.addr(), seen.calls);
        });
    }

    fn resizes(&self, block: *mut u8, _: usize) {
        Log::with(|seen| {
            seen.tell();
            seen.released.insert(block.addr(), seen.calls);
        });
    }

    fn resized(&self, _: *mut u8, _: usize) {
        Log::with(Seen::tell);
    }
}

const THREADS: u64 = 4;
const STEPS: u64 = 4_000;

/// Allocates blocks, and frees those that any thread has left. No thread is far ahead of another.
fn work(number: u64, left: &Mutex<Vec<usize>>, all: &Barrier) {
    for step in 0..STEPS {
        if step % 10 == 0 {
            all.wait();
        }
        let size = [24, 100, 1000, 9000, 40_000][(step * 7 % 5) as usize];
        let block = MALLOC.allocate(size);
        assert!(!block.is_null());
        let mut left = left.lock().expect("nobody has panicked");
        left.push(block.expose_provenance());
        // Two threads take from what all share, and two give back there, in turns.
        let many = if (step / 100 + number) % 2 == 0 { 3 } else { 0 };
        let free: Vec<usize> = (0..many)
            .filter_map(|turn| {
                let at = (step * 31 + turn) as usize % left.len().max(1);
                (left.len() > 20).then(|| left.swap_remove(at))
            })
            .collect();
        drop(left);
        for (turn, block) in free.into_iter().enumerate() {
            let block = std::ptr::with_exposed_provenance_mut(block);
            // SAFETY: a live block, which was taken from the list by this thread alone.
            unsafe {
                let moved = match turn {
                    2 => MALLOC.reallocate(block, 3 * size),
                    _ => block,
                };
                MALLOC.free(moved);
            }
        }
    }
}

#[test]
fn a_reused_block_was_nobody_elses_since_the_thread_was_last_told_of_another() {
    let (left, all) = (Mutex::new(Vec::new()), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (left, all) = (&left, &all);
            scope.spawn(move || work(number, left, all));
        }
    });
    let rest = left.into_inner().expect("nobody has panicked");
    Log::with(|seen| {
        assert_eq!(seen.allocated + seen.reused, THREADS * STEPS);
        assert_eq!(seen.frees + rest.len() as u64, THREADS * STEPS);
        assert_eq!(seen.early, 0);
        assert!(
            seen.reused > 1000 && seen.allocated > 1000,
            "{}",
            seen.reused
        );
    });
}
