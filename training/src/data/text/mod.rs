//! Text for language models: words as numbers, and minibatches of consecutive ones.
//!
//! A minibatch of text has a row a sequence and a column a time step; the numbers of its input are
//! token numbers, which f32 holds exactly. Its labels are the tokens that come next, time step by
//! time step: that of time step t of sequence b, of B, is entry t * B + b.

mod corpus;
mod file;
mod generated;
mod penn_treebank;
mod source;
mod vocabulary;

pub use corpus::Corpus;
pub use file::LARGEST_TEXT;
pub use generated::generated_text;
pub use penn_treebank::load_penn_treebank;
pub use source::TextSource;
pub use vocabulary::{END_OF_SENTENCE, LARGEST_VOCABULARY, Vocabulary};
