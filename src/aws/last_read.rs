//! The bodies last read of user pools and clients.
//!
//! Cognito's updates reset what they omit, so each needs the whole current body. The plan has just
//! read it; keeping it here saves reading it again in front of every update.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_cognitoidentityprovider::types::{UserPoolClientType, UserPoolType};

/// Bodies by physical ID.
#[derive(Debug, Default)]
pub(super) struct LastRead {
    pools: Mutex<HashMap<String, UserPoolType>>,
    clients: Mutex<HashMap<String, UserPoolClientType>>,
}

impl LastRead {
    pub(super) fn remember_pool(&self, id: &str, body: UserPoolType) {
        self.pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), body);
    }

    pub(super) fn pool(&self, id: &str) -> Option<UserPoolType> {
        self.pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// The secret must have been taken out.
    pub(super) fn remember_client(&self, id: &str, body: UserPoolClientType) {
        debug_assert!(body.client_secret.is_none());
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), body);
    }

    pub(super) fn client(&self, id: &str) -> Option<UserPoolClientType> {
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }
}
