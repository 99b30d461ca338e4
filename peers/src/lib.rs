//! OrionRT beside other allocators: see `benches/`.
