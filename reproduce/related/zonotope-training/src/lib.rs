//! Training a small network so that its outputs provably avoid an unsafe set.
//!
//! After Chung, Dai, Knowles, Kousik and Gao, "Constrained Feedforward Neural Network Training via
//! Reachability Analysis" (arXiv 2107.07696). A network 2-n-2 with ReLU units maps the square
//! [-1, 1]^2 to a union of polytopes, one for each activation pattern that inputs can have. Each is
//! a constrained [`zonotope`], found exactly; whether it meets the obstacle is a linear program
//! ([`least_norm`]), whose value falls below 1 where it does and has a gradient by the weights
//! ([`collision`]). Training takes turns between the objective and that gradient ([`run()`]).
//!
//! From the paper's abstract and the released code: the sets, the image of a ReLU layer, the
//! emptiness check, the experiment. Ours: cells by depth-first search ([`cells`]), the gradient in
//! closed form, a margin, training with sampled products, and three things that stand between a
//! network and the word "safe": a [`Certificate`] whose reasons are checked without a solver, a
//! second verifier by clipping polygons ([`regions`]), and a falsifier ([`samples`]). Two faults in
//! the released code's enumeration are shown in [`cells`].
//!
//! No number of the paper was at hand, so none is compared: [`claims`] has what is claimed, [`checks`]
//! with thresholds that were set before the runs, and [`statements`] puts all of it to an experiment.
//!
//! ```
//! use zonotope_training::{Arm, Settings, run};
//! let small = Settings { hidden: 6, examples: 200, fit_steps: 400, constrained_steps: 100,
//!     falsifier_inputs: 10_000, ..Settings::published() };
//! let outcome = run(&small, Arm::Constrained, 1)?;
//! assert!(outcome.before.samples.unsafe_outputs > 0);
//! assert!(outcome.certificate?.least_scale() > 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cells;
pub mod certificate;
pub mod checks;
pub mod claims;
pub mod collision;
pub mod layers;
pub mod least_norm;
pub mod obstacle;
pub mod pattern;
pub mod polygon;
pub mod regions;
pub mod run;
pub mod samples;
pub mod settings;
pub mod statements;
pub mod zonotope;

pub use certificate::Certificate;
pub use obstacle::Obstacle;
pub use pattern::Pattern;
pub use polygon::Polygon;
pub use run::run;
pub use settings::{Arm, Settings};
pub use zonotope::ConstrainedZonotope;
