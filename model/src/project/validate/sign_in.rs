//! How users sign up and sign in: names, attributes, password, verification, MFA, plan.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::project::file::{self, AttributeType, Name};
use crate::project::source::Span;
use crate::project::stage::{
    Attribute, AttributeKind, Mfa, MfaMethod, MfaMode, Password, PasswordRule, Plan, SignIn,
    SignInName, Verify, VerifyBy, VerifyHow,
};
use crate::project::tree::At;
use crate::project::words;

/// OpenID Connect's standard claims that Cognito lets a pool declare.
const STANDARD: [&str; 17] = [
    "address",
    "birthdate",
    "email",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
];

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

pub(super) fn sign_in(file: &file::Stage, report: &mut Report<'_>) -> SignIn {
    let none = file::SignIn::default();
    let file_sign_in = file.sign_in.as_ref().unwrap_or(&none);
    let with = with(file_sign_in, report);
    let mut attributes = attributes(file_sign_in, report);
    let verify = verify(file_sign_in, &with, report);
    for needed in needed_attributes(&with, verify) {
        need(file_sign_in, &mut attributes, needed, report);
    }
    let plan = plan(file_sign_in, report);
    let mfa = mfa(file_sign_in, file, &attributes, report);
    SignIn {
        with,
        attributes,
        password: password(file_sign_in, report),
        verify,
        mfa,
        plan,
    }
}

fn with(file: &file::SignIn, report: &mut Report<'_>) -> Vec<SignInName> {
    let Some(list) = &file.with else {
        return vec![SignInName::Email];
    };
    if list.value.is_empty() {
        report.add(
            list.span,
            "`with` is empty, so nobody could sign in",
            "name at least one of `email`, `phone` or `username`",
        );
    }
    let mut with = Vec::new();
    for name in &list.value {
        if with.contains(&name.value) {
            report.add(
                name.span,
                "the same way to sign in stands here twice",
                "remove one",
            );
        } else {
            with.push(name.value);
        }
    }
    if with.len() > 1
        && let Some(username) = list
            .value
            .iter()
            .find(|name| name.value == SignInName::Username)
    {
        report.add(
            username.span,
            "`username` can't stand beside `email` or `phone`",
            "choose `[username]` alone, or `[email]`, `[phone]` or `[email, phone]`",
        );
    }
    with
}

fn attributes(file: &file::SignIn, report: &mut Report<'_>) -> BTreeMap<String, Attribute> {
    let mut custom = Vec::new();
    let mut attributes = BTreeMap::new();
    for (name, attribute) in file.attributes.iter().flatten() {
        let standard = STANDARD.contains(&name.value.as_str());
        let kind = if standard {
            standard_kind(name, attribute, report)
        } else {
            custom.push(name.span);
            check_custom_name(name, report);
            custom_kind(name, attribute, report)
        };
        let required = attribute
            .required
            .as_ref()
            .is_some_and(|required| required.value);
        if let Some(at) = attribute
            .required
            .as_ref()
            .filter(|at| at.value && !standard && attribute.kind.is_some())
        {
            report.add(
                at.span,
                format!("`{}` can't be required", name.value),
                "Cognito requires standard attributes only; remove `required` and check it in your application",
            );
        }
        let mutable = attribute.mutable.unwrap_or(true);
        attributes.insert(
            name.value.clone(),
            Attribute {
                required,
                kind,
                standard,
                mutable,
            },
        );
    }
    custom.sort_by_key(|span: &Span| span.start);
    if let Some(first_too_many) = custom.get(MAX_CUSTOM) {
        report.add(
            *first_too_many,
            format!("more than {MAX_CUSTOM} attributes of your own"),
            "Cognito allows no more; keep the rest in a table of yours, by the user's `sub`",
        );
    }
    attributes
}

fn check_custom_name(name: &Name, report: &mut Report<'_>) {
    let text = name.value.as_str();
    let length = text.chars().count();
    if let Some(bare) = text
        .strip_prefix("custom:")
        .or_else(|| text.strip_prefix("dev:"))
    {
        report.add(
            name.span,
            format!("`{text}` carries a prefix"),
            format!("write `{bare}`; the prefix is added for you"),
        );
    } else if COGNITO_OWN.contains(&text) {
        report.add(
            name.span,
            format!("`{text}` is kept by Cognito itself"),
            "remove it; it is there for every user",
        );
    } else if length > MAX_CUSTOM_NAME {
        report.add(
            name.span,
            format!("the attribute `{text}` has {length} characters"),
            format!("Cognito allows {MAX_CUSTOM_NAME}; shorten it"),
        );
    } else if !text.starts_with(|c: char| c.is_ascii_alphabetic())
        || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        report.add(
            name.span,
            format!("`{text}` can't name an attribute"),
            "use letters, digits and `_`, starting with a letter",
        );
    }
}

fn standard_kind(name: &Name, file: &file::Attribute, report: &mut Report<'_>) -> AttributeKind {
    if let Some(kind) = &file.kind {
        report.add(
            kind.span,
            format!(
                "`{}` is a standard attribute and has its type already",
                name.value
            ),
            "remove `type`, or pick another name for an attribute of your own",
        );
    }
    if name.value == "updated_at" {
        return number(name, file, report);
    }
    string(name, file, report)
}

fn custom_kind(name: &Name, file: &file::Attribute, report: &mut Report<'_>) -> AttributeKind {
    match file.kind.as_ref().map(|kind| kind.value) {
        Some(AttributeType::String) => string(name, file, report),
        Some(AttributeType::Number) => number(name, file, report),
        Some(AttributeType::Boolean) => {
            no_lengths(file, "a boolean", report);
            no_bounds(file, "a boolean", report);
            AttributeKind::Boolean
        }
        Some(AttributeType::DateTime) => {
            no_lengths(file, "a moment", report);
            no_bounds(file, "a moment", report);
            AttributeKind::DateTime
        }
        None => {
            let hint = match words::nearest(&name.value, STANDARD) {
                Some(near) => format!("did you mean the standard attribute `{near}`?"),
                None => "add `type: string`, `number`, `boolean` or `datetime`".to_owned(),
            };
            report.add(
                name.span,
                format!(
                    "`{}` is no standard attribute and has no `type`",
                    name.value
                ),
                hint,
            );
            AttributeKind::Boolean
        }
    }
}

fn string(name: &Name, file: &file::Attribute, report: &mut Report<'_>) -> AttributeKind {
    no_bounds(file, "text", report);
    for length in [&file.min_length, &file.max_length].into_iter().flatten() {
        if length.value > MAX_STRING {
            report.add(
                length.span,
                format!("`{}` can't hold {} characters", name.value, length.value),
                format!("Cognito allows {MAX_STRING}"),
            );
        }
    }
    if let (Some(min), Some(max)) = (&file.min_length, &file.max_length)
        && min.value > max.value
    {
        report.add(
            min.span,
            format!(
                "`min_length` {} is above `max_length` {}",
                min.value, max.value
            ),
            "swap the two",
        );
    }
    AttributeKind::String {
        min_length: file.min_length.as_ref().map(|at| at.value),
        max_length: file.max_length.as_ref().map(|at| at.value),
    }
}

fn number(_name: &Name, file: &file::Attribute, report: &mut Report<'_>) -> AttributeKind {
    no_lengths(file, "a number", report);
    if let (Some(min), Some(max)) = (&file.min, &file.max)
        && min.value > max.value
    {
        report.add(
            min.span,
            format!("`min` {} is above `max` {}", min.value, max.value),
            "swap the two",
        );
    }
    AttributeKind::Number {
        min: file.min.as_ref().map(|at| at.value),
        max: file.max.as_ref().map(|at| at.value),
    }
}

fn no_lengths(file: &file::Attribute, what: &str, report: &mut Report<'_>) {
    for (key, at) in [
        ("min_length", &file.min_length),
        ("max_length", &file.max_length),
    ] {
        if let Some(at) = at {
            report.add(
                at.span,
                format!("{what} has no `{key}`"),
                "remove it, or use `type: string`",
            );
        }
    }
}

fn no_bounds(file: &file::Attribute, what: &str, report: &mut Report<'_>) {
    for (key, at) in [("min", &file.min), ("max", &file.max)] {
        if let Some(at) = at {
            report.add(
                at.span,
                format!("{what} has no `{key}`"),
                "remove it, or use `type: number`; text has `min_length` and `max_length`",
            );
        }
    }
}

fn verify(file: &file::SignIn, with: &[SignInName], report: &mut Report<'_>) -> Verify {
    let none = file::Verify::default();
    let verify = file.verify.as_ref().unwrap_or(&none);
    let only_phone = with == [SignInName::Phone];
    let by = match &verify.by {
        None if only_phone => VerifyBy::Sms,
        None => VerifyBy::Email,
        Some(by) => {
            let (name, word) = match by.value {
                VerifyBy::Email => (SignInName::Email, "email"),
                VerifyBy::Sms => (SignInName::Phone, "phone"),
            };
            // Otherwise users would sign in with an address nobody ever proved to be theirs.
            if !with.contains(&name) && !with.contains(&SignInName::Username) && !with.is_empty() {
                report.add(
                    by.span,
                    format!("users don't sign in with `{word}`, so it can't verify them"),
                    format!("add `{word}` to `sign_in.with`, or verify by the other way"),
                );
            }
            by.value
        }
    };
    let how = match &verify.how {
        Some(how) if how.value == VerifyHow::Link && by == VerifyBy::Sms => {
            report.add(
                how.span,
                "a text message can't hold a link",
                "use `how: code`, or `by: email`",
            );
            VerifyHow::Code
        }
        how => how.as_ref().map(|how| how.value).unwrap_or_default(),
    };
    Verify { by, how }
}

/// The attributes that signing in and verifying need.
fn needed_attributes(with: &[SignInName], verify: Verify) -> BTreeSet<&'static str> {
    let mut needed = BTreeSet::new();
    for name in with {
        match name {
            SignInName::Email => needed.insert("email"),
            SignInName::Phone => needed.insert("phone_number"),
            SignInName::Username => false,
        };
    }
    needed.insert(match verify.by {
        VerifyBy::Email => "email",
        VerifyBy::Sms => "phone_number",
    });
    needed
}

/// Adds a required attribute, unless the file says it isn't one.
fn need(
    file: &file::SignIn,
    attributes: &mut BTreeMap<String, Attribute>,
    name: &'static str,
    report: &mut Report<'_>,
) {
    let declared = file
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(name));
    if let Some(required) = declared.and_then(|attribute| attribute.required.as_ref())
        && !required.value
    {
        report.add(
            required.span,
            format!("`{name}` must be required: users sign in or are verified with it"),
            "remove `required: false`",
        );
    }
    attributes
        .entry(name.to_owned())
        .and_modify(|attribute| attribute.required = true)
        .or_insert(Attribute {
            required: true,
            kind: AttributeKind::String {
                min_length: None,
                max_length: None,
            },
            standard: true,
            mutable: true,
        });
}

fn password(file: &file::SignIn, report: &mut Report<'_>) -> Password {
    let none = file::Password::default();
    let password = file.password.as_ref().unwrap_or(&none);
    if let Some(length) = password
        .min_length
        .as_ref()
        .filter(|at| !(6..=99).contains(&at.value))
    {
        report.add(
            length.span,
            format!("passwords can't start at {} characters", length.value),
            "Cognito allows a `min_length` of 6 to 99; 12 is a good one",
        );
    }
    let days = password.temporary_password_days.as_ref();
    if let Some(days) = days.filter(|at| !(1..=365).contains(&at.value)) {
        report.add(
            days.span,
            format!("a temporary password can't last {} days", days.value),
            "use 1 to 365",
        );
    }
    Password {
        min_length: password.min_length.as_ref().map_or(12, |at| at.value),
        require: password.require.as_ref().map_or_else(
            || {
                [
                    PasswordRule::Lowercase,
                    PasswordRule::Uppercase,
                    PasswordRule::Digits,
                ]
                .into()
            },
            |rules| rules.iter().copied().collect(),
        ),
        temporary_password_days: days.map_or(7, |at| at.value),
    }
}

fn plan(file: &file::SignIn, report: &mut Report<'_>) -> Plan {
    let Some(plan) = &file.plan else {
        return Plan::default();
    };
    if plan.value == Plan::Lite {
        report.add(
            plan.span,
            "the plan `lite` has no claims in access tokens",
            "use `essentials`: the role and permissions in tokens (event V2_0) need it",
        );
    }
    plan.value
}

fn mfa(
    file: &file::SignIn,
    stage: &file::Stage,
    attributes: &BTreeMap<String, Attribute>,
    report: &mut Report<'_>,
) -> Mfa {
    let none = file::Mfa::default();
    let mfa = file.mfa.as_ref().unwrap_or(&none);
    let mode = mfa.mode.as_ref().map(|mode| mode.value).unwrap_or_default();
    if mode == MfaMode::Off {
        if let (None, Some(methods)) = (&mfa.mode, &mfa.methods) {
            report.add(
                methods.span,
                "MFA methods without a mode",
                "add `mode: optional` or `mode: required` beside `methods`",
            );
        }
        return Mfa {
            mode,
            methods: BTreeSet::new(),
        };
    }
    let Some(methods) = &mfa.methods else {
        return Mfa {
            mode,
            methods: [MfaMethod::Totp].into(),
        };
    };
    if methods.value.is_empty() {
        report.add(
            methods.span,
            "`methods` is empty",
            "name at least one of `totp`, `sms` or `email`",
        );
    }
    for method in &methods.value {
        check_method(method, stage, attributes, report);
    }
    Mfa {
        mode,
        methods: methods.value.iter().map(|method| method.value).collect(),
    }
}

fn check_method(
    method: &At<MfaMethod>,
    stage: &file::Stage,
    attributes: &BTreeMap<String, Attribute>,
    report: &mut Report<'_>,
) {
    let mut wrong = |span: Span, message: &str, hint: &str| report.add(span, message, hint);
    match method.value {
        MfaMethod::Totp => {}
        MfaMethod::Sms if attributes.contains_key("phone_number") => {}
        MfaMethod::Sms => wrong(
            method.span,
            "MFA by `sms` needs a phone number",
            "add `phone_number: {}` under `sign_in.attributes`",
        ),
        MfaMethod::Email if stage.email.is_none() => wrong(
            method.span,
            "MFA by `email` needs a sender of your own",
            "add `email` with `from` and `identity`: Cognito's own sender won't send it",
        ),
        MfaMethod::Email if attributes.contains_key("email") => {}
        MfaMethod::Email => wrong(
            method.span,
            "MFA by `email` needs an email address",
            "add `email: {}` under `sign_in.attributes`",
        ),
    }
}
