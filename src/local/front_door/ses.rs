//! GetEmailIdentity with the identity's present tags: the emulator answers with those it was made with,
//! so that a tag which changed would look changed to every later deploy.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::call::{Call, Reply};
use super::scope::Scope;
use super::upstream::Upstream;

const IDENTITIES: &str = "/v2/email/identities/";

/// The identity a call asks for, percent-encoded as it came, when it is GetEmailIdentity.
pub(super) fn asked_identity(call: &Call) -> Option<&str> {
    let identity = call.uri.path().strip_prefix(IDENTITIES)?;
    (call.method == Method::GET && !identity.is_empty() && !identity.contains('/'))
        .then_some(identity)
}

/// Answers GetEmailIdentity.
pub(super) async fn identity(upstream: &Upstream, call: &Call, identity: &str) -> Reply {
    let mut reply = upstream.forward(call).await;
    let Some((scope, _)) = Scope::of(&call.headers) else {
        return reply;
    };
    let Some(mut answer) = reply.is_success().then(|| reply.json()).flatten() else {
        return reply;
    };
    let identity = percent_decode_str(identity).decode_utf8_lossy();
    let arn = format!(
        "arn:aws:ses:{}:{}:identity/{identity}",
        scope.region,
        scope.account()
    );
    if let Some(tags) = upstream.ses_tags(&scope, &arn).await {
        answer["Tags"] = tags;
        reply.body = answer.to_string().into();
    }
    reply
}
