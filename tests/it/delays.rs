//! Every example is deployed, changed and destroyed while AWS lags, throttles, fails and loses answers: one
//! delay of `support/delays.rs` at a time.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::support::{Cloud, DELAYS, Delay, Delayed, EXAMPLES, Example, at_once, nothing_is_left};

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
    let combinations: Vec<(&Delay, &Example)> = DELAYS
        .iter()
        .flat_map(|delay| examples.iter().map(move |example| (delay, *example)))
        .collect();
    let felt: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    let wrong = Mutex::new(Vec::new());
    at_once(2, &combinations, |(delay, example)| {
        let began = Instant::now();
        let outcome = live_through(example, **delay);
        let took = began.elapsed();
        println!("{} while {}: {took:.1?}", example.name, delay.name);
        let times = outcome.unwrap_or_else(|what| {
            let what = format!("{} while {}: {what}", example.name, delay.name);
            wrong.lock().unwrap().push(what);
            0
        });
        *felt.lock().unwrap().entry(delay.name).or_default() += times;
    });
    let mut wrong = wrong.into_inner().unwrap();
    for (delay, times) in felt.into_inner().unwrap() {
        // Of the examples, one sends text messages.
        let sms = delay.contains("SMS") && examples.iter().all(|one| one.name != "full");
        if times == 0 && !sms {
            wrong.push(format!("nobody felt that {delay}"));
        }
    }
    println!(
        "{} combinations of example and delay, {} failed",
        combinations.len(),
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
