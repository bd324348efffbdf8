//! Medians and quartiles.

/// What was measured several times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    /// The distance between the quartiles, as a share of the median.
    pub(crate) spread: f64,
    /// Whether the threads were often kept from running.
    pub(crate) disturbed: bool,
}

impl Figure {
    /// The figure for what was measured at least once.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |quarter: usize| {
            let [low, high] =
                [quarter * (values.len() - 1) / 4, (quarter * (values.len() - 1)).div_ceil(4)];
            f64::midpoint(values[low], values[high])
        };
        let median = at(2);
        Self { median, spread: (at(3) - at(1)) / median, disturbed: false }
    }
}
