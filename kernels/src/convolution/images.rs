//! Images of which some channels are stored.

use super::check_len;

/// A minibatch of images, `[image][stored channel][row][column]`. What reads one takes the
/// channels that are not stored for zero, and never looks for them.
///
/// This is what layers sampled in the forward pass leave of activations and gradients: the
/// gradient of a channel that was left out is zero, and its activation is not read again.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a, T> {
    pub(super) data: &'a [T],
    pub(super) channels: Option<&'a [u32]>,
}

impl<'a, T> Images<'a, T> {
    /// Images with all their channels.
    pub fn whole(data: &'a [T]) -> Self {
        Self { data, channels: None }
    }

    /// Images with these channels only, in increasing order.
    pub fn of_channels(data: &'a [T], channels: &'a [u32]) -> Self {
        Self { data, channels: Some(channels) }
    }

    /// How many channels are stored of so many.
    pub(super) fn stored(&self, channels: usize) -> usize {
        self.channels.map_or(channels, <[u32]>::len)
    }

    /// Where channels of the whole images, in increasing order, are stored.
    ///
    /// # Panics
    /// When one is not.
    pub(super) fn places(&self, channels: &[u32]) -> Vec<u32> {
        let Some(stored) = self.channels else { return channels.to_vec() };
        let place = |channel| match stored.binary_search(channel) {
            Ok(place) => place as u32,
            Err(_) => panic!("channel {channel} is read, and only {stored:?} are stored"),
        };
        channels.iter().map(place).collect()
    }

    /// # Panics
    /// When the length is not that of images of so many channels, if all were stored, or a
    /// stored channel is none of them.
    pub(super) fn check(&self, name: &str, images: usize, channels: usize, pixels: usize) {
        check_len(name, self.data, images * self.stored(channels) * pixels);
        if let Some(stored) = self.channels {
            let increasing = stored.is_sorted_by(|one, next| one < next);
            let last = stored.last().map_or(0, |&channel| channel as usize + 1);
            assert!(increasing && last <= channels, "{name}: channels {stored:?} of {channels}");
        }
    }
}
