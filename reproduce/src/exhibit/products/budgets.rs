//! Sizes and budgets of sampled products, as settings give them.

use training::setting::{FieldError, count, count_within};

use crate::exhibit::settings::MOST_REPEATS;

/// Sizes that a product and its repeats can have.
///
/// # Errors
/// Names the first size that is out of range.
pub fn check_sizes(
    rows: usize,
    pairs: usize,
    columns: usize,
    repeats: usize,
) -> Result<(), FieldError> {
    for (field, size) in [("rows", rows), ("pairs", pairs), ("columns", columns)] {
        count(field, size)?;
    }
    count_within("repeats", repeats, 1..=MOST_REPEATS)
}

/// Budgets from 1 to the number of pairs, increasing.
///
/// # Errors
/// Names the list.
pub fn check_budgets(budgets: &[usize], pairs: usize) -> Result<(), FieldError> {
    let increasing = budgets.is_sorted_by(|one, next| one < next);
    let inside = budgets.iter().all(|budget| (1..=pairs).contains(budget));
    if increasing && inside && !budgets.is_empty() {
        return Ok(());
    }
    let expected = "increasing numbers from 1 to pairs";
    Err(FieldError::new("budgets", format!("{budgets:?}"), expected))
}

/// The budgets nearest to a tenth, a quarter and a half of the pairs: what tables show.
pub fn shown(budgets: &[usize], pairs: usize) -> Vec<usize> {
    let nearest = |share: f64| {
        let distance = |budget: usize| (budget as f64 - share * pairs as f64).abs();
        budgets.iter().copied().min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
    };
    let mut shown: Vec<usize> = [0.1, 0.25, 0.5].into_iter().filter_map(nearest).collect();
    shown.dedup();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_show_each_of_the_nearest_budgets_once() {
        assert_eq!(shown(&[5, 10, 20, 30, 60], 100), [10, 20, 60]);
        assert_eq!(shown(&[40], 100), [40]);
        assert_eq!(shown(&[], 100), [0; 0]);
    }

    #[test]
    fn budgets_increase_up_to_the_pairs() {
        assert!(check_budgets(&[1, 8], 8).is_ok());
        for wrong in [&[][..], &[0, 1], &[2, 2], &[3, 2], &[9]] {
            assert_eq!(check_budgets(wrong, 8).unwrap_err().field, "budgets");
        }
    }
}
