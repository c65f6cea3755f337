//! How a product is cut into blocks that stay in the caches.

/// Bytes of an inner block of one row or lane: a tile of the left factor stays in the first-level
/// cache while it passes the panels of the right.
const INNER_BLOCK: usize = 2048;
/// Bytes of a block's packed panels: they stay in the second-level cache while the tiles pass.
pub(super) const PANEL_BLOCK: usize = 336 * INNER_BLOCK;
/// The widest panel of any instruction set and type.
pub(super) const MAXIMUM_WIDTH: usize = 48;

/// The inner indices of a block.
pub(super) fn block_depth<T>(inner: usize) -> usize {
    even_part(inner, INNER_BLOCK / size_of::<T>())
}

/// The length of equal parts of at most `most`, of which the last may be shorter.
pub(super) fn even_part(length: usize, most: usize) -> usize {
    length.div_ceil(length.div_ceil(most).max(1))
}

/// The lanes of a block whose panels are `width` lanes wide, of so many lanes.
pub(super) fn block_lanes<T>(width: usize, inner: usize, lanes: usize) -> usize {
    let panels = PANEL_BLOCK / (width * block_depth::<T>(inner) * size_of::<T>());
    even_part(lanes.div_ceil(width), panels) * width
}
