//! How users sign up and sign in: names, attributes, password, verification, MFA, plan.

use std::collections::{BTreeMap, BTreeSet};

use saasauth_contract::record::CUSTOM_PREFIX;

use super::{Report, factors};
use crate::project::source::Span;
use crate::project::stage::{
    Attribute, AttributeType, FeaturePlan, Password, STANDARD_ATTRIBUTES, SignIn, SignInName,
    Verify, VerifyBy, VerifyHow, is_standard_attribute,
};
use crate::project::tree::{At, Name};
use crate::project::words;

/// Attributes Cognito keeps itself.
const COGNITO_OWN: [&str; 5] = [
    "sub",
    "email_verified",
    "phone_number_verified",
    "identities",
    "username",
];

/// Cognito's limits for attributes of one's own.
const MAX_CUSTOM: usize = 50;
const MAX_CUSTOM_NAME: usize = 20;
const MAX_STRING: u32 = 2048;

/// What signing in needs of the rest of the file.
pub(super) struct Beside {
    /// Whether there is a sender of one's own.
    pub(super) has_sender: bool,
    /// Whether there are sign-in pages, and so a domain.
    pub(super) has_hosted_ui: bool,
    /// Whether an address in a registered domain makes its user a member of the company.
    pub(super) has_domains: bool,
}

pub(super) fn sign_in(sign_in: &mut SignIn, beside: &Beside, report: &mut Report<'_>) {
    let SignIn {
        with,
        attributes,
        password,
        verify,
        mfa,
        recovery,
        plan,
        providers: _,
    } = sign_in;
    check_with(with, report);
    check_attributes(attributes, report);
    self::verify(verify, with, beside, report);
    for needed in needed_attributes(with, verify) {
        need(attributes, needed, with, report);
    }
    check_plan(plan, report);
    factors::mfa(mfa, *verify.by, beside, attributes, report);
    factors::recovery(recovery, mfa, *verify.by, attributes, report);
    check_password(password, report);
}

fn check_with(with: &At<Vec<At<SignInName>>>, report: &mut Report<'_>) {
    if with.is_empty() {
        report.add(
            with.span(),
            "`with` is empty, so nobody could sign in",
            "name at least one of `email`, `phone` or `username`",
        );
    }
    for (at, name) in with.iter().enumerate() {
        if with[..at].contains(name) {
            report.add(
                name.span(),
                "the same way to sign in stands here twice",
                "remove one",
            );
        }
    }
    let distinct: BTreeSet<_> = with.iter().collect();
    if distinct.len() > 1
        && let Some(username) = with.iter().find(|name| **name == SignInName::Username)
    {
        report.add(
            username.span(),
            "`username` can't stand beside `email` or `phone`",
            "choose `[username]` alone, or `[email]`, `[phone]` or `[email, phone]`",
        );
    }
}

fn check_attributes(attributes: &mut BTreeMap<Name, Attribute>, report: &mut Report<'_>) {
    let mut custom = Vec::new();
    for (name, attribute) in attributes {
        if is_standard_attribute(name) {
            standard_attribute(name, attribute, report);
        } else {
            custom.extend(name.span());
            check_custom_name(name, report);
            check_custom_attribute(name, attribute, report);
        }
    }
    custom.sort_by_key(|span: &Span| span.start);
    if let Some(first_too_many) = custom.get(MAX_CUSTOM) {
        report.add(
            *first_too_many,
            format!("more than {MAX_CUSTOM} attributes of your own"),
            "Cognito allows no more; keep the rest in a table of yours, by the user's `sub`",
        );
    }
}

fn check_custom_name(name: &Name, report: &mut Report<'_>) {
    let text = name.as_str();
    let length = text.chars().count();
    if let Some(bare) = text
        .strip_prefix(CUSTOM_PREFIX)
        .or_else(|| text.strip_prefix("dev:"))
    {
        report.add(
            name.span(),
            format!("`{text}` carries a prefix"),
            format!("write `{bare}`; the prefix is added for you"),
        );
    } else if COGNITO_OWN.contains(&text) {
        report.add(
            name.span(),
            format!("`{text}` is kept by Cognito itself"),
            "remove it; it is there for every user",
        );
    } else if length > MAX_CUSTOM_NAME {
        report.add(
            name.span(),
            format!("the attribute `{text}` has {length} characters"),
            format!("Cognito allows {MAX_CUSTOM_NAME}; shorten it"),
        );
    } else if !text.starts_with(|c: char| c.is_ascii_alphabetic())
        || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        report.add(
            name.span(),
            format!("`{text}` can't name an attribute"),
            "use letters, digits and `_`, starting with a letter",
        );
    }
}

fn standard_attribute(name: &Name, attribute: &mut Attribute, report: &mut Report<'_>) {
    let kind = &mut attribute.kind;
    if kind.span().is_some() {
        report.add(
            kind.span(),
            format!("`{name}` is a standard attribute and has its type already"),
            "remove `type`, or pick another name for an attribute of your own",
        );
    }
    kind.complete(if *name == "updated_at" {
        AttributeType::Number
    } else {
        AttributeType::String
    });
    check_limits(name, attribute, report);
}

fn check_custom_attribute(name: &Name, attribute: &Attribute, report: &mut Report<'_>) {
    if attribute.kind.span().is_none() {
        let hint = match words::nearest(name, STANDARD_ATTRIBUTES) {
            Some(near) => format!("did you mean the standard attribute `{near}`?"),
            None => "add `type: string`, `number`, `boolean` or `datetime`".to_owned(),
        };
        report.add(
            name.span(),
            format!("`{name}` is no standard attribute and has no `type`"),
            hint,
        );
        return;
    }
    check_limits(name, attribute, report);
    if *attribute.required {
        report.add(
            attribute.required.span(),
            format!("`{name}` can't be required"),
            "Cognito requires standard attributes only; remove `required` and check it in your application",
        );
    }
}

fn check_limits(name: &Name, attribute: &Attribute, report: &mut Report<'_>) {
    match *attribute.kind {
        AttributeType::String => {
            no_bounds(attribute, "text", report);
            check_lengths(name, attribute, report);
        }
        AttributeType::Number => {
            no_lengths(attribute, "a number", report);
            check_bounds(attribute, report);
        }
        AttributeType::Boolean => {
            no_lengths(attribute, "a boolean", report);
            no_bounds(attribute, "a boolean", report);
        }
        AttributeType::DateTime => {
            no_lengths(attribute, "a moment", report);
            no_bounds(attribute, "a moment", report);
        }
    }
}

fn check_lengths(name: &Name, attribute: &Attribute, report: &mut Report<'_>) {
    let Attribute {
        min_length,
        max_length,
        ..
    } = attribute;
    for length in [min_length, max_length].into_iter().flatten() {
        if **length > MAX_STRING {
            report.add(
                length.span(),
                format!("`{name}` can't hold {length} characters"),
                format!("Cognito allows {MAX_STRING}"),
            );
        }
    }
    if let (Some(min), Some(max)) = (min_length, max_length)
        && min > max
    {
        report.add(
            min.span(),
            format!("`min_length` {min} is above `max_length` {max}"),
            "swap the two",
        );
    }
}

fn check_bounds(attribute: &Attribute, report: &mut Report<'_>) {
    if let (Some(min), Some(max)) = (&attribute.min, &attribute.max)
        && min > max
    {
        report.add(
            min.span(),
            format!("`min` {min} is above `max` {max}"),
            "swap the two",
        );
    }
}

fn no_lengths(attribute: &Attribute, what: &str, report: &mut Report<'_>) {
    for (key, at) in [
        ("min_length", &attribute.min_length),
        ("max_length", &attribute.max_length),
    ] {
        if let Some(at) = at {
            report.add(
                at.span(),
                format!("{what} has no `{key}`"),
                "remove it, or use `type: string`",
            );
        }
    }
}

fn no_bounds(attribute: &Attribute, what: &str, report: &mut Report<'_>) {
    for (key, at) in [("min", &attribute.min), ("max", &attribute.max)] {
        if let Some(at) = at {
            report.add(
                at.span(),
                format!("{what} has no `{key}`"),
                "remove it, or use `type: number`; text has `min_length` and `max_length`",
            );
        }
    }
}

fn verify(verify: &mut Verify, with: &[At<SignInName>], beside: &Beside, report: &mut Report<'_>) {
    let Verify { by, how } = verify;
    let is_with = |name| with.iter().any(|with| *with == name);
    if by.span().is_none() {
        let only_phone = is_with(SignInName::Phone) && with.len() == 1;
        by.complete(if only_phone {
            VerifyBy::Sms
        } else {
            VerifyBy::Email
        });
    }
    let (name, word) = match **by {
        VerifyBy::Email => (SignInName::Email, "email"),
        VerifyBy::Sms => (SignInName::Phone, "phone"),
    };
    // Otherwise users would sign in with an address nobody ever proved to be theirs.
    let is_theirs = is_with(name) || is_with(SignInName::Username) || with.is_empty();
    if by.span().is_some() && !is_theirs {
        report.add(
            by.span(),
            format!("users don't sign in with `{word}`, so it can't verify them"),
            format!("add `{word}` to `sign_in.with`, or verify by the other way"),
        );
    }
    if *how == VerifyHow::Link && *by == VerifyBy::Sms {
        report.add(
            how.span(),
            "a text message can't hold a link",
            "use `how: code`, or `by: email`",
        );
    } else if *how == VerifyHow::Link && !beside.has_hosted_ui {
        report.add(
            how.span(),
            "a link has nowhere to lead to",
            "add `hosted_ui: { prefix: … }`: Cognito's links open a page on that domain; or use `how: code`",
        );
    } else if *how == VerifyHow::Link && beside.has_domains {
        // Mail scanners open links. Whoever signs up as somebody else would be confirmed by that one's scanner, with a
        // password of their own and a place in that one's company.
        report.add(
            how.span(),
            "a link proves nothing where `domains` makes members: mail scanners open links by themselves",
            "use `how: code`, which only a person types; or take `domains` out",
        );
    }
}

/// The attributes that signing in and verifying need.
fn needed_attributes(with: &[At<SignInName>], verify: &Verify) -> BTreeSet<&'static str> {
    let mut needed = BTreeSet::new();
    for name in with {
        match **name {
            SignInName::Email => needed.insert("email"),
            SignInName::Phone => needed.insert("phone_number"),
            SignInName::Username => false,
        };
    }
    needed.insert(match *verify.by {
        VerifyBy::Email => "email",
        VerifyBy::Sms => "phone_number",
    });
    needed
}

/// Makes an attribute required, unless the file says it isn't.
///
/// With names of their own, users may do without: it is fixed which attributes a pool requires, and there the
/// way they are verified can change, which asks for another one.
fn need(
    attributes: &mut BTreeMap<Name, Attribute>,
    name: &str,
    with: &[At<SignInName>],
    report: &mut Report<'_>,
) {
    let silent = || Attribute {
        kind: At::from(AttributeType::String),
        ..Attribute::default()
    };
    let attribute = attributes
        .entry(At::from(name.to_owned()))
        .or_insert_with(silent);
    let required = &mut attribute.required;
    let has_name = with.iter().any(|with| *with == SignInName::Username);
    if required.span().is_some() && !**required && !has_name {
        report.add(
            required.span(),
            format!("`{name}` must be required: users sign in or are verified with it"),
            "remove `required: false`",
        );
    }
    required.complete(true);
}

fn check_password(password: &Password, report: &mut Report<'_>) {
    let Password {
        min_length,
        require: _,
        temporary_password_days: days,
        history,
    } = password;
    if !(6..=99).contains(&**min_length) {
        report.add(
            min_length.span(),
            format!("passwords can't start at {min_length} characters"),
            "Cognito allows a `min_length` of 6 to 99; 12 is a good one",
        );
    }
    if !(1..=365).contains(&**days) {
        report.add(
            days.span(),
            format!("a temporary password can't last {days} days"),
            "use 1 to 365",
        );
    }
    if let Some(history) = history.as_ref().filter(|history| ***history > 24) {
        report.add(
            history.span(),
            format!("the last {history} passwords are more than Cognito remembers"),
            "use 24 at most, or 0 to let users take an old one again",
        );
    }
}

fn check_plan(plan: &At<FeaturePlan>, report: &mut Report<'_>) {
    if *plan == FeaturePlan::Lite {
        report.add(
            plan.span(),
            "the plan `lite` has no claims in access tokens",
            "use `essentials`: the role and permissions in tokens (event V2_0) need it",
        );
    }
}
