//! [`Product`]: every combination of what is kept, of reversed and transposed views, of writing and
//! adding, against sums of the elements. The numbers are small integers, so that all orders agree.

use kernels::random::{Stream, below};
use kernels::{MatrixView, MatrixViewMut, Product, Selection};

const ROWS: usize = 5;
const PAIRS: usize = 7;
const COLUMNS: usize = 6;

fn integers(name: &str, count: usize) -> Vec<f64> {
    let mut rng = Stream::new(1, name).at(0);
    (0..count).map(|_| below(&mut rng, 9) as f64 - 4.0).collect()
}

/// Row-major numbers seen in one of eight ways: transposed, and each axis reversed, or not.
fn seen(numbers: &[f64], [rows, columns]: [usize; 2], way: usize) -> MatrixView<'_, f64> {
    let mut view = if way & 1 == 0 {
        MatrixView::row_major(numbers, rows, columns)
    } else {
        MatrixView::row_major(numbers, columns, rows).transpose()
    };
    if way & 2 != 0 {
        view = view.reverse_rows();
    }
    if way & 4 != 0 {
        view = view.reverse_columns();
    }
    view
}

/// [`seen`] for writing.
fn written(numbers: &mut [f64], [rows, columns]: [usize; 2], way: usize) -> MatrixViewMut<'_, f64> {
    let mut view = if way & 1 == 0 {
        MatrixViewMut::row_major(numbers, rows, columns)
    } else {
        MatrixViewMut::row_major(numbers, columns, rows).transpose()
    };
    if way & 2 != 0 {
        view = view.reverse_rows();
    }
    if way & 4 != 0 {
        view = view.reverse_columns();
    }
    view
}

#[derive(Clone, Copy, Debug)]
enum Kept {
    All,
    Pairs,
    Rows,
    Columns,
}

fn some(count: usize) -> Selection {
    let indices: Vec<u32> = (0..count as u32).filter(|i| i % 3 != 1).collect();
    let scales = indices.iter().map(|&i| f64::from(i % 2 + 1)).collect();
    Selection::new(indices, scales, count).unwrap()
}

fn check(kept: Kept, ways: [usize; 3], adds: bool) {
    let (x, y) = (integers("a", ROWS * PAIRS), integers("b", PAIRS * COLUMNS));
    let (a, b) = (seen(&x, [ROWS, PAIRS], ways[0]), seen(&y, [PAIRS, COLUMNS], ways[1]));
    let product = Product::new(a, b);
    let selection = some(match kept {
        Kept::All | Kept::Pairs => PAIRS,
        Kept::Rows => ROWS,
        Kept::Columns => COLUMNS,
    });
    let (all_rows, all_columns) = (Selection::all(ROWS), Selection::all(COLUMNS));
    let all_pairs = Selection::all(PAIRS);
    let (product, rows, pairs, columns) = match kept {
        Kept::All => (product, &all_rows, &all_pairs, &all_columns),
        Kept::Pairs => (product.over(&selection), &all_rows, &selection, &all_columns),
        Kept::Rows => (product.rows(&selection), &selection, &all_pairs, &all_columns),
        Kept::Columns => (product.columns(&selection), &all_rows, &all_pairs, &selection),
    };
    let shape = [rows.len(), columns.len()];
    let before = integers("c", shape[0] * shape[1]);
    let mut after = before.clone();
    let c = written(&mut after, shape, ways[2]);
    if adds {
        product.add_to(c).unwrap()
    } else {
        product.write_to(c).unwrap()
    }
    let (before, after) = (seen(&before, shape, ways[2]), seen(&after, shape, ways[2]));
    let parts = |of: &Selection| -> Vec<(usize, f64)> {
        of.indices().iter().map(|&i| i as usize).zip(of.scales().iter().copied()).collect()
    };
    for (i, (row, row_scale)) in parts(rows).into_iter().enumerate() {
        for (j, (column, column_scale)) in parts(columns).into_iter().enumerate() {
            let terms = parts(pairs).into_iter().map(|(pair, scale)| {
                row_scale * scale * column_scale * a.at(row, pair) * b.at(pair, column)
            });
            let start = if adds { before.at(i, j) } else { 0.0 };
            let expected = start + terms.sum::<f64>();
            assert_eq!(after.at(i, j), expected, "{kept:?}, {ways:?}, adds: {adds}, ({i}, {j})");
        }
    }
}

#[test]
fn products_of_views_in_any_order_are_sums_of_elements() {
    for kept in [Kept::All, Kept::Pairs, Kept::Rows, Kept::Columns] {
        for way in 0..8 * 8 * 8 {
            for adds in [false, true] {
                check(kept, [way % 8, way / 8 % 8, way / 64], adds);
            }
        }
    }
}

#[test]
fn an_empty_selection_writes_zeros_and_adds_nothing() {
    let (x, none) = (integers("a", PAIRS), Selection::new(vec![], vec![], PAIRS).unwrap());
    let a = MatrixView::row_major(&x, 1, PAIRS);
    let mut c = [3.0];
    let product = Product::new(a, a.transpose()).over(&none);
    product.add_to(MatrixViewMut::row_major(&mut c, 1, 1)).unwrap();
    assert_eq!(c, [3.0]);
    product.write_to(MatrixViewMut::row_major(&mut c, 1, 1)).unwrap();
    assert_eq!(c, [0.0]);
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let numbers = [0.0; 6];
    let a = MatrixView::row_major(&numbers, 2, 3);
    let message = |product: Product<f64>, rows: usize, columns: usize| {
        let mut c = vec![7.0; rows * columns];
        let error = product.write_to(MatrixViewMut::row_major(&mut c, rows, columns)).unwrap_err();
        assert!(c.iter().all(|&x| x == 7.0), "nothing is written");
        error.to_string()
    };
    assert_eq!(
        message(Product::new(a, a), 2, 3),
        "A is 2 x 3 and B is 2 x 3: the columns of A are not the rows of B"
    );
    let square = Product::new(a, a.transpose());
    assert_eq!(message(square, 3, 3), "C is 3 x 3 and the product 2 x 2");
    let four = Selection::all(4);
    let of =
        |what: &str, count: usize| format!("the selection is of 4 {what}, and there are {count}");
    assert_eq!(message(square.over(&four), 2, 2), of("pairs", 3));
    assert_eq!(message(square.rows(&four), 4, 2), of("rows of A", 2));
    assert_eq!(message(square.columns(&four), 2, 4), of("columns of B", 2));
    let two = Selection::new(vec![1], vec![1.0], 2).unwrap();
    assert_eq!(message(square.rows(&two), 2, 2), "C is 2 x 2 and the product 1 x 2");
}
