//! Files that one machine writes and another one reads: `.ci/platforms` has machines of both byte
//! orders exchange them.
//!
//! `orionrt-exchange write FOLDER` writes them. `orionrt-exchange read FOLDER` reads those of any
//! machine, compares them with its own, and says of which byte order the recording is. Plans,
//! lifetimes and profiles are the same bytes on every machine. A recording has the byte order of
//! the machine that it was made on: on one of the other order, reading it is an error that says so.

mod plans;
mod profile;
mod recording;

use std::{env, error::Error, fs, path::Path};

/// The name of a file, what this machine writes into it, and what checks what another one wrote.
type Exchanged = (&'static str, Vec<u8>, fn(&[u8]));

fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (name, bytes, _) in files() {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(fs::write(folder.join(recording::NAME), recording::bytes())?)
}

fn read(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (name, own, check) in files() {
        let bytes = fs::read(folder.join(name))?;
        check(&bytes);
        assert!(bytes == own, "{name} has other bytes than here");
    }
    let order = recording::byte_order(&fs::read(folder.join(recording::NAME))?);
    println!("the recording has the {order} byte order");
    Ok(())
}

fn files() -> impl Iterator<Item = Exchanged> {
    plans::files().into_iter().chain([profile::file()])
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => write(Path::new(folder)),
        ["read", folder] => read(Path::new(folder)),
        _ => Err("expected write FOLDER or read FOLDER".into()),
    }
}
