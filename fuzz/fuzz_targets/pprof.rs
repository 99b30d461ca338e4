//! Any bytes as a profile of pprof: they are read or refused without a panic, and a profile that is
//! read is written and read back as the same profile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt_pprof::Profile;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = Profile::read(bytes) {
        assert_eq!(
            Profile::read(&profile.write()).expect("its own output"),
            profile
        );
    }
});
