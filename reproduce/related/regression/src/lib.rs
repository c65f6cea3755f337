//! A small network in double precision with one hidden layer, fitted to functions of a few
//! variables.
//!
//! Two of the related systems train such a network, by data assimilation and under a constraint on
//! what it can put out. Here is what they share: the [`network`] with its parameters as one vector,
//! the [`target`] functions and [`data`] drawn from them, two [`optimizer`]s, and [`fit`], how well
//! predictions fit. All products are those of `kernels`, so that a gradient can be a sampled one.
//!
//! ```
//! use kernels::random::Stream;
//! use regression::{Activation, Architecture, Data, Network, Target, optimizer::descend};
//! let stream = Stream::new(7, "example");
//! let data = Data::uniform(Target::Sine, 100, 0.0, &mut stream.child("data").at(0));
//! let architecture =
//!     Architecture { inputs: 1, hidden: 20, outputs: 1, activation: Activation::Tanh };
//! let mut network = Network::random(architecture, &mut stream.child("network").at(0));
//! let before = network.gradient(&data).loss;
//! for _ in 0..100 {
//!     let gradient = network.gradient(&data);
//!     descend(network.parameters_mut(), &gradient.parameters, 0.05);
//! }
//! assert!(network.gradient(&data).loss < before / 2.0);
//! ```

pub mod data;
pub mod fit;
pub mod network;
pub mod optimizer;
pub mod target;

pub use data::Data;
pub use network::{Activation, Architecture, Gradient, Network, Sampling};
pub use target::Target;
