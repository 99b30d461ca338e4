//! What a driver or a backend refuses.

use orionrt_devices::DeviceMemoryError;

/// What the error of something says that is refused.
#[track_caller]
pub fn refusal<T>(result: Result<T, DeviceMemoryError>) -> String {
    match result {
        Err(error @ DeviceMemoryError::Refused { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("this should be refused"),
    }
}
