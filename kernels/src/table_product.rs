//! Products of 8-bit codes by a table: what a network computes on an approximate multiplier.
//!
//! A [`ProductTable`] holds a number for each pair of codes, and the product of two matrices of codes
//! is the sum of these,
//!
//! ```text
//! c_ij = sum_k T[a_ik][b_kj]
//! ```
//!
//! in 32-bit integers, which neither round nor depend on the order of the sum. What a code stands for
//! (unsigned, two's complement) is the table's matter alone.

mod separable;

use rayon::prelude::*;
use separable::Separable;

/// How many codes 8 bits have.
pub const CODES: usize = 256;

/// Rows of the output that are one task.
const ROWS_A_TASK: usize = 16;

/// Why codes cannot be multiplied by a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is not one product a pair of codes.
    #[error("a table of {entries} products was given, expected {}, one a pair of codes", CODES * CODES)]
    Size {
        /// How many there were.
        entries: usize,
    },
    /// A matrix has not as many codes as its shape says.
    #[error("{matrix} has {found} elements, expected {rows} x {columns}")]
    Shape {
        /// "A", "B" or "C".
        matrix: &'static str,
        /// How many it has.
        found: usize,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// A sum might be too large.
    #[error("a sum of {pairs} products of up to {largest} may not fit into 32 bits")]
    Overflow {
        /// How many are added.
        pairs: usize,
        /// The largest magnitude in the table.
        largest: u32,
    },
}

/// A product for each pair of 8-bit codes.
///
/// ```
/// use kernels::table_product::ProductTable;
/// // Unsigned times two's complement.
/// let exact = ProductTable::of(|a, b| i32::from(a) * i32::from(b.cast_signed()));
/// let (a, b, mut c) = ([2, 3], [10, 0xff], [0]);
/// exact.multiply(&a, &b, [1, 2, 1], &mut c)?;
/// assert_eq!(c, [2 * 10 - 3]);
/// assert!(ProductTable::new(&[1, 2, 3]).is_err());
/// # Ok::<(), kernels::table_product::TableError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProductTable {
    /// The products of each left code.
    rows: Vec<Row>,
    /// The largest magnitude.
    largest: u32,
    /// The factors of all products, where they have some.
    separable: Option<Box<Separable>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Row {
    products: [i32; CODES],
    /// Nothing is added for such a code.
    is_zero: bool,
}

impl ProductTable {
    /// A table from its products: that of codes a and b is number 256 a + b.
    ///
    /// # Errors
    /// [`TableError::Size`] when there are not 256 x 256 of them.
    pub fn new(products: &[i32]) -> Result<Self, TableError> {
        if products.len() != CODES * CODES {
            return Err(TableError::Size { entries: products.len() });
        }
        let (rows, _) = products.as_chunks::<CODES>();
        Ok(Self::from_rows(rows.iter().copied()))
    }

    /// The table of a function of two codes.
    pub fn of(product: impl Fn(u8, u8) -> i32) -> Self {
        let row = |a: u8| std::array::from_fn(|b| product(a, b as u8));
        Self::from_rows((0..=u8::MAX).map(row))
    }

    fn from_rows(rows: impl Iterator<Item = [i32; CODES]>) -> Self {
        let row = |products: [i32; CODES]| Row { products, is_zero: products == [0; CODES] };
        let rows: Vec<Row> = rows.map(row).collect();
        let all = rows.iter().flat_map(|row| row.products);
        let largest = all.map(i32::unsigned_abs).max().unwrap_or(0);
        let separable = Separable::of(&rows, largest).map(Box::new);
        Self { rows, largest, separable }
    }

    /// The product of two codes.
    pub fn at(&self, a: u8, b: u8) -> i32 {
        self.rows[usize::from(a)].products[usize::from(b)]
    }

    /// C = AB, with A m x n, B n x p and C m x p, each row by row, of the shape `[m, n, p]`.
    ///
    /// mnp looks into the table, less those of left codes whose products are all zero; none where all
    /// products are those of two numbers, one a code. Work is parallel over rows of C.
    ///
    /// # Errors
    /// When a matrix is not of its shape, or a sum might not fit into 32 bits; C is then as before.
    pub fn multiply(
        &self,
        a: &[u8],
        b: &[u8],
        [rows, pairs, columns]: [usize; 3],
        c: &mut [i32],
    ) -> Result<(), TableError> {
        check_shape("A", a.len(), rows, pairs)?;
        check_shape("B", b.len(), pairs, columns)?;
        check_shape("C", c.len(), rows, columns)?;
        if pairs as u128 * u128::from(self.largest) > i32::MAX as u128 {
            return Err(TableError::Overflow { pairs, largest: self.largest });
        }
        c.fill(0);
        if c.is_empty() || pairs == 0 {
            return Ok(());
        }
        if let Some(separable) = &self.separable {
            separable.add(a, b, [pairs, columns], c);
            return Ok(());
        }
        let tasks = c.par_chunks_mut(ROWS_A_TASK * columns).zip(a.par_chunks(ROWS_A_TASK * pairs));
        tasks.for_each(|(c, a)| {
            for (c, a) in c.chunks_exact_mut(columns).zip(a.chunks_exact(pairs)) {
                self.add_row(a, b, c);
            }
        });
        Ok(())
    }

    /// Adds a row of A times B to a row of C.
    fn add_row(&self, a: &[u8], b: &[u8], c: &mut [i32]) {
        for (&code, b) in a.iter().zip(b.chunks_exact(c.len())) {
            let row = &self.rows[usize::from(code)];
            if row.is_zero {
                continue;
            }
            for (c, &b) in c.iter_mut().zip(b) {
                *c += row.products[usize::from(b)];
            }
        }
    }
}

impl std::fmt::Debug for ProductTable {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("ProductTable").field("largest", &self.largest).finish_non_exhaustive()
    }
}

fn check_shape(
    matrix: &'static str,
    found: usize,
    rows: usize,
    columns: usize,
) -> Result<(), TableError> {
    if rows.checked_mul(columns) == Some(found) {
        Ok(())
    } else {
        Err(TableError::Shape { matrix, found, rows, columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table without structure, some of its rows zero.
    fn table() -> ProductTable {
        ProductTable::of(|a, b| match a % 3 {
            0 => 0,
            _ => (i32::from(a) * 7_919 + i32::from(b) * 104_729) % 65_521 - 32_760,
        })
    }

    fn naive(table: &ProductTable, a: &[u8], b: &[u8], [m, n, p]: [usize; 3]) -> Vec<i32> {
        let sum = |i: usize, j: usize| -> i32 {
            (0..n).map(|k| table.at(a[i * n + k], b[k * p + j])).sum()
        };
        (0..m).flat_map(|i| (0..p).map(move |j| (i, j))).map(|(i, j)| sum(i, j)).collect()
    }

    fn factors() -> impl Strategy<Value = ([usize; 3], Vec<u8>, Vec<u8>)> {
        (0..40usize, 0..20usize, 0..20usize).prop_flat_map(|(m, n, p)| {
            let codes = |count: usize| prop::collection::vec(any::<u8>(), count);
            (Just([m, n, p]), codes(m * n), codes(n * p))
        })
    }

    fn exact() -> ProductTable {
        ProductTable::of(|a, b| i32::from(a) * i32::from(b.cast_signed()))
    }

    proptest! {
        #[test]
        fn products_are_the_sums_of_the_table((shape, a, b) in factors()) {
            for table in [table(), exact()] {
                let mut c = vec![i32::MIN; shape[0] * shape[2]];
                table.multiply(&a, &b, shape, &mut c).unwrap();
                prop_assert_eq!(c, naive(&table, &a, &b, shape));
            }
        }
    }

    #[test]
    fn sums_longer_than_a_block_are_those_of_the_table() {
        let shape = [3, 1_300, 5];
        let codes = |count: usize, step: usize| (0..count).map(|at| (at * step) as u8).collect();
        let (a, b): (Vec<u8>, Vec<u8>) = (codes(3 * 1_300, 7), codes(1_300 * 5, 11));
        let mut c = vec![0; 15];
        exact().multiply(&a, &b, shape, &mut c).unwrap();
        assert_eq!(c, naive(&exact(), &a, &b, shape));
    }

    #[test]
    fn products_of_two_numbers_are_known_and_one_other_is_noticed() {
        let of = |product: fn(i64, i64) -> i64| {
            let whole = |a: u8, b: u8| product(i64::from(a), i64::from(b.cast_signed())) as i32;
            ProductTable::of(whole).separable.is_some()
        };
        assert!(of(|a, b| a * b));
        assert!(of(|a, b| (3 * a - 2) * (b - 4)));
        assert!(!of(|a, b| if (a, b) == (255, -128) { 0 } else { a * b }));
        assert!(
            !of(|a, b| if (a, b) == (0, 0) { 1 } else { a * b }),
            "by the first product of one"
        );
        assert!(!of(|a, b| a * b + 1));
        assert!(!of(|_, _| 0), "not of a product of one");
    }

    #[test]
    fn the_largest_sums_of_products_of_two_numbers_fit_as_well() {
        let table =
            ProductTable::of(|a, b| if a == 1 && b == 1 { 1 << 20 } else { (a == 1) as i32 });
        assert!(table.separable.is_some());
        let pairs = 2_047;
        let mut c = [0; 1];
        table.multiply(&vec![1; pairs], &vec![1; pairs], [1, pairs, 1], &mut c).unwrap();
        assert_eq!(c, [2_047 * (1 << 20)]);
    }

    #[test]
    fn a_product_that_no_sum_can_hold_exactly_is_looked_up() {
        let of = |one: i32| {
            ProductTable::of(|a, b| if a == 1 && b == 1 { one } else { i32::from(a == 1) })
        };
        assert!(of(1 << 24).separable.is_some());
        let table = of((1 << 24) + 1);
        assert!(table.separable.is_none());
        let mut c = [0; 1];
        table.multiply(&[1; 3], &[1; 3], [1, 3, 1], &mut c).unwrap();
        assert_eq!(c, [3 * ((1 << 24) + 1)]);
    }

    #[test]
    fn a_table_of_its_products_is_the_table_of_its_function() {
        let table = table();
        let codes = || 0..=u8::MAX;
        let products: Vec<i32> = codes()
            .flat_map(|a| codes().map(move |b| (a, b)))
            .map(|(a, b)| table.at(a, b))
            .collect();
        assert_eq!(ProductTable::new(&products).unwrap(), table);
    }

    #[test]
    fn the_largest_sums_fit_and_one_product_more_is_refused() {
        let table = ProductTable::of(|_, _| -(1 << 20));
        let pairs = 2_047;
        let (a, b, mut c) = (vec![1; pairs + 1], vec![1; pairs + 1], [0]);
        table.multiply(&a[1..], &b[1..], [1, pairs, 1], &mut c).unwrap();
        assert_eq!(c, [-2_047 * (1 << 20)]);
        let error = table.multiply(&a, &b, [1, pairs + 1, 1], &mut c).unwrap_err();
        let sentence = "a sum of 2048 products of up to 1048576 may not fit into 32 bits";
        assert_eq!(error.to_string(), sentence);
        assert_eq!(c, [-2_047 * (1 << 20)], "C is as before");
    }

    #[test]
    fn tables_and_matrices_of_the_wrong_size_are_refused() {
        let error = ProductTable::new(&[0; 255 * 256]).unwrap_err().to_string();
        let sentence = "a table of 65280 products was given, expected 65536, one a pair of codes";
        assert_eq!(error, sentence);
        let wrong = |a: usize, b: usize, c: usize| {
            let (a, b, mut c) = (vec![0; a], vec![0; b], vec![0; c]);
            table().multiply(&a, &b, [2, 3, 4], &mut c).unwrap_err().to_string()
        };
        assert_eq!(wrong(5, 12, 8), "A has 5 elements, expected 2 x 3");
        assert_eq!(wrong(6, 11, 8), "B has 11 elements, expected 3 x 4");
        assert_eq!(wrong(6, 12, 9), "C has 9 elements, expected 2 x 4");
    }
}
