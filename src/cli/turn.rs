//! Two deploys of one stage: the later one is refused, or waits for its turn.

use std::time::{Duration, Instant};

use clap::Args;

use super::context::Context;
use crate::aws::Aws;
use crate::engine::direct::{self, Found, Turn};
use saasauth_model::error::{ErrorKind, Result};

/// What to do while somebody else deploys the stage.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct TurnOptions {
    /// While somebody else is deploying the stage, wait for so long: 90s, 5m, 1h
    ///
    /// Then the plan is made from what is there after that.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
}

/// What came of one attempt.
pub(super) enum Attempt<T> {
    /// It was made.
    Done(T),
    /// Somebody else has deployed since: it has to be made from the start.
    After,
}

/// How long it may still be waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    until: Option<Instant>,
}

impl Patience {
    fn left(self) -> Duration {
        let left = self
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        left.unwrap_or_default()
    }
}

/// Makes attempts until one is not in vain because of somebody else's deploy.
pub(super) async fn in_turn<T>(
    options: TurnOptions,
    attempt: impl AsyncFn(Patience) -> Result<Attempt<T>>,
) -> Result<T> {
    let until = options.wait.map(|wait| Instant::now() + wait);
    let patience = Patience { until };
    loop {
        // Boxed: what plans and deploys is large, and a loop keeps room for it.
        match Box::pin(attempt(patience)).await {
            Ok(Attempt::Done(done)) => return Ok(done),
            Ok(Attempt::After) => {}
            Err(error) if error.kind == ErrorKind::Locked && !patience.left().is_zero() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until nobody else deploys the stage, as long as there is patience.
pub(super) async fn turn(
    context: &Context,
    aws: &Aws,
    found: &Found,
    patience: Patience,
) -> Result<Turn> {
    if found.ledger.held().is_none() {
        return Ok(Turn::Ours);
    }
    context
        .look(async |events| direct::turn(aws, &found.ledger, patience.left(), events).await)
        .await
}

/// A time such as `90s`, `5m` or `1h`; a day at most.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    const WRONG: &str = "a time is a number with `s`, `m` or `h`, such as 90s, 5m or 1h";
    let unit = text.chars().next_back().ok_or(WRONG)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(WRONG.to_owned()),
    };
    let number = &text[..text.len() - unit.len_utf8()];
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_number).ok_or(WRONG)?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("from 1s to 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_an_end() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("5m", 300), ("24h", 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "0s",
            "-5s",
            "+5s",
            "1d",
            "25h",
            "5 m",
            "5µ",
            "99999999999999999999h",
        ] {
            duration(text).expect_err(text);
        }
    }

    #[tokio::test]
    async fn only_a_lock_in_the_way_is_worth_another_attempt() {
        use saasauth_model::error::Error;
        use std::cell::Cell;

        let waiting = TurnOptions {
            wait: Some(Duration::from_secs(60)),
        };
        let made = Cell::new(0);
        let attempt = async |_| {
            made.set(made.get() + 1);
            match made.get() {
                1 => Err(Error::new(ErrorKind::Locked, "held")),
                2 => Ok(Attempt::After),
                count => Ok(Attempt::Done(count)),
            }
        };
        assert_eq!(in_turn(waiting, attempt).await.expect("in the end"), 3);

        let refused = async |_| Err::<Attempt<()>, _>(Error::refused("no"));
        in_turn(waiting, refused)
            .await
            .expect_err("it is refused for good");
        let held = async |_| Err::<Attempt<()>, _>(Error::new(ErrorKind::Locked, "held"));
        in_turn(TurnOptions { wait: None }, held)
            .await
            .expect_err("nobody waits");
    }
}
