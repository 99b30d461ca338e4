//! Any bytes as a plan in CSV and in JSON: they are read or refused without a panic, and a plan
//! that is read is written and read back as the same plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orionrt::Plan;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(plan) = Plan::read_csv(bytes) {
        let mut text = Vec::new();
        plan.write_csv(&mut text).expect("memory");
        assert_eq!(Plan::read_csv(&text[..]).expect("its own output"), plan);
    }
    if let Ok(plan) = Plan::read_json(bytes) {
        let mut text = Vec::new();
        plan.write_json(&mut text).expect("memory");
        assert_eq!(Plan::read_json(&text[..]).expect("its own output"), plan);
    }
});
