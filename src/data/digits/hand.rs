//! Numbered random draws: how a person's hand differs from one digit to the next.

use crate::rng::Rng;

/// Random numbers taken one after the other.
pub(super) struct Hand {
    rng: Rng,
    next: u64,
}

impl Hand {
    pub(super) fn new(rng: Rng) -> Self {
        Self { rng, next: 0 }
    }

    /// Returns the number of the next element. Elements `2n` and `2n + 1` of a sequence come from the same random words; each
    /// draw takes the even one, so that a uniform number tells nothing about the normal one after it.
    fn number(&mut self) -> u64 {
        self.next += 2;
        self.next - 2
    }

    /// Draws uniformly from [0, 1).
    pub(super) fn uniform(&mut self) -> f32 {
        let number = self.number();
        self.rng.uniform(number)
    }

    /// Draws uniformly from [low, high).
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Draws from a normal with a standard deviation of `spread`, cut at twice that: nobody writes like the tails of a
    /// normal.
    pub(super) fn about(&mut self, mean: f32, spread: f32) -> f32 {
        let number = self.number();
        mean + spread * self.rng.normal(number).clamp(-2.0, 2.0)
    }
}
