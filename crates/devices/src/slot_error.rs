//! Why a tensor's slot in device memory cannot be had, or not be used as asked.
//!
//! Every variant names the tensor, and what would have to be different.

use core::fmt;

use orionrt_plan::TensorId;

use crate::order::{OrderError, StreamId};

/// Why a tensor's slot in device memory cannot be had, or not be used as asked. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceSlotError {
    /// The plan has no such tensor.
    Unknown {
        /// The id.
        id: TensorId,
        /// The number of tensors that there are.
        tensors: usize,
    },
    /// The tensor is never alive or has no bytes, so there is nothing that a kernel can be given.
    NoBytes {
        /// Its name.
        tensor: String,
    },
    /// The tensor's bytes are in use.
    InUse {
        /// Its name.
        tensor: String,
        /// The tensor that has some of its bytes, or itself.
        by: String,
    },
    /// The stream is not ordered after another one's use of the bytes: it has not waited for it.
    Unordered {
        /// The tensor that was to be used.
        tensor: String,
        /// The stream that it was to be used on.
        stream: StreamId,
        /// The tensor that was used before in these bytes, or itself.
        after: String,
        /// The stream that used it, an event of which has to be waited for.
        on: StreamId,
    },
    /// The receiving tensor does not lie within the transferred one.
    NotWithin {
        /// The name of the receiving tensor.
        tensor: String,
        /// The name of the transferred tensor.
        of: String,
    },
    /// Two receiving tensors of one transfer share bytes.
    Overlap {
        /// The name of the one.
        tensor: String,
        /// The name of the other.
        with: String,
    },
    /// A tensor that is to be joined does not lie within the joined one.
    NotPart {
        /// The name of the tensor to be joined.
        tensor: String,
        /// The name of the joined tensor.
        of: String,
    },
    /// The tensors to be joined have fewer bytes than the joined one.
    NotFilled {
        /// The name of the joined tensor.
        tensor: String,
        /// Its size.
        bytes: u64,
        /// The bytes of the tensors to be joined.
        filled: u64,
    },
    /// A tensor that is to be joined has its slot in another pool.
    OtherPool {
        /// Its name.
        tensor: String,
        /// The name of the joined tensor.
        of: String,
    },
    /// The tensor's size is not a whole number of elements.
    NotWhole {
        /// Its name.
        tensor: String,
        /// Its size.
        bytes: u64,
        /// The size of an element.
        element: usize,
    },
    /// The tensor has more or fewer elements than there are on the host.
    OtherLength {
        /// Its name.
        tensor: String,
        /// How many elements it has.
        elements: usize,
        /// How many there are on the host.
        given: usize,
    },
    /// Streams cannot be ordered as asked.
    Order(OrderError),
}

impl From<OrderError> for DeviceSlotError {
    fn from(error: OrderError) -> Self {
        Self::Order(error)
    }
}

impl fmt::Display for DeviceSlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { id, tensors } => write!(
                f,
                "there is no tensor {id}: the plan has {tensors} tensors, counted from T0"
            ),
            Self::NoBytes { tensor } => {
                write!(f, "tensor `{tensor}` has no bytes in the plan at any step")
            }
            Self::InUse { tensor, by } if tensor == by => {
                write!(f, "tensor `{tensor}` is already in use")
            }
            Self::InUse { tensor, by } => {
                write!(
                    f,
                    "tensor `{tensor}` shares bytes with `{by}`, which is in use"
                )
            }
            Self::Unordered {
                tensor,
                stream,
                after,
                on,
            } if tensor == after => write!(
                f,
                "tensor `{tensor}` cannot be used on {stream} yet: {on} uses it, and {stream} has \
                 not waited for that"
            ),
            Self::Unordered {
                tensor,
                stream,
                after,
                on,
            } => write!(
                f,
                "tensor `{tensor}` cannot be claimed on {stream} yet: it shares bytes with \
                 `{after}`, which {on} uses, and {stream} has not waited for that"
            ),
            Self::NotWithin { tensor, of } => write!(
                f,
                "tensor `{tensor}` does not lie within `{of}`, so it cannot take its bytes"
            ),
            Self::Overlap { tensor, with } => write!(
                f,
                "tensors `{tensor}` and `{with}` share bytes, so they cannot both be taken from \
                 another tensor"
            ),
            Self::NotPart { tensor, of } => write!(
                f,
                "tensor `{tensor}` does not lie within `{of}`, so it cannot be joined to it"
            ),
            Self::NotFilled {
                tensor,
                bytes,
                filled,
            } => write!(
                f,
                "tensor `{tensor}` has {bytes} bytes, and the tensors to be joined have {filled}"
            ),
            Self::OtherPool { tensor, of } => write!(
                f,
                "tensor `{tensor}` has its slot in another pool than `{of}`, so it cannot be \
                 joined to it"
            ),
            Self::NotWhole {
                tensor,
                bytes,
                element,
            } => write!(
                f,
                "tensor `{tensor}` has {bytes} bytes, which is not a whole number of elements of \
                 {element} bytes"
            ),
            Self::OtherLength {
                tensor,
                elements,
                given,
            } => write!(
                f,
                "tensor `{tensor}` has {elements} elements, and there are {given} on the host"
            ),
            Self::Order(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for DeviceSlotError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        // It is displayed as the error inside, whose source is this one's, too.
        None
    }
}
