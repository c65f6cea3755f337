//! Reading an exhibit's settings from YAML.
//!
//! A built-in document names its exhibit, says about how long each scale takes and holds
//! one block of settings a scale; one of a user's own holds at least one block. Unknown
//! fields are errors, so that a misspelt setting is never silently ignored, and a value
//! out of its range is refused with its line.

mod document;
mod estimator;
mod location;
mod ranges;
mod ratio;
mod scale;
mod source;

pub use document::{Configured, Document, configure};
pub use estimator::NamedEstimator;
pub use ranges::MOST_REPEATS;
pub use ratio::{Ratio, check_ratios, ratios_without_effect};
pub use scale::{PerScale, Scale};
pub use source::{ConfigError, Source};
pub use training::setting::FieldError;
