//! Prints the report of this machine.

fn main() {
    print!("{}", orionrt_wasm::report());
}
