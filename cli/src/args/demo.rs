//! The arguments of `orionrt demo`.
//!
//! Stands on `clap` and on `capacity`.

#![forbid(unsafe_code)]

use std::str::FromStr;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use super::capacity::Capacity;

const EXAMPLES: &str = "\
Examples:
  orionrt demo
  orionrt demo --iterations 100                  steadier times
  orionrt demo --json
  orionrt demo --capacity 70%                    in less memory than the peak, for added time
  orionrt demo --capacity 2M --way spill         idle tensors go to a file meanwhile
  orionrt demo --capacity 50% --stream-weights   weights count, and stay in a file
  orionrt demo --device vulkan                   in memory of a device, by shaders
  orionrt demo --device cuda                     by kernels in CUDA C";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Inferences to time for each network: with planned slots and on the heap, or within the
    /// capacity and without a limit
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Run each network within this many bytes, such as 2M, or this part of its peak, such as 70%,
    /// and without a limit beside it. A network that needs more runs within the least that is found
    /// to be enough
    #[arg(long, value_name = "BYTES|PERCENT")]
    pub(crate) capacity: Option<Capacity>,

    /// A way to free memory for --capacity; may be repeated (recompute and spill if none is given)
    #[arg(long = "way", value_enum, value_name = "WAY", requires = "capacity")]
    pub(crate) ways: Vec<Way>,

    /// Count weights as tensors, too, and read them from a file when they are needed
    #[arg(long, requires = "capacity")]
    pub(crate) stream_weights: bool,

    /// Run the networks as compute shaders or CUDA kernels on a device, with their tensors in one
    /// planned block of its memory, and beside it with a buffer for each tensor: vulkan, wgpu or
    /// cuda, with the device's number as in vulkan:1 (0 if none is given). Builds have this with
    /// the features vulkan-demo, wgpu and cuda-demo. CUDA needs its run-time compiler, libnvrtc,
    /// too; the demo has not been run on a GPU through CUDA
    #[arg(long, value_name = "BACKEND[:N]", conflicts_with = "capacity")]
    pub(crate) device: Option<DemoDevice>,

    /// Have Khronos' validation layers check every call to Vulkan, and fail if they find a mistake
    #[arg(long, requires = "device")]
    pub(crate) validate: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl DemoArgs {
    /// The ways to free memory, each once.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let default = [Way::Recompute, Way::Spill];
        let is_used = |way: &Way| match self.ways.is_empty() {
            true => default.contains(way),
            false => self.ways.contains(way),
        };
        let all = Way::value_variants().iter().copied();
        all.filter(is_used).collect()
    }
}

/// A device to run the demo on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DemoDevice {
    pub(crate) backend: Backend,
    /// Its number among the backend's devices.
    pub(crate) index: usize,
}

/// What the demo speaks to a device through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Vulkan,
    Wgpu,
    Cuda,
}

impl Backend {
    /// Its name in a sentence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Vulkan => "Vulkan",
            Self::Wgpu => "wgpu",
            Self::Cuda => "CUDA",
        }
    }
}

impl FromStr for DemoDevice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let backend = match name {
            "vulkan" => Backend::Vulkan,
            "wgpu" => Backend::Wgpu,
            "cuda" => Backend::Cuda,
            _ => {
                let expected = "expected vulkan, wgpu or cuda, or with a number as in vulkan:1";
                return Err(expected.into());
            }
        };
        let index = index.parse();
        let index =
            index.map_err(|_| format!("'{text}' does not end in the number of a device"))?;
        Ok(Self { backend, index })
    }
}

/// A way to free the memory of tensors that are idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Run operators again to have their results back
    Recompute,
    /// Copy tensors to a memory-mapped file, and back
    Spill,
    /// Keep tensors in the arena in compressed form
    Compress,
}

impl Way {
    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recompute => "recompute",
            Self::Spill => "spill",
            Self::Compress => "compress",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_backend_and_a_number() {
        let device = |text: &str| text.parse::<DemoDevice>();
        let vulkan = |index| DemoDevice {
            backend: Backend::Vulkan,
            index,
        };
        assert_eq!(device("vulkan"), Ok(vulkan(0)));
        assert_eq!(device("vulkan:12"), Ok(vulkan(12)));
        assert_eq!(device("wgpu:0").unwrap().backend, Backend::Wgpu);
        assert_eq!(device("cuda").unwrap().backend, Backend::Cuda);
        for wrong in [
            "",
            "gpu",
            "CUDA",
            "vulkan:",
            "vulkan:-1",
            "vulkan:a",
            "wgpu:0:1",
        ] {
            assert!(device(wrong).is_err(), "{wrong}");
        }
    }
}
