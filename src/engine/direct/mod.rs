//! The direct engine: AWS's APIs through the SDK, in parallel along the graph.
//!
//! Observe, then plan, then execute. The ledger's lock is taken with the first write, on the condition
//! that nobody has deployed since it was read: a plan that was shown is the plan that is carried out.

mod execute;
mod keep;
mod observe;
mod reach;
mod session;
mod take_back;

pub use execute::Execution;
pub use keep::kept;
pub use observe::{
    First, Found, check_account, complete, domain_target, identify, look_around, observe,
    observe_owned, observe_past, read_outputs,
};
pub use reach::{Loss, say_whom_it_hits};
pub use session::{Cause, Outcome, Turn, accept_drift, carry_out, turn};
