//! What a layer demands of the one before, so that nothing is kept or computed in vain.

use super::StepContext;
use crate::channels::Channels;
use crate::matrix::Matrix;

/// What the backward pass of a layer does with the layer's input, known after the forward pass.
/// Without a list it is all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The channels that are read; others need not be kept.
    pub reads: Option<Channels<'a>>,
    /// The channels that a gradient is sent to; that of the others is zero.
    pub sends: Option<Channels<'a>>,
}

impl<'a> Demand<'a> {
    /// The whole input is read, and all of it gets a gradient.
    pub const WHOLE: Self = Self { reads: None, sends: None };
    /// Nothing is read, and all of the input gets a gradient.
    pub const GRADIENT: Self = Self { reads: Some(Channels::NONE), sends: None };

    /// The channels that a gradient is sent to, if they are `count` for a layer that takes them.
    /// Those of a linear layer after images are the numbers of the images, not their channels.
    pub fn sends_of(self, count: usize) -> Option<Channels<'a>> {
        self.sends.filter(|channels| channels.count == count)
    }

    /// Lets go of an output but for the channels that are read.
    ///
    /// # Panics
    /// When some channels are to be kept of an output that has not all of them any more.
    pub fn keep_read(self, context: &StepContext, output: &mut Matrix) {
        match self.reads {
            None => {}
            Some(channels) if channels.indices.is_empty() => output.release(context.memory),
            Some(channels) => output.keep_channels(context.memory, channels),
        }
    }
}

/// The channels a gradient will come for, in memory that is kept from step to step: for a layer
/// that passes the demand of the next one on to the one before.
#[derive(Debug, Default)]
pub struct ExpectedChannels {
    is_partial: bool,
    indices: Vec<u32>,
    count: usize,
}

impl ExpectedChannels {
    /// A gradient of all channels.
    pub fn all(&mut self) {
        self.is_partial = false;
    }

    /// A gradient of those channels, if there is a list. Returns whether there is.
    pub fn only(&mut self, channels: Option<Channels<'_>>) -> bool {
        if let Some(channels) = channels {
            self.is_partial = true;
            self.indices.clear();
            self.indices.reserve(channels.count);
            self.indices.extend_from_slice(channels.indices);
            self.count = channels.count;
        }
        channels.is_some()
    }

    /// The union of both lists; all channels where one has none, or where they count channels of
    /// different sizes.
    pub fn either(&mut self, one: Option<Channels<'_>>, other: Option<Channels<'_>>) {
        self.is_partial = false;
        if let (Some(one), Some(other)) = (one, other)
            && (one.count == other.count || one.indices.is_empty() || other.indices.is_empty())
        {
            self.only(Some(one));
            self.count = one.count.max(other.count);
            self.indices.extend_from_slice(other.indices);
            self.indices.sort_unstable();
            self.indices.dedup();
        }
    }

    /// The list, where there is one.
    pub fn channels(&self) -> Option<Channels<'_>> {
        self.is_partial.then_some(Channels { indices: &self.indices, count: self.count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_unite_where_they_count_the_same_channels() {
        let mut expected = ExpectedChannels::default();
        let [one, other] = [&[1, 5][..], &[0, 5]].map(|indices| Channels { indices, count: 6 });
        expected.either(Some(one), Some(other));
        let both = Channels { indices: &[0, 1, 5], count: 6 };
        assert_eq!(expected.channels(), Some(both));
        expected.either(Some(one), Some(Channels::NONE));
        assert_eq!(expected.channels(), Some(one));
        // Numbers of an image and its channels.
        expected.either(Some(one), Some(Channels { indices: &[3], count: 24 }));
        assert_eq!(expected.channels(), None);
        expected.either(Some(one), None);
        assert_eq!(expected.channels(), None);
    }
}
