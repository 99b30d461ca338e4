//! The network with its tensors in slots: planned on the microcontroller, in an arena over memory
//! that the firmware lends it. Runs on the machine that builds it, too.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::fmt::Arguments;

use orionrt::{Arena, GraphBuilder, Planner, TensorId, TensorPool};
use orionrt_firmware::{best, classify, convolve, plan, pool, sizes, tone};

#[path = "../network.rs"]
mod network;

/// The bytes that are lent to the arena: the plan's, and what is lost to alignment.
const LENT: usize = 16 << 10;

/// Plans the network, runs it on a tone of each class, and hands on its lines.
fn report(lent: &'static mut [u8], mut line: impl FnMut(Arguments)) {
    let mut g = GraphBuilder::new();
    let tensors = network::describe(&mut g).expect("small tensors");
    let graph = g.output(tensors[3]).build().expect("a graph");
    let planner = Planner::new().nodes(1000);
    let planned = planner.plan(&graph.lifetimes()).expect("a plan");
    assert_eq!(planned.peak(), plan::ARENA_BYTES as u64);

    let arena = Arena::builder().build_in(lent).expect("enough memory");
    let slots = TensorPool::new(&arena, &planned).expect("enough memory");
    line(format_args!(
        "{} bytes of slots in {} bytes that were lent",
        planned.peak(),
        arena.stats().capacity_bytes
    ));
    for class in 0..sizes::CLASSES {
        let scores = infer(&slots, tensors, &tone(1 << class));
        assert_eq!(best(&scores), class);
        line(format_args!("tone {class}: {scores:?}"));
    }
    drop(slots);
    line(format_args!("{} bytes live", arena.stats().live_bytes));
}

/// Runs the network. A slot is free again when its box is dropped, and its bytes are another
/// tensor's then; until then these are refused to others.
fn infer(
    slots: &TensorPool<&Arena>,
    [samples, features, pooled, scores]: [TensorId; 4],
    signal: &[f32; sizes::SAMPLES],
) -> [f32; sizes::CLASSES] {
    let mut input = slots.filled(samples, 0.0f32).expect("free");
    input.copy_from_slice(signal);
    let mut found = slots.filled(features, 0.0f32).expect("free");
    convolve(&input, &mut found);

    assert!(
        slots.filled(pooled, 0.0f32).is_err(),
        "its bytes are those of the samples"
    );
    drop(input);
    let mut largest = slots.filled(pooled, 0.0f32).expect("free");
    pool(&found, &mut largest);
    drop(found);

    let mut sums = slots.filled(scores, 0.0f32).expect("free");
    classify(&largest, &mut sums);
    core::array::from_fn(|class| sums[class])
}

#[cfg(not(target_os = "none"))]
fn main() {
    report(vec![0; LENT].leak(), |line| println!("{line}"));
}

#[cfg(target_os = "none")]
mod board {
    use core::panic::PanicInfo;

    use cortex_m_rt::entry;
    use cortex_m_semihosting::{debug, hprintln};
    use orionrt_sys::sync::RawLock;
    use talc::{TalcLock, source::Claim};

    const HEAP: usize = 64 << 10;

    #[global_allocator]
    static HEAP_OF_THE_PLANNER: TalcLock<RawLock, Claim> = {
        static mut MEMORY: [u8; HEAP] = [0; HEAP];
        // SAFETY: nobody else uses this memory.
        TalcLock::new(unsafe { Claim::array(&raw mut MEMORY) })
    };

    #[entry]
    fn main() -> ! {
        static mut LENT: [u8; super::LENT] = [0; super::LENT];
        super::report(LENT, |line| hprintln!("{}", line));
        debug::exit(debug::EXIT_SUCCESS);
        loop {
            core::hint::spin_loop();
        }
    }

    #[panic_handler]
    fn panic(info: &PanicInfo) -> ! {
        hprintln!("{}", info);
        debug::exit(debug::EXIT_FAILURE);
        loop {
            core::hint::spin_loop();
        }
    }
}
