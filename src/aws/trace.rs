//! Counts and lists every request sent to AWS.
//!
//! A request's level is how many requests had to be answered, one after the other, before it could be
//! sent. It is not read off the plan but counted as it happens: work runs in a [`scope`] that knows the
//! level it starts from, and every attempt inside, retries included, is one further.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use serde::Serialize;

use super::Waiting;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// How deep in the chain of requests it stands, from 1.
    pub level: u32,
    /// The service, as its SDK names it.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The logical ID it was sent for, or what for otherwise.
    pub subject: String,
    /// How long the answer took, in milliseconds.
    pub millis: u64,
    /// The HTTP status, when it was an error.
    pub attempt_failed: Option<String>,
}

/// The requests of one command, shared by all clients.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Calls {
    /// The requests so far, in the order they were sent.
    pub fn list(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[derive(Clone)]
struct Scope {
    subject: Arc<str>,
    level: Arc<AtomicU32>,
    /// What its requests wait for, until it is passed on.
    told: Arc<Mutex<Vec<&'static str>>>,
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Runs `work` for `subject`, its first request one level below `level`. Returns what it returns, and
/// the level of its last request.
///
/// The work is boxed: an SDK call's future is tens of kilobytes, and some of ours hold many side by
/// side, one inside the other, which is more than a stack without optimisation holds.
pub async fn scope<T>(subject: &str, level: u32, work: impl Future<Output = T>) -> (T, u32) {
    run(subject.into(), level, Arc::default(), work).await
}

/// As [`scope`]; what requests wait for is told, each time one starts waiting.
pub async fn scope_telling<T>(
    subject: &str,
    level: u32,
    waiting: Waiting<'_>,
    work: impl Future<Output = T>,
) -> (T, u32) {
    let told: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let mut work = Box::pin(run(subject.into(), level, Arc::clone(&told), work));
    // A request is told of while it is polled, so there is nothing to listen for in between.
    std::future::poll_fn(move |context| {
        let polled = work.as_mut().poll(context);
        let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        told.into_iter().for_each(waiting);
        polled
    })
    .await
}

async fn run<T>(
    subject: Arc<str>,
    level: u32,
    told: Arc<Mutex<Vec<&'static str>>>,
    work: impl Future<Output = T>,
) -> (T, u32) {
    let work = Box::pin(work);
    let reached = Arc::new(AtomicU32::new(level));
    let scope = Scope {
        subject,
        level: Arc::clone(&reached),
        told,
    };
    let output = SCOPE.scope(scope, work).await;
    (output, reached.load(Ordering::Relaxed))
}

/// Says what the request under way waits for, to whom the work is for.
pub(super) fn tell(what: &'static str) {
    // Who sends outside of any work isn't told of.
    let _ = SCOPE.try_with(|scope| {
        let mut told = scope.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(what);
    });
}

/// Runs `work` beside its siblings: inside, levels count on from the current one, and the current one
/// becomes the deepest any sibling reached.
pub fn beside<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    // Taken now, not at the first poll: by then a quicker sibling may have raised it.
    let outer = SCOPE
        .try_with(|scope| (scope.clone(), scope.level.load(Ordering::Relaxed)))
        .ok();
    let work = Box::pin(work);
    async move {
        let Some((outer, level)) = outer else {
            return work.await;
        };
        let (output, reached) = run(outer.subject, level, outer.told, work).await;
        outer.level.fetch_max(reached, Ordering::Relaxed);
        output
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.subject)
    }
}

/// Where a request stands in the list, carried from its start to its end.
#[derive(Debug)]
struct Position {
    index: usize,
    sent: Instant,
}

impl Storable for Position {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "count requests"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, operation) = config
            .load::<Metadata>()
            .map(|metadata| (metadata.service().to_owned(), metadata.name().to_owned()))
            .unwrap_or_default();
        let (subject, level) = SCOPE
            .try_with(|scope| {
                (
                    scope.subject.to_string(),
                    scope.level.fetch_add(1, Ordering::Relaxed) + 1,
                )
            })
            .unwrap_or_default();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let position = Position {
            index: calls.len(),
            sent: Instant::now(),
        };
        calls.push(Call {
            level,
            service,
            operation,
            subject,
            millis: 0,
            attempt_failed: None,
        });
        config.interceptor_state().store_put(position);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(position) = config.load::<Position>() else {
            return Ok(());
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(position.index) {
            call.millis = u64::try_from(position.sent.elapsed().as_millis()).unwrap_or(u64::MAX);
            call.attempt_failed = match context.response() {
                Some(response) if response.status().is_success() => None,
                Some(response) => Some(response.status().as_u16().to_string()),
                None => Some("no answer".to_owned()),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn request() -> u32 {
        SCOPE.with(|scope| scope.level.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[tokio::test]
    async fn what_is_waited_for_is_told_as_it_happens() {
        let heard = Mutex::new(Vec::new());
        let waiting = |what| heard.lock().expect("not poisoned").push(what);
        let work = async {
            tell("one");
            tokio::task::yield_now().await;
            assert_eq!(*heard.lock().expect("not poisoned"), ["one"]);
            beside(async { tell("two") }).await;
        };
        scope_telling("x", 0, &waiting, work).await;
        assert_eq!(*heard.lock().expect("not poisoned"), ["one", "two"]);
        tell("nobody");
    }

    #[tokio::test]
    async fn siblings_stand_on_the_same_level() {
        let (levels, reached) = scope("x", 2, async {
            let first = request().await;
            let (left, right) = tokio::join!(
                beside(request()),
                beside(async {
                    request().await;
                    request().await
                })
            );
            (first, left, right, request().await)
        })
        .await;
        assert_eq!(levels, (3, 4, 5, 6));
        assert_eq!(reached, 6);
    }
}
