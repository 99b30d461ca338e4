//! A profile in pprof's format, with numbers of all lengths and signs.

use orionrt_pprof::{Function, Line, Location, Mapping, Profile, ValueType};

use crate::Exchanged;

pub(crate) fn file() -> Exchanged {
    ("profile.pb", profile().write(), |bytes| {
        assert_eq!(Profile::read(bytes).expect("a profile"), profile());
    })
}

fn profile() -> Profile {
    let mut profile = Profile::default();
    let (kind, unit) = (profile.add_text("inuse_space"), profile.add_text("bytes"));
    profile.sample_types.push(ValueType { kind, unit });
    let file = profile.add_text("/usr/bin/naïve");
    profile.mappings.push(Mapping {
        start: 0x5555_0000_0000,
        end: u64::MAX,
        file_offset: 0x1000,
        file,
        ..Mapping::default()
    });
    let name = profile.add_text("main");
    profile.functions.push(Function {
        name,
        start_line: i64::from(i32::MAX) + 1,
        ..Function::default()
    });
    for address in [0, 127, 128, 1 << 32, u64::MAX] {
        let line = Line {
            function: 0,
            line: -1,
        };
        profile.locations.push(Location {
            mapping: Some(0),
            address,
            lines: vec![line],
            ..Location::default()
        });
    }
    profile.time_nanos = i64::MIN;
    profile.period = i64::MAX;
    for (locations, value) in [(&[0, 1, 2][..], -1), (&[4, 3], 1 << 40)] {
        profile.add_sample(locations, &[value]);
    }
    profile
}
