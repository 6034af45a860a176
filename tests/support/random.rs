//! Repeatable randomness.

#![allow(clippy::cast_precision_loss)]

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 to 1, exclusive.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws from `0..keys`, of which the nth is drawn in proportion to `1 / n^exponent`.
pub fn zipf(keys: u32, exponent: f64, draws: usize, random: &mut Random) -> Vec<u32> {
    let mut total = 0.0;
    let sums: Vec<f64> = (1..=keys)
        .map(|rank| {
            total += f64::from(rank).powf(-exponent);
            total
        })
        .collect();
    (0..draws)
        .map(|_| {
            let wanted = random.unit() * total;
            u32::try_from(sums.partition_point(|sum| *sum <= wanted)).unwrap()
        })
        .collect()
}
