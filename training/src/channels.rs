//! Lists of channels.

/// Some of so many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels<'a> {
    /// Which, in increasing order.
    pub indices: &'a [u32],
    /// Of how many.
    pub count: usize,
}

impl Channels<'_> {
    /// No channel.
    pub const NONE: Self = Self { indices: &[], count: 1 };
}
