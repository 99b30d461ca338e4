//! Interleavings of threads that write a recording, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p orionrt-recording --test loom`.
//!
//! Two threads claim chunks and write events while a third one reads the memory. The model fails if
//! two threads get one chunk, or if what is in use includes an event that is not whole.
//!
//! Threads ask for numbers of stacks while one opens the table, in memory that had other stacks
//! before. The models fail if a number is new to no caller or to two, or is that of two stacks.
#![cfg(loom)]

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use orionrt_recording::{Event, Kind, StackHash, StackNumbers, Start, Writer, words_for};

fn event(thread: u32, at: u64) -> Event {
    Event {
        ticks: at,
        kind: Kind::Allocate,
        alignment: 16,
        address: u64::from(thread) + 1,
        size: at + 1,
    }
}

#[test]
fn chunks_have_one_writer_and_counts_cover_whole_events() {
    loom::model(|| {
        let memory: Arc<Vec<AtomicU64>> =
            Arc::new((0..words_for(2)).map(|_| AtomicU64::new(0)).collect());
        assert!(Writer::begin(&memory, &Start::default()).is_some());
        let write = |thread: u32| {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let writer = Writer::attach(&memory).expect("it was begun");
                let claim = writer.claim().expect("one for each");
                let mut chunk = writer.open(claim, thread, 0).expect("it is there");
                assert!(chunk.push(&event(thread, 0)));
                claim
            })
        };
        let writers = [write(0), write(1)];
        for index in 0..2 {
            let chunk = &memory[words_for(index)..];
            // An address that is no multiple of 16 makes an event of three words.
            let used = chunk[1].load(Ordering::Acquire);
            for at in 0..used as usize / 3 {
                let words: Vec<u64> = (0..3)
                    .map(|word| chunk[3 + at * 3 + word].load(Ordering::Relaxed))
                    .collect();
                assert!(words.iter().all(|&word| word != 0), "{words:?}");
            }
        }
        let [one, other] = writers.map(|writer| writer.join().expect("it ends"));
        assert_ne!(one, other);
    });
}

/// What a thread got for the hash of a stack.
type Got = (u64, Option<(u32, bool)>);

/// Fails unless each number that was given is that of one hash, and was new to one caller.
fn check_numbers(all: &[Got]) {
    for &(hash, got) in all {
        let Some((number, _)) = got else { continue };
        let of_number = all
            .iter()
            .filter(|(_, got)| got.is_some_and(|(n, _)| n == number));
        let of_number: Vec<&Got> = of_number.collect();
        assert!(of_number.iter().all(|(other, _)| *other == hash), "{all:?}");
        let new = of_number
            .iter()
            .filter(|(_, got)| got.is_some_and(|(_, is_new)| is_new));
        assert_eq!(new.count(), 1, "{all:?}");
    }
}

/// A table of two places, with these words.
fn table(words: [u64; 3]) -> Arc<Vec<AtomicU64>> {
    Arc::new(words.into_iter().map(AtomicU64::new).collect())
}

fn numbers(words: &[AtomicU64]) -> StackNumbers<'_> {
    StackNumbers::over(words).expect("two places")
}

/// The number of the stack with this hash.
fn number_of(words: &[AtomicU64], hash: u64) -> Option<(u32, bool)> {
    numbers(words).number_of(StackHash::from_bits(hash))
}

/// A thread that asks for the numbers of these hashes.
fn ask(words: &Arc<Vec<AtomicU64>>, hashes: [u64; 2]) -> thread::JoinHandle<[Got; 2]> {
    let words = Arc::clone(words);
    thread::spawn(move || hashes.map(|hash| (hash, number_of(&words, hash))))
}

#[test]
fn a_number_of_a_stack_is_new_once_and_is_that_of_one_stack() {
    loom::model(|| {
        // Both hashes are at home in the first place.
        let words = table([0, 0, 1]);
        let threads = [[2, 4], [4, 2]].map(|hashes| ask(&words, hashes));
        let all = threads
            .map(|thread| thread.join().expect("it ends"))
            .concat();
        assert!(all.iter().all(|(_, got)| got.is_some()));
        check_numbers(&all);
        assert_eq!(numbers(&words).len(), 2);
    });
}

#[test]
fn a_stack_from_before_a_table_was_opened_is_new() {
    loom::model(|| {
        // As a child has it while it clears its parent's table: the last word is 0, and a stack of
        // the parent's is still there. Nobody asks before: who has a chunk of the child's recording
        // has it from the thread that began that, by emptying the table.
        let words = table([2, 0, 0]);
        let asking = ask(&words, [2, 2]);
        words[0].store(0, Ordering::Relaxed);
        numbers(&words).open();
        check_numbers(&asking.join().expect("it ends"));
    });
}

#[test]
fn a_number_that_was_given_up_is_not_given_again() {
    loom::model(|| {
        let words = table([0, 0, 1]);
        let first = number_of(&words, 2);
        assert_eq!(first, Some((0, true)));
        let asking = ask(&words, [2, 2]);
        numbers(&words).give_up(0);
        let all = asking.join().expect("it ends");
        // The number of before, or one that is new.
        let later: Vec<Got> = (all.into_iter())
            .filter(|(_, got)| got.is_some_and(|(number, _)| number != 0))
            .collect();
        check_numbers(&later);
        let other = number_of(&words, 4);
        assert_ne!(other.map(|(number, _)| number), Some(0));
    });
}
