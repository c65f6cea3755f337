//! The two element types.

use super::InstructionSet;
use super::micro_kernel::{TileFunction, panel_vectors};
use super::scratch::Scratch;
use std::cell::RefCell;
use std::fmt::{Debug, Display};

/// `f32` or `f64`. Sealed: the kernels exist for these two.
pub trait Real:
    Copy + Default + Send + Sync + PartialEq + PartialOrd + Debug + Display + 'static + private::Sealed
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Whether f64 holds the square of every number, and the sum of as many as there can be.
    #[doc(hidden)]
    const SQUARES_FIT: bool;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// The same value.
    fn to_f64(self) -> f64;
    /// self * factor + addend, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// self * factor.
    fn times(self, factor: Self) -> Self;

    /// The lanes of a vector.
    #[doc(hidden)]
    fn lanes(set: InstructionSet) -> usize;
    /// The lanes of a panel.
    #[doc(hidden)]
    fn panel_width(set: InstructionSet) -> usize {
        panel_vectors(set) * Self::lanes(set)
    }
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn tile_function(
        set: InstructionSet,
        rows: usize,
        vectors: usize,
        indexed: bool,
    ) -> TileFunction<Self>;
    #[doc(hidden)]
    fn with_scratch<R>(run: impl FnOnce(&mut Scratch<Self>) -> R) -> R;
}

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! real {
    ($type:ident, $bytes:literal) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const SQUARES_FIT: bool = $bytes < size_of::<f64>();

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                $type::mul_add(self, factor, addend)
            }

            #[inline(always)]
            fn times(self, factor: Self) -> Self {
                self * factor
            }

            fn lanes(set: InstructionSet) -> usize {
                match set {
                    InstructionSet::Portable => super::portable::LANES,
                    InstructionSet::Avx2 => 32 / $bytes,
                    InstructionSet::Avx512 => 64 / $bytes,
                }
            }

            #[allow(private_interfaces)]
            fn tile_function(
                set: InstructionSet,
                rows: usize,
                vectors: usize,
                indexed: bool,
            ) -> TileFunction<Self> {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 if set.is_available() => {
                        super::x86::avx512::$type(rows, vectors, indexed)
                    }
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 if set.is_available() => {
                        super::x86::avx2::$type(rows, vectors, indexed)
                    }
                    InstructionSet::Portable => super::portable::$type(rows, vectors, indexed),
                    #[allow(unreachable_patterns)]
                    _ => panic!("this processor has no {set} instructions"),
                }
            }

            fn with_scratch<R>(run: impl FnOnce(&mut Scratch<Self>) -> R) -> R {
                thread_local! {
                    static SCRATCH: RefCell<Scratch<$type>> = RefCell::default();
                }
                SCRATCH.with_borrow_mut(run)
            }
        }
    };
}

real!(f32, 4);
real!(f64, 8);
