//! What an engine tells while it works. This is the whole interface between doing and showing: the
//! live tree, the plain lines and the JSON document are three readers of the same events.

use std::time::Duration;

use saasauth_model::error::Error;
use saasauth_model::plan::{Action, Operation};
use saasauth_model::resource::{Kind, LogicalId};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something worth one line: a tool being installed, the local cloud being started.
    Note(String),
    /// A phase began, such as "building 2 triggers"; it ends with the next phase or the end.
    Phase(String),
    /// A line of a compiler's output.
    BuildLine(String),
    /// Executing begins; everything that will happen, in the order it is shown.
    Started(Vec<Task>),
    /// A step was sent.
    StepStarted {
        /// The resource.
        id: LogicalId,
        /// What is done to it.
        operation: Operation,
    },
    /// A step waits for AWS, and for what.
    StepWaiting {
        /// The resource.
        id: LogicalId,
        /// "IAM to know the role", "the table to become active".
        what: &'static str,
    },
    /// A step is done.
    StepDone {
        /// The resource.
        id: LogicalId,
        /// What was done to it.
        operation: Operation,
        /// How long it took.
        took: Duration,
    },
    /// A step failed; those that need it are skipped.
    StepFailed {
        /// The resource.
        id: LogicalId,
        /// Why.
        error: Box<Error>,
    },
    /// A step was not tried, because what it needs failed.
    StepSkipped {
        /// The resource.
        id: LogicalId,
        /// The resource that failed.
        because: LogicalId,
    },
    /// Executing ended.
    Finished,
}

/// A resource as progress shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The resource.
    pub id: LogicalId,
    /// Its type.
    pub kind: Kind,
    /// What happens to it.
    pub action: Action,
    /// How many steps it takes.
    pub steps: usize,
}

/// Where events go. Cheap to call, from any task.
pub type Events<'a> = dyn Fn(Event) + Send + Sync + 'a;
