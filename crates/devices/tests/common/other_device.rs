//! What is of one device is refused by another one.

use orionrt_devices::DeviceMemoryError;

/// Checks that an error says what was given to the wrong one of two devices of this name, and names
/// both.
#[track_caller]
pub fn names_both(error: DeviceMemoryError, given: &str, name: &str) {
    match error {
        DeviceMemoryError::OtherDevice { what, of, given_to } => {
            assert_eq!(what, given);
            assert_ne!(of, given_to);
            assert!(
                of.contains(name) && given_to.contains(name),
                "{of}, {given_to}"
            );
        }
        other => panic!("{other}"),
    }
}
