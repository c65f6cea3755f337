//! Steps by hand, and gradients with and without zeros.

use super::*;
use crate::layer::{Gradient, ParameterName};

const NAME: ParameterName = ParameterName { layer: "layer", part: "weight" };

const SGD: OptimizerConfig =
    OptimizerConfig::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.01 };
const NESTEROV: OptimizerConfig =
    OptimizerConfig::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 };
const PLAIN: OptimizerConfig =
    OptimizerConfig::Sgd { learning_rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
const LAZY: OptimizerConfig = OptimizerConfig::LazyAdam { learning_rate: 0.1 };
/// A gradient that is zero is to them as one that is not there.
const DENSE: [OptimizerConfig; 4] =
    [SGD, NESTEROV, PLAIN, OptimizerConfig::Adam { learning_rate: 0.1 }];
const CONFIGS: [OptimizerConfig; 5] = [SGD, NESTEROV, PLAIN, DENSE[3], LAZY];

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let refused = |text: &str| {
        let config: OptimizerConfig = serde_yaml::from_str(text).unwrap();
        config.check().unwrap_err().field
    };
    for rate in ["0", "-1", ".nan", ".inf", "1e40"] {
        assert_eq!(refused(&format!("{{name: adam, learning_rate: {rate}}}")), "learning_rate");
    }
    for momentum in ["3", "-7", "1", ".nan"] {
        let text = format!("{{name: sgd, learning_rate: 0.1, momentum: {momentum}}}");
        assert_eq!(refused(&text), "momentum");
    }
    for decay in ["-0.1", ".nan", ".inf"] {
        let text = format!("{{name: sgd, learning_rate: 0.1, weight_decay: {decay}}}");
        assert_eq!(refused(&text), "weight_decay");
    }
    assert!(CONFIGS.iter().all(|config| config.check().is_ok()));
}

#[test]
fn missing_rows_are_rows_of_zeros_bit_for_bit() {
    for config in DENSE {
        let set = InstructionSet::detect();
        let (mut sparse, mut dense) = (Optimizer::new(config, set), Optimizer::new(config, set));
        let mut x = vec![1.0f32, -2.0, 3.0, 0.5, 0.25, -1.0];
        let mut y = x.clone();
        for indices in [&[0u32, 2][..], &[1], &[0, 1, 2], &[]] {
            let compact: Vec<f32> = (0..2 * indices.len()).map(|i| i as f32 - 0.7).collect();
            let mut full = vec![0.0; 6];
            for (position, &row) in indices.iter().enumerate() {
                full[2 * row as usize..][..2].copy_from_slice(&compact[2 * position..][..2]);
            }
            sparse.begin_step();
            dense.begin_step();
            let rows = Gradient::Rows { indices, values: &compact };
            sparse.update(Parameter::new(NAME, &mut x, 2, rows));
            let gradient = Gradient::Dense(&full);
            dense.update(Parameter::new(NAME, &mut y, 2, gradient));
            assert_eq!(x, y, "{config:?}");
        }
    }
}

#[test]
fn missing_columns_are_columns_of_zeros_bit_for_bit() {
    // Two pieces and a part of a third.
    let length = 2 * PIECE + 3;
    let columns: Vec<u32> = (0..length as u32).filter(|column| column % 3 != 1).collect();
    let [none, outer] = [&[][..], &[0, length as u32 - 1]];
    for (config, columns) in
        CONFIGS.into_iter().flat_map(|config| [none, outer, &columns].map(|c| (config, c)))
    {
        let set = InstructionSet::detect();
        let mut optimizers = [(); 2].map(|()| Optimizer::new(config, set));
        let mut x: Vec<f32> = (0..3 * length).map(|i| (i % 7) as f32 - 2.5).collect();
        let mut y = x.clone();
        for rows in [&[0u32, 2][..], &[1]] {
            let values: Vec<f32> =
                (0..rows.len() * columns.len()).map(|i| (i % 5) as f32 - 1.7).collect();
            let block = Gradient::Block { rows, columns, values: &values };
            let mut whole = Vec::new();
            Parameter::new(NAME, &mut x, length, block).append_gradient(&mut whole);
            let of_rows = rows.iter().flat_map(|&row| &whole[row as usize * length..][..length]);
            let whole: Vec<f32> = of_rows.copied().collect();
            let [sparse, dense] = &mut optimizers;
            sparse.begin_step();
            dense.begin_step();
            sparse.update(Parameter::new(NAME, &mut x, length, block));
            let rows = Gradient::Rows { indices: rows, values: &whole };
            dense.update(Parameter::new(NAME, &mut y, length, rows));
            assert_eq!(x, y, "{config:?}");
        }
        assert_eq!(optimizers[0].averages, optimizers[1].averages, "{config:?}");
    }
}

#[test]
fn rows_without_a_gradient_stay_where_an_optimiser_leaves_them() {
    let adam = OptimizerConfig::Adam { learning_rate: 0.1 };
    for (config, stays) in [(PLAIN, true), (LAZY, true), (SGD, false), (adam, false)] {
        let mut optimizer = Optimizer::new(config, InstructionSet::detect());
        let mut x = vec![1.0f32, 2.0];
        let mut step = |gradient: Gradient<'_>| {
            optimizer.begin_step();
            optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
            x.clone()
        };
        let both = step(Gradient::Dense(&[0.5, -0.5]));
        let one = step(Gradient::Rows { indices: &[1], values: &[0.25] });
        assert_eq!(one[0] == both[0], stays, "{config:?}");
        assert_ne!(one[1], both[1]);
        // Where all rows have a gradient it is Adam.
        let third = step(Gradient::Dense(&[0.5, 0.5]));
        assert_ne!(third[0], one[0]);
    }
    let all = [0.5, -0.2, 0.1];
    let set = InstructionSet::detect();
    assert_eq!(after(Optimizer::new(LAZY, set), &all), after(Optimizer::new(adam, set), &all));
}

/// Norms are brought up to date; those of rows that stay are not computed anew, if they were of
/// the parameter.
#[test]
fn norms_of_rows_that_stay_are_believed_if_they_were_current() {
    for (were_current, expected) in [(true, 77.0), (false, 5.0)] {
        let mut optimizer = Optimizer::new(PLAIN, InstructionSet::detect());
        let (mut x, mut norms) = ([3.0f32, 4.0, 1.0, 0.0], [77.0, 77.0]);
        let mut are_current = false;
        let row_norms = RowNorms { norms: &mut norms, were_current, are_current: &mut are_current };
        let gradient = Gradient::Rows { indices: &[1], values: &[0.0, 10.0] };
        let parameter = Parameter::new(NAME, &mut x, 2, gradient);
        optimizer.begin_step();
        optimizer.update(Parameter { row_norms: Some(row_norms), ..parameter });
        assert!(are_current);
        assert_eq!(norms, [expected, 2f64.sqrt()]);
    }
}

#[test]
fn averages_decay_to_zero_and_not_to_subnormal_numbers() {
    for config in CONFIGS {
        let config = match config {
            OptimizerConfig::Sgd { learning_rate, momentum, nesterov, .. } => {
                OptimizerConfig::Sgd { learning_rate, momentum, nesterov, weight_decay: 0.0 }
            }
            adam => adam,
        };
        let mut optimizer = Optimizer::new(config, InstructionSet::detect());
        let mut x = vec![1.0f32];
        for step in 0..3_000 {
            let gradient = [if step == 0 { 1e-3 } else { 0.0 }];
            optimizer.begin_step();
            let gradient = Gradient::Dense(&gradient);
            optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
            let Averages { first, second } = &optimizer.averages[0];
            let averages = first.iter().chain(second);
            assert!(averages.into_iter().all(|x| !x.is_subnormal()), "{config:?}");
        }
        assert_eq!(optimizer.averages[0].first, [0.0], "{config:?}");
    }
}

#[test]
fn a_quadratic_is_minimised() {
    for config in CONFIGS {
        let mut optimizer = Optimizer::new(config, InstructionSet::detect());
        let mut x = vec![5.0f32];
        for _ in 0..500 {
            let gradient = [2.0 * (x[0] - 1.0)];
            optimizer.begin_step();
            let gradient = Gradient::Dense(&gradient);
            optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
        }
        assert!((x[0] - 1.0).abs() < 0.02, "{config:?}: {}", x[0]);
    }
}

/// A parameter after steps with these gradients.
fn after(mut optimizer: Optimizer, gradients: &[f32]) -> f32 {
    let mut x = [1.0f32];
    for &gradient in gradients {
        optimizer.begin_step();
        optimizer.update(Parameter::new(NAME, &mut x, 1, Gradient::Dense(&[gradient])));
    }
    x[0]
}

#[test]
fn steps_are_as_computed_by_hand() {
    let set = InstructionSet::detect();
    // Slopes are gradient + 0.01 x; velocities 0.51 and 0.9 * 0.51 + slope.
    let plain = after(Optimizer::new(SGD, set), &[0.5, -0.2]);
    let x = 1.0 - 0.1 * 0.51;
    let velocity = 0.9 * 0.51 + (-0.2 + 0.01 * x);
    assert!((f64::from(plain) - (x - 0.1 * velocity)).abs() < 1e-6, "{plain}");
    let nesterov = after(Optimizer::new(NESTEROV, set), &[0.5, -0.2]);
    let x = 1.0 - 0.1 * (0.51 + 0.9 * 0.51);
    let slope = -0.2 + 0.01 * x;
    let velocity = 0.9 * 0.51 + slope;
    let expected = x - 0.1 * (slope + 0.9 * velocity);
    assert!((f64::from(nesterov) - expected).abs() < 1e-6, "{nesterov}");
}

#[test]
fn a_group_has_its_own_rate_and_decay() {
    let set = InstructionSet::detect();
    let group = |pattern: &str| ParameterGroup {
        learning_rate: 64.0,
        weight_decay: 0.25,
        ..ParameterGroup::new(pattern.to_owned().try_into().unwrap())
    };
    let of = |patterns: &[&str]| {
        let groups = patterns.iter().map(|pattern| group(pattern)).collect();
        after(Optimizer::new(SGD, set).with_groups(groups), &[0.5])
    };
    assert_eq!(of(&["other.*", "*.bias"]), 1.0 - 0.1 * 0.51);
    let expected = 1.0 - 6.4 * (0.5 + 0.0025);
    assert!((of(&["*.weight"]) - expected).abs() < 1e-5);
    let mut first = vec![group("layer.*"), group("*.weight")];
    first[0].learning_rate = 0.5;
    let found = after(Optimizer::new(SGD, set).with_groups(first), &[0.5]);
    assert!((found - (1.0 - 0.05 * 0.5025)).abs() < 1e-6, "the first that matches: {found}");
}

#[test]
fn a_frozen_parameter_stays_with_its_averages() {
    let mut optimizer = Optimizer::new(SGD, InstructionSet::detect());
    let mut x = [1.0f32];
    let mut step = |is_frozen| {
        optimizer.begin_step();
        let parameter = Parameter::new(NAME, &mut x, 1, Gradient::Dense(&[0.5]));
        optimizer.update(Parameter { is_frozen, ..parameter });
        (x[0], optimizer.averages.clone())
    };
    let before = step(false);
    assert_eq!(step(true), before);
    assert_ne!(step(false), before);
}
