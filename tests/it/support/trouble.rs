//! A local cloud that refuses a third of all requests, as AWS does to who asks too much or when it is in trouble.

use std::sync::atomic::{AtomicU64, Ordering};

use super::between::{Answer, Question, Between, Hook};

/// How it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// As too many, under one of the codes that AWS has for it.
    Throttled,
    /// As a fault of its own.
    Failing,
}

/// A proxy that refuses by the throw of a dice. Ends when dropped.
pub(crate) type Troubled = Between<Dice>;

pub(crate) struct Dice {
    trouble: Trouble,
    /// Where the sequence of throws stands.
    thrown: AtomicU64,
    refused: AtomicU64,
}

impl Troubled {
    /// Refuses a third of all requests, by a dice of this seed.
    pub(crate) fn third(upstream: &str, trouble: Trouble, seed: u64) -> Self {
        let dice = Dice {
            trouble,
            thrown: AtomicU64::new(seed),
            refused: AtomicU64::new(0),
        };
        Self::new(upstream, dice)
    }

    /// How many requests were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.hook.refused.load(Ordering::Relaxed)
    }
}

impl Hook for Dice {
    async fn before(&self, asked: &Question) -> Option<Answer> {
        const CODES: [&str; 3] = [
            "ThrottlingException",
            "TooManyRequestsException",
            "Throttling",
        ];
        let thrown = self.throw();
        if !thrown.is_multiple_of(3) {
            return None;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        let words = "Rate exceeded";
        Some(match self.trouble {
            Trouble::Throttled => {
                let code = CODES[(thrown / 3 % 3) as usize];
                Answer::error(asked, 400, code, words)
            }
            Trouble::Failing => Answer::error(asked, 500, "InternalFailure", words),
        })
    }

    async fn after(&self, _asked: &Question, answer: Answer) -> Option<Answer> {
        Some(answer)
    }
}

impl Dice {
    /// The next number of splitmix64, which spreads any seed well.
    fn throw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut number = self
            .thrown
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}
