//! Finds out which of std's allocator traits the compiler has.

fn main() {
    orionrt_probe::std_allocator();
}
