//! The choice whether memory is backed with huge pages.

#![forbid(unsafe_code)]

/// Whether the system backs memory with huge pages of 2 MiB; see
/// [`ArenaBuilder::huge_pages`](crate::arena::ArenaBuilder::huge_pages).
///
/// ```
/// use orionrt_alloc::{arena::HugePages, Arena};
/// let small = Arena::builder().capacity(1 << 20).huge_pages(HugePages::Off).build()?;
/// let large = Arena::builder().capacity(64 << 20).huge_pages(true).build()?;
/// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Never, not even where the system uses huge pages for everyone: memory becomes resident page
    /// by page, as it is touched.
    Off,
    /// As the system's policy says (`/sys/kernel/mm/transparent_hugepage/enabled` on Linux). Where
    /// that is `madvise`, as on most systems, there are none.
    #[default]
    OnRequest,
    /// Wherever the system allows them at all: fewer page faults and TLB misses for large tensors.
    Always,
}

impl From<bool> for HugePages {
    /// `true` asks for huge pages; `false` leaves the choice to the system.
    fn from(yes: bool) -> Self {
        if yes { Self::Always } else { Self::OnRequest }
    }
}
