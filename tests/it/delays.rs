//! Every example is deployed, changed and destroyed while AWS lags, throttles, fails and loses answers: one
//! delay of `support/delays.rs` at a time.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

use std::time::Instant;

use crate::support::{Cloud, DELAYS, Delay, Delayed, EXAMPLES, Example, nothing_is_left};

/// What went wrong, if anything.
type Outcome = Result<usize, String>;

/// Deploys, finds nothing to do, changes, finds nothing to do, and destroys. Returns how often the delay
/// was felt.
fn live_through(example: &Example, delay: Delay) -> Outcome {
    let mut project = example.project();
    let delayed = Delayed::by(&Cloud::shared().endpoint_url, delay);
    let direct = project.endpoint_url.replace(delayed.endpoint_url.clone());
    let run = |arguments: &[&str], doing: &str| {
        let output = project.run(arguments);
        match output.code {
            0 => Ok(()),
            _ => Err(format!("{doing}: {output:?}")),
        }
    };
    let settled = |doing: &str| {
        let arguments = ["diff", "--no-build", "--detailed-exitcode"];
        run(&arguments, &format!("nothing to do after {doing}"))
    };
    run(&["deploy", "--no-build"], "deploy")?;
    settled("the deploy")?;
    example.change(&project);
    run(&["deploy", "--no-build"], "change")?;
    settled("the change")?;
    run(&["destroy"], "destroy")?;
    let felt = delayed.felt();
    project.endpoint_url = direct;
    nothing_is_left(&project)?;
    Ok(felt)
}

/// Fails with everything that went wrong; says how many combinations were run.
fn all(examples: &[&Example]) {
    let mut wrong = Vec::new();
    let mut run = 0;
    for delay in DELAYS {
        let mut felt = 0;
        for example in examples {
            run += 1;
            let began = Instant::now();
            let outcome = live_through(example, *delay);
            println!(
                "{} while {}: {:.1?}",
                example.name,
                delay.name,
                began.elapsed()
            );
            match outcome {
                Ok(times) => felt += times,
                Err(what) => wrong.push(format!("{} while {}: {what}", example.name, delay.name)),
            }
        }
        // Of the examples, one sends text messages.
        let sms = delay.name.contains("SMS") && examples.iter().all(|one| one.name != "full");
        if felt == 0 && !sms {
            wrong.push(format!("nobody felt that {}", delay.name));
        }
    }
    println!(
        "{run} combinations of example and delay, {} failed",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_starter_lives_through_every_delay() {
    all(&[&EXAMPLES[1]]);
}

#[test]
#[ignore = "takes minutes: `cargo test --test it -- --ignored every_example`"]
fn every_example_lives_through_every_delay() {
    all(&EXAMPLES.iter().collect::<Vec<_>>());
}
