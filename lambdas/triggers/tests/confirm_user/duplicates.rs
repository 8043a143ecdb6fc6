//! A thousand copies of a hundred sign-ups, many at once, and the deliveries run as Lambda runs them: in
//! several processes, some events twice, each failure tried again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::cloud::Cloud;
use crate::support::server::{Reply, Server};
use crate::support::*;
use saasauth_triggers::confirm_user;
use saasauth_triggers::confirm_user::ConfirmUser;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const USERS: usize = 100;
const COPIES: usize = 10;
/// How many processes Lambda runs the function in.
const PROCESSES: usize = 8;
/// How many events are under way at once. More make a debug build on a small machine slower than the
/// function's own time limits.
const AT_ONCE: usize = 40;

fn sub(user: usize) -> String {
    format!("user-{user}")
}

/// Sends every payload to one of the processes, many at once. Those that fail come back.
async fn run(processes: &[Arc<ConfirmUser>], payloads: Vec<Value>) -> Vec<Value> {
    let mut failed = Vec::new();
    for burst in payloads.chunks(AT_ONCE) {
        let mut running = JoinSet::new();
        for (payload, process) in burst.iter().zip(processes.iter().cycle()) {
            let (process, payload) = (Arc::clone(process), payload.clone());
            running.spawn(async move {
                let answer = invoke(&process, payload.clone()).await;
                answer.err().map(|_| payload)
            });
        }
        failed.extend(running.join_all().await.into_iter().flatten());
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_for_a_hundred_users_make_a_hundred_of_each() {
    let cloud = Cloud::start().await;
    let platform = Server::start(|_| Reply::text(200, "")).await;
    let platforms = json!({ "webhook": { "url": platform.url, "secret": "/s" } });
    let settings = confirm_user::Settings {
        welcome: with_welcome().welcome,
        ..with_platforms(&platforms)
    };
    cloud.set_secret("/s", "s");
    let processes: Vec<_> = (0..PROCESSES)
        .map(|_| Arc::new(function(cloud.url(), settings.clone())))
        .collect();

    // Neighbours in time are copies of the same event.
    let events: Vec<_> = (0..USERS * COPIES)
        .map(|number| number / COPIES)
        .map(|user| event_of(&sub(user), &format!("user{user}@acme.com")))
        .collect();
    let mut failed = run(&processes, events).await;
    // Cognito tries again.
    for _ in 0..3 {
        failed = run(&processes, failed).await;
    }
    assert_eq!(failed.len(), 0, "every sign-up succeeds");
    assert_eq!(cloud.users(), USERS);

    // Lambda queues what was handed over, some of it twice.
    let mut queue = cloud.take_invocations();
    assert!(queue.len() >= USERS);
    let handed: HashMap<_, usize> = queue.iter().fold(HashMap::new(), |mut handed, payload| {
        *handed.entry(payload["sub"].to_string()).or_default() += 1;
        handed
    });
    assert_eq!(handed.len(), USERS);
    queue.extend((0..USERS).map(|user| owed_to(&sub(user))));
    queue.sort_by_key(|payload| payload["sub"].to_string());
    for _ in 0..4 {
        queue = run(&processes, queue).await;
    }
    assert_eq!(queue.len(), 0, "every delivery is made");

    assert_eq!((cloud.users(), cloud.mails().len()), (USERS, USERS));
    let mut mailed: Vec<_> = cloud
        .mails()
        .iter()
        .map(|mail| mail["Destination"]["ToAddresses"][0].to_string())
        .collect();
    mailed.sort_unstable();
    mailed.dedup();
    assert_eq!(mailed.len(), USERS, "one each");
    assert_eq!(platform.asked().len(), USERS);
    for user in 0..USERS {
        assert_eq!(cloud.pending(&sub(user)), [""; 0]);
    }
}
