//! `OrionAlloc` as this test program's global allocator: everything here runs on it, the test
//! harness included.
//!
//! Its first zone is small, so that it must grow; threads outnumber the cores; blocks are freed by
//! other threads, and while threads exit.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::RefCell,
    collections::BTreeMap,
    sync::mpsc,
    thread,
};

use orionrt::OrionAlloc;

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new().with_first_zone(1 << 20);

#[test]
fn the_heap_grows_past_its_first_zone() {
    let large: Vec<Vec<u8>> = (0..20).map(|i| vec![i; 3 << 20]).collect();
    assert!(ALLOC.stats().reserved_bytes > 60 << 20);
    for (i, block) in large.iter().enumerate() {
        assert!(block.iter().step_by(1000).all(|&byte| byte == i as u8));
    }
    drop(large);
    ALLOC.purge();
    assert!(ALLOC.stats().resident_bytes < 30 << 20);
    assert!(
        vec![0u8; 10 << 20]
            .iter()
            .step_by(4096)
            .all(|&byte| byte == 0)
    );
}

#[test]
fn blocks_may_be_freed_by_other_threads_than_allocated_them() {
    let (send, receive) = mpsc::channel::<(u8, Vec<u8>)>();
    let threads: Vec<_> = (0..16u8)
        .map(|mark| {
            let send = send.clone();
            thread::spawn(move || {
                let mut kept = Vec::new();
                for round in 0..2000usize {
                    let block = vec![mark; 1 + (round * 131) % 6000];
                    match round % 3 {
                        0 => send.send((mark, block)).unwrap(),
                        1 => kept.push(block),
                        _ => drop(kept.pop()),
                    }
                }
                assert!(kept.iter().flatten().all(|&byte| byte == mark));
            })
        })
        .collect();
    drop(send);
    let mut received = 0;
    for (mark, block) in receive {
        assert!(block.iter().all(|&byte| byte == mark));
        received += 1;
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(received, 16 * 667);
}

#[test]
fn threads_may_free_blocks_while_they_exit() {
    thread_local! {
        static KEPT: RefCell<BTreeMap<usize, String>> = const { RefCell::new(BTreeMap::new()) };
    }
    for round in 0..200 {
        thread::spawn(move || {
            KEPT.with_borrow_mut(|kept| kept.extend((0..20).map(|i| (i, "x".repeat(round + i)))));
        })
        .join()
        .unwrap();
    }
}

#[test]
fn destructors_of_thread_locals_may_allocate() {
    struct AtExit(Vec<String>, mpsc::Sender<usize>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            let longer = self.0.iter().map(|text| text.repeat(50));
            let longer: BTreeMap<_, _> = longer.zip(0..).collect();
            let bytes = longer.keys().map(String::len).sum();
            self.0.clear();
            self.1.send(bytes).unwrap();
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<AtExit>> = const { RefCell::new(None) };
        static SECOND: RefCell<Option<AtExit>> = const { RefCell::new(None) };
    }
    for _ in 0..50 {
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || {
            for local in [&FIRST, &SECOND] {
                let texts = (100..400).map(|len| "x".repeat(len)).collect();
                local.set(Some(AtExit(texts, send.clone())));
            }
        });
        thread.join().unwrap();
        let bytes = 50 * (100..400).sum::<usize>();
        assert_eq!(receive.iter().collect::<Vec<_>>(), [bytes, bytes]);
    }
}

#[test]
fn a_resized_block_keeps_its_contents_and_alignment() {
    let mut layout = Layout::from_size_align(10, 256).unwrap();
    // SAFETY: one block, always passed on with its current layout; its bytes are written before
    // they are read.
    unsafe {
        let mut block = ALLOC.alloc(layout);
        block.write_bytes(7, 10);
        for size in [100, 5000, 200_000, 3_000_000, 64, 10] {
            let kept = layout.size().min(size);
            block = ALLOC.realloc(block, layout, size);
            layout = Layout::from_size_align(size, 256).unwrap();
            assert_eq!(block.addr() % 256, 0);
            let bytes = std::slice::from_raw_parts(block, kept);
            assert!(bytes.iter().all(|&byte| byte == 7));
            block.write_bytes(7, size);
        }
        ALLOC.dealloc(block, layout);
    }
}

#[test]
fn a_request_that_cannot_be_served_returns_null() {
    const TOO_LARGE: usize = isize::MAX as usize - 4095;
    for align in [1, 64] {
        let layout = Layout::from_size_align(TOO_LARGE, align).unwrap();
        // SAFETY: the size is not zero.
        assert!(unsafe { ALLOC.alloc(layout) }.is_null());
    }
    assert!(Vec::<u8>::new().try_reserve(TOO_LARGE).is_err());
    assert!(ALLOC.stats().failures >= 3);
    let ordinary = [1u8; 100];
    assert_eq!(ordinary.len(), 100);
}
