//! What carries a plan out, and what it tells while it does.
//!
//! An engine observes, executes and reports events. It never prints, and it never decides: what is to
//! be done stands in the plan.

pub mod cloudformation;
pub mod direct;
pub mod event;
pub mod outputs;
