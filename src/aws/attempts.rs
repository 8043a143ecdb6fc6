//! Sends again what waiting cures, below every request and by the one table of waits (`policy`).
//!
//! The SDK's retry loop does the sending and sleeping. It asks its classifiers whether an error is worth
//! another attempt, which see the error but not what was asked, nor for how long already; an interceptor
//! sees all of that. So a classifier here says yes to everything, and the interceptor decides through the loop's own
//! settings, which it may set anew after every attempt: whether there is another, and after which pause.
//! The quota of retries that the SDK shares out by itself is switched off: the table has its own bounds.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::ErrorKind;

use super::answer::Answer;
use super::policy::{self, Asked, Class, Verdict, Wait};
use super::trace;

/// Decides after every attempt whether there is another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts;

/// Says yes to every error; see the head of this file.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyError;

/// Far more attempts than fit into any wait: it is time that bounds them.
const MANY: u32 = 1_000;

/// The retries of one client, before the first attempt has failed.
pub(super) fn settings() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MANY)
}

/// A quota of retries that is never used up.
pub(super) fn unlimited() -> RetryPartition {
    RetryPartition::custom("saasauth")
        .token_bucket(TokenBucket::unlimited())
        .build()
}

/// What one request has waited for so far, over all its attempts.
#[derive(Debug, Clone)]
struct Waited {
    sent: Instant,
    /// How often, and for how long.
    so_far: BTreeMap<Class, (u32, Duration)>,
}

impl Storable for Waited {
    type Storer = StoreReplace<Self>;
}

impl Waited {
    /// The next pause, unless the time for that is up. An attempt that nobody answered counts for as long
    /// as it took; a second one is always made.
    fn next(&mut self, class: Class, wait: &Wait) -> Option<Duration> {
        let (times, slept) = self.so_far.entry(class).or_default();
        if class == Class::Unanswered {
            *slept += self.sent.elapsed();
        }
        let pause = match wait.patience.pause(*times, *slept) {
            None if *times == 0 => wait.patience.pause(0, Duration::ZERO),
            next => next,
        }?;
        *times += 1;
        *slept += pause;
        Some(pause)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "wait and try again"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let so_far = config
            .load::<Waited>()
            .map_or_else(BTreeMap::new, |waited| waited.so_far.clone());
        let sent = Instant::now();
        config
            .interceptor_state()
            .store_put(Waited { sent, so_far });
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let asked = config
            .load::<Metadata>()
            .map(|metadata| Asked {
                service: metadata.service().to_owned(),
                operation: metadata.name().to_owned(),
            })
            .unwrap_or_default();
        if let Some(response) = context.response_mut() {
            // For who turns the error into ours.
            response.add_extension(asked.clone());
        }
        if !context.inner().is_failed() {
            return Ok(());
        }
        let mut verdict = judge(&asked, context.inner());
        // A clock that is off is told under codes of wrong keys and missing rights.
        let is_open = matches!(verdict.class, Class::Other | Class::Denied);
        if is_open && sdk_would_retry(context.inner(), components) {
            verdict.wait = Some(policy::as_the_sdk_says(&asked));
        }
        // Without it nothing was sent, because there are no credentials, say.
        let waited = config.load::<Waited>().cloned();
        let next = waited.zip(verdict.wait).and_then(|(mut waited, wait)| {
            let pause = waited.next(verdict.class, &wait)?;
            Some((waited, wait, pause))
        });
        let Some((waited, wait, pause)) = next else {
            let settings = settings().with_max_attempts(1);
            config.interceptor_state().store_put(settings);
            return Ok(());
        };
        trace::tell(wait.what);
        let settings = settings()
            .with_initial_backoff(pause)
            .with_max_backoff(pause);
        config.interceptor_state().store_put(settings);
        config.interceptor_state().store_put(waited);
        Ok(())
    }
}

/// What the error of an attempt means.
fn judge(asked: &Asked, context: &InterceptorContext) -> Verdict {
    if let Some(answer) = context.response().and_then(Answer::of) {
        return policy::judge(asked, &answer);
    }
    let Some(Err(error)) = context.output_or_error() else {
        return policy::judge(asked, &Answer::default());
    };
    // Cut off in the middle of a success, it can't be read.
    if error.is_response_error() || error.is_timeout_error() {
        return policy::unanswered(asked);
    }
    match error.as_connector_error() {
        Some(connector) => disconnected(asked, connector),
        None => policy::judge(asked, &Answer::default()),
    }
}

/// What it means that the connection failed. Of whatever kind the connector says it is (a connection that ends before
/// the answer is `other` to it): once one was made, the request may have arrived.
pub(super) fn disconnected(asked: &Asked, connector: &ConnectorError) -> Verdict {
    match connector {
        _ if never_left(connector) => policy::unreached(asked),
        _ if connector.is_user() => policy::judge(asked, &Answer::default()),
        _ => policy::unanswered(asked),
    }
}

/// Whether a connection was never made.
fn never_left(error: &(dyn StdError + 'static)) -> bool {
    let mut sources = std::iter::successors(Some(error), |&error| error.source());
    sources.any(|error| {
        error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

/// Whether the SDK has a reason of its own, such as a clock that is off, for which it has corrected already.
fn sdk_would_retry(context: &InterceptorContext, components: &RuntimeComponents) -> bool {
    let mut action = RetryAction::NoActionIndicated;
    for classifier in components.retry_classifiers() {
        if classifier.name() == AnyError.name() {
            continue;
        }
        match classifier.classify_retry_v2(context, &action) {
            RetryAction::NoActionIndicated => {}
            other => action = other,
        }
    }
    // A throttling code of the SDK's list that the table doesn't count as one isn't one.
    matches!(
        action,
        RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. })
            if kind != ErrorKind::ThrottlingError
    )
}

impl ClassifyRetry for AnyError {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        self.classify_retry_v2(context, &RetryAction::NoActionIndicated)
    }

    fn classify_retry_v2(
        &self,
        context: &InterceptorContext,
        previous: &RetryAction,
    ) -> RetryAction {
        match (context.is_failed(), previous) {
            (false, _) => RetryAction::NoActionIndicated,
            // Left as it is: a connection that brought a transient error is not used again. The SDK
            // spreads the pause between nothing and all of it.
            (true, previous) if *previous == RetryAction::transient_error() => {
                RetryAction::NoActionIndicated
            }
            // The pause is cut to the longest that the settings allow, so it is exactly that.
            (true, _) => RetryAction::retryable_error_with_explicit_delay(
                ErrorKind::ThrottlingError,
                Duration::MAX,
            ),
        }
    }

    fn name(&self) -> &'static str {
        "any error"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::aws::replay::{self, error};
    use crate::aws::{Fault, Result};

    fn throttled() -> (u16, String) {
        error(400, "ThrottlingException", "Rate exceeded")
    }

    fn busy() -> (u16, String) {
        error(409, "ResourceConflictException", "An update is in progress")
    }

    async fn delete(answers: Vec<(u16, String)>) -> (Result<()>, usize, Vec<&'static str>) {
        let (aws, replay) = replay::aws(answers);
        let told = Mutex::new(Vec::new());
        let waiting = |what| told.lock().expect("not poisoned").push(what);
        let work = aws.delete_function("f");
        let (deleted, level) = trace::scope_telling("F", 0, &waiting, work).await;
        let sent = replay.finish().len();
        assert_eq!(level as usize, sent, "every attempt is counted");
        (deleted, sent, told.into_inner().expect("not poisoned"))
    }

    #[tokio::test]
    async fn what_waiting_cures_is_sent_again_and_told_by_its_name() {
        let done = (204, String::new());
        let (deleted, sent, told) = delete(vec![throttled(), busy(), throttled(), done]).await;
        deleted.expect("the fourth is answered");
        assert_eq!(sent, 4);
        assert_eq!(
            told,
            [
                "Lambda to take more requests",
                "the function to finish an earlier change",
                "Lambda to take more requests"
            ]
        );
    }

    #[tokio::test]
    async fn a_definite_no_is_not_asked_again() {
        for code in ["AccessDeniedException", "CodeStorageExceededException"] {
            let (deleted, sent, told) = delete(vec![error(400, code, "no")]).await;
            deleted.expect_err(code);
            assert_eq!((sent, told.len()), (1, 0), "{code}");
        }
    }

    #[tokio::test]
    async fn time_that_is_up_is_the_last_answer_with_what_was_waited_for() {
        let looks = 1 + policy_of_busy().patience.pauses().count();
        let (deleted, sent, _) = delete((0..looks).map(|_| busy()).collect()).await;
        assert_eq!(sent, looks);
        let error = deleted.expect_err("busy for ever").while_doing("no");
        assert!(
            error.causes[1].starts_with("waited 120 s for the function"),
            "{error:?}"
        );
    }

    fn policy_of_busy() -> Wait {
        let asked = Asked {
            service: "Lambda".to_owned(),
            operation: "DeleteFunction".to_owned(),
        };
        let answer = Answer {
            status: 409,
            code: "ResourceConflictException".to_owned(),
            ..Answer::default()
        };
        policy::judge(&asked, &answer).wait.expect("a wait")
    }

    #[tokio::test]
    async fn a_quota_is_named_with_what_to_do() {
        let answer = error(400, "LimitExceededException", "too many");
        let (aws, replay) = replay::aws([answer]);
        let request = aws.cognito.create_group().group_name("g").user_pool_id("p");
        let refused: Fault = request.send().await.expect_err("too many").into();
        let error = refused.while_doing("could not create it");
        assert!(
            error.hints[0].contains("groups of a user pool"),
            "{error:?}"
        );
        replay.finish();
    }

    #[tokio::test]
    async fn no_blind_repeat_of_what_is_made_once_more_each_time() {
        let lost = (500, String::new());
        let (aws, replay) = replay::aws([lost.clone()]);
        let request = aws.cognito.create_user_pool().pool_name("p");
        let fault: Fault = request.send().await.expect_err("lost").into();
        assert_eq!(fault.class, Class::Unanswered);
        replay.finish();

        // Throttled is a definite no.
        let (aws, replay) = replay::aws([throttled(), lost]);
        let request = aws.cognito.create_user_pool().pool_name("p");
        request.send().await.expect_err("lost");
        assert_eq!(replay.finish().len(), 2);
    }

    #[test]
    fn a_connection_that_ends_before_the_answer_leaves_it_open() {
        let asked = Asked {
            service: "Cognito Identity Provider".to_owned(),
            operation: "CreateUserPool".to_owned(),
        };
        let broken = || "connection closed before message completed".into();
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into();
        let transient = Some(ErrorKind::TransientError);
        let table = [
            // As the SDK's client tells it of hyper's `IncompleteMessage`.
            (ConnectorError::other(broken(), transient), false),
            (ConnectorError::io(broken()), false),
            (ConnectorError::timeout(broken()), false),
            (ConnectorError::io(refused()), true),
        ];
        for (connector, again) in table {
            let verdict = disconnected(&asked, &connector);
            assert_eq!(verdict.class, Class::Unanswered, "{connector:?}");
            assert_eq!(verdict.wait.is_some(), again, "{connector:?}");
        }
    }

    #[tokio::test]
    async fn pauses_are_what_the_table_says() {
        let (aws, replay) = replay::aws([busy(), busy(), throttled(), (204, String::new())]);
        aws.delete_function("f").await.expect("deleted");
        // The SDK sleeps for ends of its own, too: until credentials are over, or between looks at a stream.
        let own =
            |pause: &Duration| *pause == Duration::from_millis(100) || pause.as_secs() > 3_600;
        let mut pauses = replay.pauses();
        pauses.retain(|pause| !own(pause));
        let [first, second, third] = pauses[..] else {
            panic!("{pauses:?}");
        };
        let table: Vec<Duration> = policy_of_busy().patience.pauses().take(2).collect();
        assert_eq!([first, second], table[..]);
        // Spread, so that those who were refused together don't come back together.
        assert!(third <= Duration::from_millis(150), "{third:?}");
    }
}
