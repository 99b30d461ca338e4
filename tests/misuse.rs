//! Misuse of the global allocator ends the process with a fixed message; a test starts itself again to see it.

use std::{
    alloc::{GlobalAlloc, Layout},
    process::Command,
};

use orionrt::OrionAlloc;

static ALLOC: OrionAlloc = OrionAlloc::new();

fn misuse(kind: &str) {
    let layout = Layout::from_size_align(100, 8).unwrap();
    // SAFETY: broken on purpose in a process of its own: the allocator must notice before anything else is done.
    unsafe {
        let block = ALLOC.alloc(layout);
        match kind {
            "twice" => {
                ALLOC.dealloc(block, layout);
                ALLOC.dealloc(block, layout);
            }
            "foreign" => ALLOC.dealloc(Box::into_raw(Box::new(0u8)), layout),
            "inside" => ALLOC.dealloc(block.add(1), layout),
            "realloc" => drop(ALLOC.realloc(block.add(64 * 1000), layout, 200)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn misuse_is_caught_and_named() {
    const KIND: &str = "ORIONRT_TEST_MISUSE";
    if let Ok(kind) = std::env::var(KIND) {
        return misuse(&kind);
    }
    for kind in ["twice", "foreign", "inside", "realloc"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "misuse_is_caught_and_named", "--nocapture"])
            .env(KIND, kind)
            .output()
            .unwrap();
        assert!(!child.status.success(), "{kind}");
        let text = String::from_utf8_lossy(&child.stderr);
        assert!(
            text.contains("orionrt: memory was given back"),
            "{kind}: {text}"
        );
    }
}
