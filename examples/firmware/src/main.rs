//! Runs the network on a microcontroller, or on the machine that builds it.

#![cfg_attr(target_os = "none", no_std, no_main)]

use orionrt_firmware::{best, infer, plan, sizes::CLASSES, tone};

/// Runs the network on a tone of each class, and hands on its lines.
fn report(arena: &mut plan::Arena, mut line: impl FnMut(core::fmt::Arguments)) {
    let sum: usize = plan::TENSORS.iter().map(|tensor| tensor.bytes).sum();
    line(format_args!(
        "{} bytes for tensors of {sum} bytes",
        plan::ARENA_BYTES
    ));
    for class in 0..CLASSES {
        let scores = infer(arena, &tone(1 << class));
        assert_eq!(best(&scores), class);
        line(format_args!("tone {class}: {scores:?}"));
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    let mut arena = Box::new(plan::Arena::new());
    report(&mut arena, |line| println!("{line}"));
}

#[cfg(target_os = "none")]
mod board {
    use core::panic::PanicInfo;

    use cortex_m_rt::entry;
    use cortex_m_semihosting::{debug, hprintln};

    use super::plan::Arena;

    #[entry]
    fn main() -> ! {
        static mut ARENA: Arena = Arena::new();
        super::report(ARENA, |line| hprintln!("{}", line));
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
