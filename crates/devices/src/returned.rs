//! Errors that return the slots that a refused call was given.
//!
//! Invariant: such an error is shown as the error inside, so what is said of a refusal does not
//! depend on whether slots are returned.

/// The traits of an error with the slots in a field of this name, and with the reason in `error`.
macro_rules! returns_slots {
    ($refused:ident, $slots:ident) => {
        /// Gives the tensors of the slots up.
        impl<M: DeviceMemory> From<$refused<M>> for DeviceSlotError {
            fn from(refused: $refused<M>) -> Self {
                refused.error
            }
        }

        impl<M: DeviceMemory> fmt::Debug for $refused<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($refused))
                    .field(stringify!($slots), &self.$slots)
                    .field("error", &self.error)
                    .finish()
            }
        }

        impl<M: DeviceMemory> fmt::Display for $refused<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.error, f)
            }
        }

        // Displayed as the error inside, so that error's source is this one's, too.
        impl<M: DeviceMemory> core::error::Error for $refused<M> {
            fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
                self.error.source()
            }
        }
    };
}

pub(crate) use returns_slots;
