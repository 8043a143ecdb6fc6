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
    let work = Box::pin(work);
    let reached = Arc::new(AtomicU32::new(level));
    let scope = Scope {
        subject: subject.into(),
        level: Arc::clone(&reached),
    };
    let output = SCOPE.scope(scope, work).await;
    (output, reached.load(Ordering::Relaxed))
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
        let (output, reached) = scope(&outer.subject, level, work).await;
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
