//! A function of the program that is called on a slow path: when it was asked for, by a signal
//! handler say, or when its interval is over.
//!
//! Invariant: it is called with no lock held, by one thread for each time that it is due.

use core::{
    mem, ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering},
    time::Duration,
};

/// The function, and when it is due. All zero is none.
#[derive(Debug)]
pub(super) struct ProfileHook {
    function: AtomicPtr<()>,
    is_due: AtomicBool,
    /// Nanoseconds between two calls; 0 if it is called only when asked for.
    interval: AtomicU64,
    next: AtomicU64,
}

impl ProfileHook {
    /// Has a function called from now on, every so often if there is an interval.
    pub(super) fn set(&self, function: fn(), interval: Option<Duration>, now: Duration) {
        let interval = interval.map_or(0, nanoseconds);
        self.next
            .store(nanoseconds(now).saturating_add(interval), Ordering::Relaxed);
        self.interval.store(interval, Ordering::Relaxed);
        self.function.store(
            ptr::with_exposed_provenance_mut(function as usize),
            Ordering::Release,
        );
    }

    /// Has it called on the next slow path; may be called in a signal handler.
    pub(super) fn ask(&self) {
        self.is_due.store(true, Ordering::Relaxed);
    }

    /// Has it called on the next slow path if its interval is over.
    pub(super) fn look_at(&self, now: Duration) {
        let interval = self.interval.load(Ordering::Relaxed);
        let (now, next) = (nanoseconds(now), self.next.load(Ordering::Relaxed));
        if interval == 0 || now < next {
            return;
        }
        let after = now.saturating_add(interval);
        // Of several threads that find it due, one asks.
        let exchanged =
            self.next
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed);
        if exchanged.is_ok() {
            self.ask();
        }
    }

    /// Calls it if it is due.
    #[inline]
    pub(super) fn call_if_due(&self) {
        if self.is_due.load(Ordering::Relaxed) {
            self.call();
        }
    }

    #[cold]
    fn call(&self) {
        let function = self.function.load(Ordering::Acquire);
        if function.is_null() || !self.is_due.swap(false, Ordering::Relaxed) {
            return;
        }
        // SAFETY: `set` has stored a function of this type.
        let function = unsafe { mem::transmute::<*mut (), fn()>(function) };
        function();
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;

    #[test]
    fn it_is_called_once_for_each_time_that_it_is_due() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        fn function() {
            CALLS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: all zero is a valid one.
        let hook: ProfileHook = unsafe { mem::zeroed() };
        let calls = || {
            hook.call_if_due();
            hook.call_if_due();
            CALLS.load(Ordering::Relaxed)
        };
        hook.ask();
        assert_eq!(calls(), 0);
        let (second, start) = (Duration::from_secs(1), Duration::from_secs(100));
        hook.set(function, Some(second), start);
        assert_eq!(calls(), 1);
        for (now, expected) in [(start, 1), (start + second, 2), (start + second, 2)] {
            hook.look_at(now);
            assert_eq!(calls(), expected);
        }
        hook.set(function, None, start);
        hook.look_at(start + 5 * second);
        assert_eq!(calls(), 2);
    }
}
