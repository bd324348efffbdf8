//! Shares as others write them, in steps of ours.

use cutout_core::Rate;

/// The nearest rate, for a share between 0 and 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked in the line before
pub(crate) fn nearest(share: f64) -> Result<Rate, &'static str> {
    let points = (share * 10_000.0).round();
    if !(1.0..=10_000.0).contains(&points) {
        return Err("a threshold out of our range");
    }
    Rate::try_basis_points(points as u32).map_err(|_| "a threshold out of our range")
}

/// The lowest rate above `share`, if there is one: for thresholds that must be exceeded.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 and 10,000
pub(crate) fn above(share: f64) -> Option<Rate> {
    let points = (share.clamp(0.0, 1.0) * 10_000.0 + 1e-6).floor() as u32;
    Rate::try_basis_points(points + 1).ok()
}

/// Whether ours can hold this share exactly.
pub(crate) fn is_exact(share: f64) -> bool {
    let points = share * 10_000.0;
    (points - points.round()).abs() < 1e-6
}

/// What a threshold that is not exact may explain.
pub(crate) const FINER: &str =
    "the threshold is finer than a hundredth of a percent (ours: to the nearest)";
