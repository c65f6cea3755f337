//! Which vector instructions a product uses; chosen at run time, without effect on the numbers.

#![allow(
    unsafe_code,
    reason = "functions compiled for instructions are called once these were found"
)]

use std::fmt;
use std::str::FromStr;

/// A set of vector instructions. Results are the same bits under each.
///
/// ```
/// use micro_kernels::InstructionSet;
/// assert!(InstructionSet::available().contains(&InstructionSet::detect()));
/// assert_eq!("portable".parse(), Ok(InstructionSet::Portable));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// Plain Rust, whatever the compiler makes of it; the specification of the others.
    Portable,
    /// 256-bit vectors with fused multiply-add (x86-64).
    Avx2,
    /// 512-bit vectors (x86-64).
    Avx512,
}

impl InstructionSet {
    const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The best set of this processor, which is asked once.
    pub fn detect() -> Self {
        Self::ALL.into_iter().rfind(|set| set.is_available()).unwrap_or(Self::Portable)
    }

    /// The sets of this processor, the best last.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|set| set.is_available()).collect()
    }

    /// Whether this processor has the set.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Runs plain loops over independent elements, compiled for this instruction set.
    ///
    /// The compiler neither reorders sums nor fuses operations, so the numbers do not depend on
    /// the set. A set that the processor does not have runs as [`Self::Portable`].
    ///
    /// ```
    /// use micro_kernels::InstructionSet;
    /// let mut numbers = [1.0f32, 2.0, 3.0];
    /// InstructionSet::detect().run(|| numbers.iter_mut().for_each(|x| *x *= 2.0));
    /// assert_eq!(numbers, [2.0, 4.0, 6.0]);
    /// ```
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions.
            Self::Avx512 if self.is_available() => unsafe { with_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions.
            Self::Avx2 if self.is_available() => unsafe { with_avx2(work) },
            _ => work(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The best set of this processor.
impl Default for InstructionSet {
    fn default() -> Self {
        Self::detect()
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

/// A name that is no instruction set's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no instruction set '{0}'; the known ones are portable, avx2, avx512")]
pub struct UnknownInstructionSet(String);

impl FromStr for InstructionSet {
    type Err = UnknownInstructionSet;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|set| set.to_string() == name);
        found.ok_or_else(|| UnknownInstructionSet(name.to_owned()))
    }
}
