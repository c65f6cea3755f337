//! The exact product by a CBLAS library that is loaded from a file at run time.

#![allow(unsafe_code, reason = "functions of a library that is loaded at run time")]

use std::ffi::c_int;
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use kernels::MatrixView;
use libloading::{Library, Symbol};

use super::libraries::layout;
use super::peer::{Peer, Threads};

/// `cblas_sgemm` with integers I: order, operations on A and B, m, p, n, alpha, A and its leading
/// side, B and its, beta, C and its.
type Sgemm<I> = unsafe extern "C" fn(
    c_int,
    c_int,
    c_int,
    I,
    I,
    I,
    f32,
    *const f32,
    I,
    *const f32,
    I,
    f32,
    *mut f32,
    I,
);
type SetThreads = unsafe extern "C" fn(c_int);

const ROW_MAJOR: c_int = 101;
const PLAIN: c_int = 111;
const TRANSPOSED: c_int = 112;

/// The names that builds of CBLAS give to the product and to OpenBLAS's number of threads, with
/// integers of 32 bits and of 64.
const NARROW: [[&str; 2]; 2] = [
    ["cblas_sgemm", "openblas_set_num_threads"],
    ["scipy_cblas_sgemm", "scipy_openblas_set_num_threads"],
];
const WIDE: [[&str; 2]; 2] = [
    ["cblas_sgemm64_", "openblas_set_num_threads64_"],
    ["scipy_cblas_sgemm64_", "scipy_openblas_set_num_threads64_"],
];

/// Longer than OpenBLAS's idle threads spin: builds of it were measured at up to 2^28 cycles.
const SPINNING: Duration = Duration::from_millis(150);

/// The product of the library in a file.
///
/// Names without a suffix are called with integers of 32 bits, as nearly all libraries have them; one
/// with integers of 64 bits under those names cannot be told apart.
///
/// OpenBLAS is held to the number of threads that is measured. Another library decides by itself;
/// it is taken to use every core and measured only where all are.
///
/// # Errors
/// Names the file that is no library, or the symbols that it does not have.
pub fn load(path: &Path) -> anyhow::Result<Peer> {
    // SAFETY: loading runs the initialisers of a library that the user chose to run.
    let library = unsafe { Library::new(path) };
    let library =
        library.with_context(|| format!("library {} cannot be loaded", path.display()))?;
    // Its threads outlive every call, so it is never unloaded.
    let library: &'static Library = Box::leak(Box::new(library));
    let named = NARROW.iter().find_map(|names| peer::<i32>(library, path, names));
    named.or_else(|| WIDE.iter().find_map(|names| peer::<i64>(library, path, names))).with_context(
        || {
            let names: Vec<&str> = NARROW.iter().chain(&WIDE).map(|names| names[0]).collect();
            format!("library {} has none of {}", path.display(), names.join(", "))
        },
    )
}

/// The library as a peer if it has the product under this name.
fn peer<I>(library: &'static Library, path: &Path, names: &[&str; 2]) -> Option<Peer>
where
    I: TryFrom<usize, Error: Debug> + 'static,
{
    let [product, threads] = *names;
    // SAFETY: functions of these names have these types in CBLAS and OpenBLAS, as the documentation
    // of `load` requires of the library that the user names.
    let (sgemm, set_threads): (Symbol<Sgemm<I>>, Option<Symbol<SetThreads>>) =
        unsafe { (library.get(product).ok()?, library.get(threads).ok()) };
    let (sgemm, set_threads) = (*sgemm, set_threads.map(|symbol| *symbol));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let (name, threads) = match set_threads {
        Some(_) => ("OpenBLAS", Threads::AsAsked),
        None => (stem.as_ref(), Threads::All),
    };
    let mut peer = Peer::new(name, threads, move |a, b, c, threads| {
        if let Some(set_threads) = set_threads {
            // SAFETY: the library is never unloaded, and the function takes any number.
            unsafe { set_threads(threads as c_int) };
        }
        multiply(sgemm, a, b, c);
    });
    peer.spinning = SPINNING;
    Some(peer)
}

fn multiply<I>(sgemm: Sgemm<I>, a: MatrixView<f32>, b: MatrixView<f32>, c: &mut [f32])
where
    I: TryFrom<usize, Error: Debug>,
{
    let ([m, n, p], [a_rows, a_columns, b_rows, b_columns]) = layout(&a, &b, c);
    let integer = |side: usize| I::try_from(side).expect("sides of matrices in memory");
    let (a_operation, a_side) = operation(a_rows, a_columns);
    let (b_operation, b_side) = operation(b_rows, b_columns);
    // SAFETY: the library is never unloaded; a view's strides stay within its data, C has m p
    // elements and is borrowed alone.
    unsafe {
        sgemm(
            ROW_MAJOR,
            a_operation,
            b_operation,
            integer(m),
            integer(p),
            integer(n),
            1.0,
            a.data().as_ptr(),
            integer(a_side),
            b.data().as_ptr(),
            integer(b_side),
            0.0,
            c.as_mut_ptr(),
            integer(p),
        );
    }
}

/// Whether a matrix of these strides is transposed in memory, and its leading side.
///
/// # Panics
/// When neither rows nor columns are contiguous, which CBLAS cannot express.
fn operation(row_stride: isize, column_stride: isize) -> (c_int, usize) {
    assert!(row_stride == 1 || column_stride == 1, "rows or columns in one piece");
    if column_stride == 1 {
        (PLAIN, row_stride as usize)
    } else {
        (TRANSPOSED, column_stride as usize)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// A plain product with the interface of CBLAS, for row-major C.
    const PLAIN_PRODUCT: &str = "
        void SGEMM(int order, int ta, int tb, INTEGER m, INTEGER p, INTEGER n, float alpha,
                   const float *a, INTEGER lda, const float *b, INTEGER ldb, float beta,
                   float *c, INTEGER ldc) {
            for (INTEGER i = 0; i < m; i++)
                for (INTEGER j = 0; j < p; j++) {
                    float sum = 0;
                    for (INTEGER k = 0; k < n; k++)
                        sum += (ta == 111 ? a[i * lda + k] : a[k * lda + i])
                             * (tb == 111 ? b[k * ldb + j] : b[j * ldb + k]);
                    c[i * ldc + j] = alpha * sum + (beta ? beta * c[i * ldc + j] : 0);
                }
        }
        #ifdef SET_THREADS
        void SET_THREADS(int threads) {}
        #endif
    ";

    /// The plain product as a library with these macros; none without a C compiler.
    fn library(folder: &Path, macros: &[&str]) -> Option<PathBuf> {
        let (source, library) = (folder.join("plain.c"), folder.join("plain.so"));
        std::fs::write(&source, PLAIN_PRODUCT).unwrap();
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(macros.iter().map(|name| format!("-D{name}")))
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(library);
        }
        testing::skip("no C compiler");
        None
    }

    #[test]
    fn a_library_computes_the_same_product_under_every_name() {
        for (names, integer) in
            NARROW.iter().map(|names| (names, "int")).chain(WIDE.iter().map(|n| (n, "long long")))
        {
            let folder = tempfile::tempdir().unwrap();
            let [sgemm, threads] = names;
            let sgemm = format!("SGEMM={sgemm}");
            let integer = format!("INTEGER={integer}");
            let Some(path) = library(folder.path(), &[&sgemm, &integer]) else { return };
            let peer = load(&path).unwrap();
            assert_eq!(peer.name, "plain");
            peer.assert_exact();

            let folder = tempfile::tempdir().unwrap();
            let threads = format!("SET_THREADS={threads}");
            let path = library(folder.path(), &[&sgemm, &integer, &threads]).unwrap();
            let peer = load(&path).unwrap();
            assert_eq!(peer.name, "OpenBLAS");
            peer.assert_exact();
        }
    }

    #[test]
    fn a_file_without_the_product_is_refused_with_the_names_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let Some(path) = library(folder.path(), &["SGEMM=dgemm", "INTEGER=int"]) else { return };
        let message = format!("{:#}", load(&path).err().unwrap());
        assert!(message.contains("plain.so") && message.contains("cblas_sgemm, "), "{message}");
    }
}
