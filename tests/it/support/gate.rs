//! Where a command finds the local cloud when it is to be killed at a certain request, or is to lose its answer:
//! everything passes but that one.

use std::sync::Mutex;

use super::between::{Answer, Between, Hook, Question};

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The command is about to send it: AWS never hears of it.
    Before,
    /// AWS has done it: the command never hears of it.
    After,
    /// As `After`, and the command learns that it won't: the answer breaks off.
    Lost,
}

/// A proxy that holds one request. Ends when dropped.
pub(crate) type Gate = Between<Held>;

pub(crate) struct Held {
    action: &'static str,
    moment: Moment,
    /// Whether such a request was let through.
    came: Mutex<bool>,
    /// Whether one is held.
    caught: Mutex<bool>,
}

impl Gate {
    /// Holds requests of this action, named as the local cloud's trace names it: all of them before they
    /// are sent, or the first one's answer.
    pub(crate) fn holding(upstream: &str, action: &'static str, moment: Moment) -> Self {
        let held = Held {
            action,
            moment,
            came: Mutex::new(false),
            caught: Mutex::new(false),
        };
        Self::new(upstream, held)
    }

    /// Whether the request came, and waits for an answer.
    pub(crate) fn has_caught(&self) -> bool {
        *self.hook.caught.lock().unwrap()
    }
}

impl Hook for Held {
    async fn before(&self, asked: &Question) -> Option<Answer> {
        // All of them: AWS must not have heard of any.
        if asked.action == self.action && self.moment == Moment::Before {
            self.hold().await;
        }
        None
    }

    async fn after(&self, asked: &Question, answer: Answer) -> Option<Answer> {
        let is_first = asked.action == self.action
            && !std::mem::replace(&mut *self.came.lock().unwrap(), true);
        if is_first && self.moment == Moment::Lost {
            *self.caught.lock().unwrap() = true;
            return None;
        }
        if is_first {
            self.hold().await;
        }
        Some(answer)
    }
}

impl Held {
    /// For ever: who waits for the answer is killed meanwhile.
    async fn hold(&self) {
        *self.caught.lock().unwrap() = true;
        std::future::pending::<()>().await;
    }
}
