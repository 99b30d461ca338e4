//! The binary `orionrt`.

use std::process::ExitCode;

fn main() -> ExitCode {
    orionrt_cli::main()
}
