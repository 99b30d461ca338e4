//! `orionrt record`: runs a command and records every call of its allocation functions.
//!
//! Stands on the library's variables, which `orionrt-preload` documents, and on
//! [`preloaded`](super::preloaded). Every process writes a file of its own beside the one that is
//! asked for; that of the command gets its name at the end, and the others keep theirs.
//!
//! Invariant: standard input and output are the command's alone, and the exit status is the
//! command's. A file is cut to what is in use only when its process is gone.

#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Write},
    path::{self, Path, PathBuf},
};

use orionrt_recording::{HEADER_BYTES, prefix_len};

use super::preloaded::{Preloaded, exit_status};
use crate::{
    args::RecordArgs,
    escape::printable,
    failure::Failure,
    format,
    target::{check_files, folder},
};

/// How many files are told of.
const MOST_TOLD: usize = 10;

/// Returns the exit status of the command.
pub(crate) fn record(args: &RecordArgs) -> Result<u8, Failure> {
    check_files(&[("--output", &args.output)], &[])?;
    let preloaded = Preloaded::find(args.preloaded.library.as_deref())?;
    let output =
        path::absolute(&args.output).map_err(|error| Failure::write(&args.output, error))?;
    if output
        .as_os_str()
        .as_encoded_bytes()
        .windows(2)
        .any(|two| two == b"%p")
    {
        let message = "--output: the number of the process is appended; expected no '%p'";
        return Err(Failure::Usage(message.into()));
    }
    let before = files_beside(&output);
    let mut command = preloaded.command(&args.preloaded.command)?;
    let mut pattern = output.clone().into_os_string();
    pattern.push(".%p");
    command.env("ORIONRT_RECORD", pattern);
    if let Some(limit) = args.limit {
        command.env("ORIONRT_RECORD_LIMIT", limit.to_string());
    }
    if args.stacks {
        command.env("ORIONRT_RECORD_STACKS", "1");
    }
    let (process, ended) = preloaded.run(command, &args.preloaded.command)?;
    let mut made: Vec<PathBuf> = files_beside(&output).difference(&before).cloned().collect();
    let own = own_file(&made, &output, process);
    if let Some(own) = &own {
        fs::rename(own, &output).map_err(|error| Failure::write(&output, error))?;
        made.retain(|path| path != own);
        made.insert(0, output);
    } else {
        let _ = writeln!(
            io::stderr(),
            "orionrt: the command has recorded nothing: it may be linked statically, or privileged"
        );
    }
    let told = made.iter().map(|path| cut(path));
    for line in told.collect::<Vec<_>>().iter().take(MOST_TOLD) {
        // If stderr is closed, nobody wants to know.
        let _ = writeln!(io::stderr(), "orionrt: {line}");
    }
    if let Some(more @ 1..) = made.len().checked_sub(MOST_TOLD) {
        let _ = writeln!(io::stderr(), "orionrt: and {more} more");
    }
    Ok(exit_status(ended))
}

/// The files whose names are that of the output and the number of a process.
fn files_beside(output: &Path) -> BTreeSet<PathBuf> {
    let mut prefix = output.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let is_one = |name: &OsStr| {
        let rest = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes());
        rest.is_some_and(|rest| {
            rest.iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'.')
        })
    };
    let entries = fs::read_dir(folder(output)).into_iter().flatten().flatten();
    let named = entries.filter(|entry| is_one(&entry.file_name()));
    named.map(|entry| entry.path()).collect()
}

/// The file of a process: the last one, if it has become other programs.
fn own_file(made: &[PathBuf], output: &Path, process: u32) -> Option<PathBuf> {
    let mut own: OsString = output.into();
    own.push(format!(".{process}"));
    let number = |path: &PathBuf| -> Option<u32> {
        let rest = path.as_os_str().as_encoded_bytes();
        let rest = rest.strip_prefix(own.as_encoded_bytes())?;
        match rest {
            [] => Some(0),
            [b'.', digits @ ..] => str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        }
    };
    let numbered = made.iter().filter_map(|path| Some((number(path)?, path)));
    numbered.max().map(|(_, path)| path.clone())
}

/// Cuts a file to what is in use, if its process is gone; returns what to say of it.
fn cut(path: &Path) -> String {
    let name = printable(&path.display().to_string()).into_owned();
    let mut head = vec![0; HEADER_BYTES];
    let file = File::options().read(true).write(true).open(path);
    let read = file.and_then(|mut file| file.read_exact(&mut head).map(|()| file));
    let (Ok(file), Ok(used)) = (read, prefix_len(&head)) else {
        return format!("{name} is not whole");
    };
    let process = u32::from_ne_bytes([head[16], head[17], head[18], head[19]]);
    if !Path::new("/proc").join(process.to_string()).exists() {
        // The size is of no consequence.
        let _ = file.set_len(used);
    }
    format!(
        "process {process} recorded {} in {name}",
        format::short_bytes(used)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_process_is_the_last_one_of_its_number() {
        let made = [
            "/a/x.12",
            "/a/x.12.1",
            "/a/x.12.10",
            "/a/x.123",
            "/a/x.1.12",
        ];
        let made: Vec<PathBuf> = made.iter().map(PathBuf::from).collect();
        let own = |process| own_file(&made, Path::new("/a/x"), process);
        assert_eq!(own(12), Some("/a/x.12.10".into()));
        assert_eq!(own(123), Some("/a/x.123".into()));
        assert_eq!(own(2), None);
    }
}
