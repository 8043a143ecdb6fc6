//! Second factors, and the ways back in for who forgot the password: which of them Cognito takes together.

use std::collections::BTreeMap;

use super::Report;
use super::sign_in::Beside;
use crate::project::stage::{Attribute, Mfa, MfaMethod, MfaMode, Recovery, VerifyBy};
use crate::project::tree::{At, Name};

pub(super) fn mfa(
    mfa: &mut Mfa,
    by: VerifyBy,
    beside: &Beside,
    attributes: &BTreeMap<Name, Attribute>,
    report: &mut Report<'_>,
) {
    let Mfa { mode, methods } = mfa;
    if *mode == MfaMode::Off {
        if mode.span().is_none() && methods.span().is_some() {
            report.add(
                methods.span(),
                "MFA methods without a mode",
                "add `mode: optional` or `mode: required` beside `methods`",
            );
        }
        methods.complete(Default::default());
        return;
    }
    if methods.is_empty() {
        report.add(
            methods.span(),
            "`methods` is empty",
            "name at least one of `totp`, `sms` or `email`",
        );
    }
    for method in &**methods {
        check_method(method, beside, attributes, report);
    }
    // Without the factor Cognito answers "SMS configuration is required when phone_number is selected for auto
    // verification" or, with the configuration, "Can't turn off SMS_MFA when SMS configuration is set for the user
    // pool" (aws-amplify/amplify-backend#1523).
    if by == VerifyBy::Sms && !methods.is_empty() && !methods.contains(&MfaMethod::Sms) {
        report.add(
            methods.span().or(mode.span()),
            "users are verified by text message, so MFA can't go without `sms`",
            "add `sms` to `sign_in.mfa.methods`: with MFA, a user pool that sends text messages offers them as \
             second factor; or verify by email",
        );
    }
}

fn check_method(
    method: &At<MfaMethod>,
    beside: &Beside,
    attributes: &BTreeMap<Name, Attribute>,
    report: &mut Report<'_>,
) {
    let mut wrong = |message: &str, hint: &str| report.add(method.span(), message, hint);
    match **method {
        MfaMethod::Totp => {}
        MfaMethod::Sms if attributes.contains_key("phone_number") => {}
        MfaMethod::Sms => wrong(
            "MFA by `sms` needs a phone number",
            "add `phone_number: {}` under `sign_in.attributes`",
        ),
        MfaMethod::Email if !beside.has_sender => wrong(
            "MFA by `email` needs a sender of your own",
            "add `email` with `from` and `identity`: Cognito's own sender won't send it",
        ),
        MfaMethod::Email if attributes.contains_key("email") => {}
        MfaMethod::Email => wrong(
            "MFA by `email` needs an email address",
            "add `email: {}` under `sign_in.attributes`",
        ),
    }
}

/// How Cognito's recovery and its second factors go together: what is a factor can't be the one way back in,
/// or a stolen phone alone would do ("Account Recovery Setting cannot use verified_phone_number as a recovery
/// mechanism when SMS MFA is configured", aws-cdk#11478; for email terraform-provider-aws#41049). With both ways
/// named it leaves out, user by user, the one that is a factor of theirs.
struct Ways<'a> {
    by: VerifyBy,
    mfa: &'a Mfa,
    attributes: &'a BTreeMap<Name, Attribute>,
}

impl Ways<'_> {
    fn is_factor(&self, method: MfaMethod) -> bool {
        self.mfa.methods.contains(&method)
    }

    fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute)
    }

    /// What Cognito takes in any case: the way users are verified, and where that is a factor the other.
    fn usual(&self) -> Vec<Recovery> {
        let by_email = self.is_factor(MfaMethod::Email);
        match self.by {
            VerifyBy::Email if by_email => vec![Recovery::Email, Recovery::Phone],
            VerifyBy::Email => vec![Recovery::Email],
            VerifyBy::Sms if !self.is_factor(MfaMethod::Sms) => vec![Recovery::Phone],
            VerifyBy::Sms if !by_email && self.has("email") => vec![Recovery::Email],
            VerifyBy::Sms => vec![Recovery::Admin],
        }
    }

    /// What is wrong with the ways the file names, if anything: where, what, and what to do about it.
    fn flaw<'w>(&self, ways: &'w [At<Recovery>]) -> Option<(&'w At<Recovery>, &str, &str)> {
        let find = |wanted: Recovery| ways.iter().find(|way| **way == wanted);
        let repeated = |at: usize, way: &At<Recovery>| ways[..at].contains(way);
        let mut each = ways.iter().enumerate();
        if let Some((_, way)) = each.find(|(at, way)| repeated(*at, way)) {
            return Some((way, "the same way stands here twice", "remove one"));
        }
        let (email, phone) = (find(Recovery::Email), find(Recovery::Phone));
        if let Some(admin) = find(Recovery::Admin).filter(|_| ways.len() > 1) {
            let hint = "write `[admin]`, or name the ways that users have themselves";
            return Some((admin, "`admin` can't stand beside another way", hint));
        }
        if let Some(way) = email.filter(|_| !self.has("email")) {
            let hint = "add `email: {}` under `sign_in.attributes`";
            return Some((way, "recovery by `email` needs an email address", hint));
        }
        if let Some(way) = phone.filter(|_| !self.has("phone_number")) {
            let hint = "add `phone_number: {}` under `sign_in.attributes`";
            return Some((way, "recovery by `phone` needs a phone number", hint));
        }
        if let Some(way) = email.filter(|_| phone.is_none() && self.is_factor(MfaMethod::Email)) {
            let hint = "write `[email, phone]`, or `[admin]`: Cognito takes no way back in that is a second factor";
            return Some((way, "`email` alone is a second factor already", hint));
        }
        let phone = phone.filter(|_| *self.mfa.mode != MfaMode::Off)?;
        match (self.is_factor(MfaMethod::Sms), email) {
            (true, Some(_)) if self.by == VerifyBy::Sms => Some((
                phone,
                "`phone` is a second factor already",
                "write `[email]`, or `[admin]`: where users are verified by text message, Cognito takes no `phone` here",
            )),
            (true, None) => Some((
                phone,
                "`phone` alone is a second factor already",
                "write `[email]`, or `[admin]`: Cognito takes no way back in that is a second factor",
            )),
            (false, None) => Some((
                phone,
                "no text messages are sent, so nobody gets back in by `phone`",
                "write `[email]`: with MFA, Cognito sends text messages only where it offers them as second factor",
            )),
            (_, Some(_)) => None,
        }
    }
}

pub(super) fn recovery(
    recovery: &mut At<Vec<At<Recovery>>>,
    mfa: &Mfa,
    by: VerifyBy,
    attributes: &BTreeMap<Name, Attribute>,
    report: &mut Report<'_>,
) {
    let ways = Ways {
        by,
        mfa,
        attributes,
    };
    if recovery.span().is_none() {
        let usual = ways.usual();
        if usual == [Recovery::Admin] {
            report.warn(
                mfa.methods.span(),
                "who forgets the password needs an administrator",
                "the ways to reach a user are second factors already; `recovery: [admin]` beside `mfa` says that it is meant so",
            );
        }
        recovery.complete(usual.into_iter().map(At::from).collect());
    } else if recovery.is_empty() {
        report.add(
            recovery.span(),
            "`recovery` is empty",
            "name `email`, `phone` or both, or `admin`; or remove the key",
        );
    } else if let Some((way, message, hint)) = ways.flaw(recovery) {
        report.add(way.span(), message, hint);
    }
}
