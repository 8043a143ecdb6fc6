//! Each rule by a request that it refuses and one that passes all of them, in the same world.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::facts::Facts;
use super::{all, first};
use crate::local::front_door::models;

struct Case {
    rule: &'static str,
    operation: &'static str,
    refused: Value,
    passes: Value,
    world: Value,
}

fn case(
    rule: &'static str,
    operation: &'static str,
    refused: Value,
    passes: Value,
    world: Value,
) -> Case {
    Case {
        rule,
        operation,
        refused,
        passes,
        world,
    }
}

const POOL: &str = "eu-west-1_Abc";
const SENDER: &str = "arn:aws:ses:eu-west-1:111122223333:identity/acme.com";

/// A world with a pool like this one.
fn pool(pool: Value) -> Value {
    json!({ "DescribeUserPool": { "UserPool": pool }, "GetUserPoolMfaConfig": {} })
}

/// A world with a pool like this one, and another that anything may be done to.
fn beside(one: Value) -> Value {
    let mut world = pool(one);
    world["DescribeUserPool eu-west-1_Open"] =
        json!({ "UserPool": { "DeletionProtection": "INACTIVE" } });
    world
}

/// A world with a pool that has these factors.
fn factors(factors: Value) -> Value {
    json!({
        "DescribeUserPool": { "UserPool": { "MfaConfiguration": "OPTIONAL" } },
        "GetUserPoolMfaConfig": factors,
    })
}

fn sms(role: &str) -> Value {
    json!({ "SnsCallerArn": format!("arn:aws:iam::111122223333:role/{role}"), "ExternalId": "me" })
}

/// Roles of every kind, and senders.
fn account() -> Value {
    let trust = |service: &str, external_id: &str| {
        json!({ "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }]})
    };
    let lambda = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let publish = json!({ "Statement": [
        { "Effect": "Allow", "Action": "sns:Publish", "Resource": "*" },
    ]});
    json!({
        "DescribeUserPool": { "UserPool": { "MfaConfiguration": "OFF" } },
        "GetUserPoolMfaConfig": {},
        "roles": {
            "sms": { "trust": trust("cognito-idp.amazonaws.com", "me"), "policy": publish },
            "mute": { "trust": trust("cognito-idp.amazonaws.com", "me"), "policy": {} },
            "stranger": { "trust": trust("cognito-idp.amazonaws.com", "you"), "policy": publish },
            "function": { "trust": lambda, "policy": {} },
        },
        "identities": {
            "acme.com": { "VerifiedForSendingStatus": true },
            "new.acme.org": { "VerifiedForSendingStatus": false },
        },
        "configuration-sets": { "set": {} },
        "tables": {
            "users": { "DeletionProtectionEnabled": true },
            "scratch": {},
            "expiring": { "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED" } },
        },
    })
}

fn pool_cases() -> Vec<Case> {
    let attributes = |count: u32| -> Vec<Value> {
        (0..count)
            .map(|number| json!({ "Name": format!("custom:{number}") }))
            .collect()
    };
    let recovery = |name: &str| json!({ "RecoveryMechanisms": [{ "Name": name, "Priority": 1 }] });
    vec![
        case(
            "days of unused accounts beside those of temporary passwords",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "AdminCreateUserConfig": { "UnusedAccountValidityDays": 7 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
            }),
            json!({
                "UserPoolId": POOL,
                "AdminCreateUserConfig": { "UnusedAccountValidityDays": 0 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
            }),
            pool(json!({})),
        ),
        case(
            "usernames and aliases at once",
            "CreateUserPool",
            json!({ "PoolName": "p", "AliasAttributes": ["email"], "UsernameAttributes": ["email"] }),
            json!({ "PoolName": "p", "AliasAttributes": [], "UsernameAttributes": ["email"] }),
            json!({}),
        ),
        case(
            "verification before an update of what isn't verified at all",
            "UpdateUserPool",
            // As the lifting of a protection without anything else.
            json!({ "UserPoolId": POOL, "DeletionProtection": "INACTIVE" }),
            json!({ "UserPoolId": POOL, "AutoVerifiedAttributes": ["email"] }),
            pool(json!({
                "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            })),
        ),
        case(
            "phone numbers verified without a way to send",
            "CreateUserPool",
            json!({ "PoolName": "p", "AutoVerifiedAttributes": ["phone_number"] }),
            json!({
                "PoolName": "p", "AutoVerifiedAttributes": ["phone_number"], "SmsConfiguration": sms("sms"),
            }),
            account(),
        ),
        case(
            "a pool made with a second factor and no text messages",
            "CreateUserPool",
            json!({ "PoolName": "p", "MfaConfiguration": "OPTIONAL" }),
            json!({ "PoolName": "p", "MfaConfiguration": "OPTIONAL", "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "MFA required by an update",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "MfaConfiguration": "ON" }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" }),
            pool(json!({ "MfaConfiguration": "OPTIONAL" })),
        ),
        case(
            "MFA made possible by an update, without a factor",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF" }),
            pool(json!({ "MfaConfiguration": "OFF" })),
        ),
        case(
            "a role for text messages that Cognito can't assume",
            "CreateUserPool",
            json!({ "PoolName": "p", "SmsConfiguration": sms("stranger") }),
            json!({ "PoolName": "p", "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "a role for text messages that Cognito can't assume",
            "UpdateUserPool",
            // The pool's own role is gone: whatever the update is about, it fails.
            json!({ "UserPoolId": POOL, "DeletionProtection": "INACTIVE" }),
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("sms") }),
            {
                let mut world = account();
                world["DescribeUserPool"]["UserPool"]["SmsConfiguration"] = sms("gone");
                world
            },
        ),
        case(
            "a role for text messages that may send none",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("mute") }),
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "recovery by the phone that is the second factor",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "AccountRecoverySetting": recovery("verified_phone_number") }),
            json!({ "UserPoolId": POOL, "AccountRecoverySetting": recovery("verified_email") }),
            factors(json!({ "SmsMfaConfiguration": {} })),
        ),
        case(
            "recovery by the mail that is the second factor",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "AccountRecoverySetting": recovery("verified_email"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            json!({
                "UserPoolId": POOL,
                "AccountRecoverySetting": recovery("admin_only"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world
            },
        ),
        case(
            "codes by mail as a second factor, from Cognito's own address",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } }),
            json!({
                "UserPoolId": POOL,
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world
            },
        ),
        case(
            "threat protection below Plus",
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" } }),
            json!({
                "PoolName": "p", "UserPoolTier": "PLUS", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" },
            }),
            json!({}),
        ),
        case(
            "claims in access tokens on Lite",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "LambdaConfig": { "PreTokenGenerationConfig": { "LambdaVersion": "V2_0" } } }),
            json!({ "UserPoolId": POOL, "LambdaConfig": { "PreTokenGenerationConfig": { "LambdaVersion": "V1_0" } } }),
            pool(json!({ "UserPoolTier": "LITE" })),
        ),
        case(
            "sign-in without a password on Lite",
            "CreateUserPool",
            json!({
                "PoolName": "p",
                "UserPoolTier": "LITE",
                "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } },
            }),
            json!({
                "PoolName": "p",
                "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } },
            }),
            json!({}),
        ),
        case(
            "password history on Lite",
            "CreateUserPool",
            json!({
                "PoolName": "p", "UserPoolTier": "LITE", "Policies": { "PasswordPolicy": { "PasswordHistorySize": 4 } },
            }),
            json!({
                "PoolName": "p", "UserPoolTier": "LITE", "Policies": { "PasswordPolicy": { "PasswordHistorySize": 0 } },
            }),
            json!({}),
        ),
        case(
            "down to Lite with codes by mail as a second factor",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "UserPoolTier": "LITE",
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            json!({
                "UserPoolId": POOL,
                "UserPoolTier": "PLUS",
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world
            },
        ),
        case(
            "a code's mail and a link's mail at once",
            "CreateUserPool",
            json!({ "PoolName": "p", "VerificationMessageTemplate": {
                "EmailMessage": "{####}", "EmailMessageByLink": "{##here##}",
            }}),
            json!({ "PoolName": "p", "VerificationMessageTemplate": { "EmailMessage": "{####}" } }),
            json!({}),
        ),
        case(
            "a sender of one's own that isn't named",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" } }),
            json!({ "PoolName": "p", "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } }),
            json!({}),
        ),
        case(
            "somebody else's sender",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:999999999999:identity/acme.com",
            }}),
            json!({ "PoolName": "p", "EmailConfiguration": { "SourceArn": SENDER } }),
            account(),
        ),
        case(
            "a sender that SES hasn't verified",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/new.acme.org",
            }}),
            json!({ "PoolName": "p", "EmailConfiguration": { "SourceArn": SENDER } }),
            account(),
        ),
        case(
            "a custom attribute that is required",
            "AddCustomAttributes",
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a", "Required": true }] }),
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }] }),
            pool(json!({})),
        ),
        case(
            "more custom attributes than a pool may have",
            "AddCustomAttributes",
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }, { "Name": "b" }] }),
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }] }),
            pool(json!({ "SchemaAttributes": attributes(49) })),
        ),
        case(
            "deleting a protected pool",
            "DeleteUserPool",
            json!({ "UserPoolId": POOL }),
            json!({ "UserPoolId": "eu-west-1_Open" }),
            beside(json!({ "DeletionProtection": "ACTIVE" })),
        ),
        case(
            "deleting a pool that has a domain",
            "DeleteUserPool",
            json!({ "UserPoolId": POOL }),
            json!({ "UserPoolId": "eu-west-1_Open" }),
            beside(json!({ "DeletionProtection": "INACTIVE", "CustomDomain": "auth.acme.com" })),
        ),
    ]
}

fn factor_cases() -> Vec<Case> {
    let set = |more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let totp = || set(json!({ "SoftwareTokenMfaConfiguration": { "Enabled": true } }));
    let mail = || set(json!({ "EmailMfaConfiguration": { "Message": "{####}" } }));
    let text =
        |role: &str| set(json!({ "SmsMfaConfiguration": { "SmsConfiguration": sms(role) } }));
    let with = |pool: Value| {
        let mut world = account();
        world["DescribeUserPool"]["UserPool"] = pool;
        world
    };
    let recovery = |name: &str| json!({ "RecoveryMechanisms": [{ "Name": name, "Priority": 1 }] });
    vec![
        case(
            "MFA off, and a factor",
            "SetUserPoolMfaConfig",
            json!({
                "UserPoolId": POOL,
                "MfaConfiguration": "OFF",
                "SoftwareTokenMfaConfiguration": { "Enabled": false },
            }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF", "WebAuthnConfiguration": {} }),
            account(),
        ),
        case(
            "MFA on, and no factor",
            "SetUserPoolMfaConfig",
            set(json!({ "SoftwareTokenMfaConfiguration": { "Enabled": false } })),
            totp(),
            account(),
        ),
        case(
            "MFA on, and no factor",
            "SetUserPoolMfaConfig",
            set(json!({ "WebAuthnConfiguration": {} })),
            totp(),
            account(),
        ),
        case(
            "phone numbers verified, MFA on, and no text messages",
            "SetUserPoolMfaConfig",
            totp(),
            text("sms"),
            with(json!({ "AutoVerifiedAttributes": ["phone_number"] })),
        ),
        case(
            "a way to send text messages, MFA on, and none as a factor",
            "SetUserPoolMfaConfig",
            totp(),
            text("sms"),
            with(json!({ "SmsConfiguration": sms("sms") })),
        ),
        case(
            "a factor's role that Cognito can't assume",
            "SetUserPoolMfaConfig",
            text("gone"),
            text("sms"),
            account(),
        ),
        case(
            "a factor's role that may send nothing",
            "SetUserPoolMfaConfig",
            text("mute"),
            text("sms"),
            account(),
        ),
        case(
            "text messages as a factor where the phone alone recovers",
            "SetUserPoolMfaConfig",
            text("sms"),
            totp(),
            with(json!({ "AccountRecoverySetting": recovery("verified_phone_number") })),
        ),
        case(
            "mail as a factor where mail alone recovers",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({
                "AccountRecoverySetting": recovery("verified_email"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" },
            })),
        ),
        case(
            "mail as a factor from Cognito's own address",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({ "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } })),
        ),
        case(
            "mail as a factor on Lite",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({
                "UserPoolTier": "LITE", "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" },
            })),
        ),
    ]
}

fn client_cases() -> Vec<Case> {
    let client = |more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "ClientName": "web" });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let world = || {
        json!({
            "DescribeUserPool": { "UserPool": { "UserPoolTier": "LITE", "SchemaAttributes": [
                { "Name": "sub", "Required": true },
                { "Name": "email", "Required": true },
                { "Name": "name" },
            ]}},
            "ListIdentityProviders": { "Providers": [{ "ProviderName": "Google" }] },
            "ListResourceServers": { "ResourceServers": [
                { "Identifier": "api", "Scopes": [{ "ScopeName": "read" }] },
            ]},
        })
    };
    let one = |rule: &'static str, refused: Value, passes: Value| {
        case(
            rule,
            "CreateUserPoolClient",
            client(refused),
            client(passes),
            world(),
        )
    };
    vec![
        one(
            "a token that lives too short or too long",
            json!({ "AccessTokenValidity": 4, "TokenValidityUnits": { "AccessToken": "minutes" } }),
            json!({ "AccessTokenValidity": 5, "TokenValidityUnits": { "AccessToken": "minutes" } }),
        ),
        one(
            "a token that lives too short or too long",
            json!({ "RefreshTokenValidity": 36500 }),
            json!({ "RefreshTokenValidity": 3650 }),
        ),
        one(
            "a refresh token that ends before what it renews",
            json!({ "IdTokenValidity": 2, "RefreshTokenValidity": 60, "TokenValidityUnits": { "RefreshToken": "minutes" } }),
            json!({ "IdTokenValidity": 1, "RefreshTokenValidity": 60, "TokenValidityUnits": { "RefreshToken": "minutes" } }),
        ),
        one(
            "refresh tokens by the flow, and rotated",
            json!({ "RefreshTokenRotation": { "Feature": "ENABLED" } }),
            json!({ "RefreshTokenRotation": { "Feature": "ENABLED" }, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "flows by their old and their new names",
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"] }),
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "choice-based sign-in on Lite",
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_AUTH"] }),
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "OAuth without a grant or a scope",
            json!({ "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"] }),
            json!({
                "AllowedOAuthFlowsUserPoolClient": true,
                "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid"],
            }),
        ),
        one(
            "a machine's grant beside a person's",
            json!({ "AllowedOAuthFlows": ["code", "client_credentials"], "GenerateSecret": true }),
            json!({ "AllowedOAuthFlows": ["client_credentials"], "GenerateSecret": true }),
        ),
        one(
            "a machine without a secret",
            json!({ "AllowedOAuthFlows": ["client_credentials"] }),
            json!({ "AllowedOAuthFlows": ["client_credentials"], "GenerateSecret": true }),
        ),
        one(
            "a secret made and given",
            json!({ "GenerateSecret": true, "ClientSecret": "s".repeat(24) }),
            json!({ "GenerateSecret": true }),
        ),
        one(
            "a redirect without TLS",
            json!({ "CallbackURLs": ["http://acme.com/"] }),
            json!({ "CallbackURLs": ["http://localhost:3000/", "http://[::1]:3000/", "acme://signed-in"] }),
        ),
        one(
            "a redirect with a fragment",
            json!({ "CallbackURLs": ["https://acme.com/#/"] }),
            json!({ "CallbackURLs": ["https://acme.com/"] }),
        ),
        one(
            "a default redirect that isn't among the redirects",
            json!({ "CallbackURLs": ["https://acme.com/"], "DefaultRedirectURI": "https://acme.com/in" }),
            json!({ "CallbackURLs": ["https://acme.com/"], "DefaultRedirectURI": "https://acme.com/" }),
        ),
        one(
            "reading an attribute that the pool lacks",
            json!({ "ReadAttributes": ["custom:plan"] }),
            json!({ "ReadAttributes": ["name", "email_verified"] }),
        ),
        one(
            "writing an attribute that the pool lacks, or that is Cognito's",
            json!({ "WriteAttributes": ["email", "email_verified"] }),
            json!({ "WriteAttributes": ["email", "name"] }),
        ),
        one(
            "not writing an attribute that is required",
            json!({ "WriteAttributes": ["name"] }),
            json!({ "WriteAttributes": ["email", "name"] }),
        ),
        one(
            "a scope that no resource server has",
            json!({ "AllowedOAuthScopes": ["openid", "api/write"] }),
            json!({ "AllowedOAuthScopes": ["openid", "api/read"] }),
        ),
        one(
            "a provider that the pool lacks",
            json!({ "SupportedIdentityProviders": ["COGNITO", "Facebook"] }),
            json!({ "SupportedIdentityProviders": ["COGNITO", "Google"] }),
        ),
    ]
}

fn domain_and_provider_cases() -> Vec<Case> {
    let world =
        || pool(json!({ "UserPoolTier": "LITE", "SchemaAttributes": [{ "Name": "email" }] }));
    let domain = |name: &str, more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "Domain": name });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let certificate = |region: &str| {
        let arn = format!("arn:aws:acm:{region}:111122223333:certificate/c");
        json!({ "CustomDomainConfig": { "CertificateArn": arn } })
    };
    let google = |name: &str, details: Value| {
        json!({
            "UserPoolId": POOL, "ProviderName": name, "ProviderType": "Google", "ProviderDetails": details,
        })
    };
    let details = || json!({ "client_id": "c", "client_secret": "s", "authorize_scopes": "email" });
    let mapped = |name: &str| {
        let mut input = google("Google", details());
        input["AttributeMapping"] = json!({ "username": "sub" });
        input["AttributeMapping"][name] = "email".into();
        input
    };
    vec![
        case(
            "a prefix with a reserved word",
            "CreateUserPoolDomain",
            domain("my-cognito", json!({})),
            domain("acme", json!({})),
            world(),
        ),
        case(
            "a prefix that is none",
            "CreateUserPoolDomain",
            domain("auth.acme.com", json!({})),
            domain("auth-acme", json!({})),
            world(),
        ),
        case(
            "a custom domain that is none",
            "CreateUserPoolDomain",
            domain("acme", certificate("us-east-1")),
            domain("auth.acme.com", certificate("us-east-1")),
            world(),
        ),
        case(
            "a certificate in another region",
            "UpdateUserPoolDomain",
            domain("auth.acme.com", certificate("eu-west-1")),
            domain("auth.acme.com", certificate("us-east-1")),
            world(),
        ),
        case(
            "managed login on Lite",
            "CreateUserPoolDomain",
            domain("acme", json!({ "ManagedLoginVersion": 2 })),
            domain("acme", json!({ "ManagedLoginVersion": 1 })),
            world(),
        ),
        case(
            "deleting a domain that isn't there",
            "DeleteUserPoolDomain",
            domain("gone", json!({})),
            json!({ "UserPoolId": "eu-west-1_Other", "Domain": "acme" }),
            json!({ "DescribeUserPoolDomain": { "DomainDescription": { "UserPoolId": "eu-west-1_Other" } } }),
        ),
        case(
            "a social provider by another name than its own",
            "CreateIdentityProvider",
            google("MyGoogle", details()),
            google("Google", details()),
            world(),
        ),
        case(
            "a provider without what its type needs",
            "CreateIdentityProvider",
            google(
                "Google",
                json!({ "client_id": "c", "authorize_scopes": "email" }),
            ),
            google("Google", details()),
            world(),
        ),
        case(
            "a claim put into an attribute that the pool lacks",
            "CreateIdentityProvider",
            mapped("custom:plan"),
            mapped("email"),
            world(),
        ),
    ]
}

fn other_cases() -> Vec<Case> {
    let statement = |more: Value| {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            statement[name] = value.clone();
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let role =
        |policy: Value| json!({ "RoleName": "r", "AssumeRolePolicyDocument": policy.to_string() });
    let inline = |more: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        for (name, value) in more.as_object().into_iter().flatten() {
            statement[name] = value.clone();
        }
        json!({
            "RoleName": "r",
            "PolicyName": "p",
            "PolicyDocument": json!({ "Version": "2012-10-17", "Statement": statement }).to_string(),
        })
    };
    let good = || role(statement(json!({})));
    let function = |more: Value| {
        let mut input = json!({
            "FunctionName": "f",
            "Role": "arn:aws:iam::111122223333:role/function",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": { "ZipFile": "UEsDBA==" },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let variables = |name: &str, value: String| {
        let mut variables = json!({});
        variables[name] = value.into();
        function(json!({ "Environment": { "Variables": variables } }))
    };
    let table = |more: Value| {
        let mut input = json!({
            "TableName": "t",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let alarm = |period: i64, periods: i64, points: i64| json!({ "AlarmName": "a", "Period": period, "EvaluationPeriods": periods, "DatapointsToAlarm": points });
    let create = |rule, refused, passes| case(rule, "CreateFunction", refused, passes, account());
    let in_account =
        |rule, operation, refused, passes| case(rule, operation, refused, passes, account());
    vec![
        in_account(
            "a trust policy that isn't JSON",
            "CreateRole",
            json!({ "RoleName": "r", "AssumeRolePolicyDocument": "{" }),
            good(),
        ),
        in_account(
            "a trust policy about a resource",
            "CreateRole",
            role(statement(json!({ "Resource": "*" }))),
            good(),
        ),
        in_account(
            "a trust policy that trusts nobody",
            "CreateRole",
            role(statement(json!({ "Principal": null }))),
            good(),
        ),
        in_account(
            "a trust policy about another service's actions",
            "UpdateAssumeRolePolicy",
            json!({ "RoleName": "r", "PolicyDocument": statement(json!({ "Action": "s3:GetObject" })).to_string() }),
            json!({ "RoleName": "r", "PolicyDocument": statement(json!({})).to_string() }),
        ),
        in_account(
            "a role's own policy that names a principal",
            "PutRolePolicy",
            inline(json!({ "Principal": "*" })),
            inline(json!({})),
        ),
        in_account(
            "an action of no service",
            "PutRolePolicy",
            inline(json!({ "Action": "Publish" })),
            inline(json!({ "Action": ["sns:Publish"] })),
        ),
        in_account(
            "a resource that is no ARN",
            "PutRolePolicy",
            inline(json!({ "Resource": ["*", "topic"] })),
            inline(json!({ "Resource": "arn:aws:sns:*:*:*" })),
        ),
        in_account(
            "more inline policy than a role may have",
            "PutRolePolicy",
            json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": "x".repeat(10_241) }),
            json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": "x".repeat(10_240) }),
        ),
        in_account(
            "deleting a role that has policies",
            "DeleteRole",
            json!({ "RoleName": "sms" }),
            json!({ "RoleName": "function" }),
        ),
        create(
            "a role that Lambda can't assume",
            function(json!({ "Role": "arn:aws:iam::111122223333:role/gone" })),
            function(json!({})),
        ),
        create(
            "a role that Lambda can't assume",
            function(json!({ "Role": "arn:aws:iam::111122223333:role/sms" })),
            function(json!({})),
        ),
        create(
            "a zip without a runtime or a handler",
            function(json!({ "Handler": null })),
            function(json!({})),
        ),
        create(
            "a package that is no zip",
            function(json!({ "Code": { "ZipFile": "aGVsbG8=" } })),
            function(json!({})),
        ),
        create(
            "a variable that is Lambda's",
            variables("AWS_REGION", "eu-west-1".into()),
            variables("REGION", "eu-west-1".into()),
        ),
        create(
            "more variables than fit",
            variables("LONG", "x".repeat(4096)),
            variables("LONG", "x".repeat(4000)),
        ),
        create(
            "a function that may run for longer than any",
            function(json!({ "Timeout": 901 })),
            function(json!({ "Timeout": 900 })),
        ),
        in_account(
            "backups of a table that isn't there",
            "UpdateContinuousBackups",
            json!({ "TableName": "gone" }),
            json!({ "TableName": "arn:aws:dynamodb:eu-west-1:111122223333:table/scratch" }),
        ),
        in_account(
            "deleting a protected table",
            "DeleteTable",
            json!({ "TableName": "users" }),
            json!({ "TableName": "scratch" }),
        ),
        in_account(
            "an expiry that is on already",
            "UpdateTimeToLive",
            json!({ "TableName": "expiring", "TimeToLiveSpecification": { "Enabled": true } }),
            json!({ "TableName": "expiring", "TimeToLiveSpecification": { "Enabled": false } }),
        ),
        in_account(
            "capacity for a table that is paid by the request",
            "CreateTable",
            table(
                json!({ "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 } }),
            ),
            table(json!({})),
        ),
        in_account(
            "a table without a billing mode or a capacity",
            "CreateTable",
            table(json!({ "BillingMode": null })),
            table(json!({
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
            })),
        ),
        in_account(
            "attributes that no key of a table has",
            "CreateTable",
            table(json!({ "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }] })),
            table(json!({})),
        ),
        in_account(
            "mail from a sender that SES hasn't verified",
            "SendEmail",
            json!({ "FromEmailAddress": "Acme <hello@new.acme.org>" }),
            json!({ "FromEmailAddress": "Acme <hello@mail.acme.com>" }),
        ),
        in_account(
            "mail with a configuration set that isn't there",
            "SendEmail",
            json!({ "ConfigurationSetName": "gone" }),
            json!({ "ConfigurationSetName": "set" }),
        ),
        in_account(
            "an identity that is there already",
            "CreateEmailIdentity",
            json!({ "EmailIdentity": "acme.com" }),
            json!({ "EmailIdentity": "other.com" }),
        ),
        in_account(
            "deleting an identity that isn't there",
            "DeleteEmailIdentity",
            json!({ "EmailIdentity": "other.com" }),
            json!({ "EmailIdentity": "acme.com" }),
        ),
        in_account(
            "deleting a configuration set that isn't there",
            "DeleteConfigurationSet",
            json!({ "ConfigurationSetName": "gone" }),
            json!({ "ConfigurationSetName": "set" }),
        ),
        in_account(
            "a configuration set by a name that none can have",
            "CreateConfigurationSet",
            json!({ "ConfigurationSetName": "a.b" }),
            json!({ "ConfigurationSetName": "a-b" }),
        ),
        in_account(
            "a template by a name that none can have",
            "CreateEmailTemplate",
            json!({ "TemplateName": "a b", "TemplateContent": { "Text": "t" } }),
            json!({ "TemplateName": "a_b", "TemplateContent": { "Text": "t" } }),
        ),
        in_account(
            "a template without anything to read",
            "UpdateEmailTemplate",
            json!({ "TemplateName": "a", "TemplateContent": { "Subject": "s" } }),
            json!({ "TemplateName": "a", "TemplateContent": { "Subject": "s", "Html": "h" } }),
        ),
        in_account(
            "an identity that is neither a domain nor an address",
            "CreateEmailIdentity",
            json!({ "EmailIdentity": "acme" }),
            json!({ "EmailIdentity": "hello@acme.com" }),
        ),
        in_account(
            "logs kept for a number of days that isn't offered",
            "PutRetentionPolicy",
            json!({ "logGroupName": "g", "retentionInDays": 4 }),
            json!({ "logGroupName": "g", "retentionInDays": 3 }),
        ),
        in_account(
            "an alarm over a period that CloudWatch doesn't count in",
            "PutMetricAlarm",
            alarm(90, 1, 1),
            alarm(60, 1, 1),
        ),
        in_account(
            "an alarm that looks back further than alarms do",
            "PutMetricAlarm",
            alarm(300, 289, 1),
            alarm(300, 288, 1),
        ),
        in_account(
            "an alarm of more data points than periods",
            "PutMetricAlarm",
            alarm(60, 2, 3),
            alarm(60, 2, 2),
        ),
        in_account(
            "a parameter by a name that is AWS's",
            "PutParameter",
            json!({ "Name": "/aws/key", "Value": "v" }),
            json!({ "Name": "/acme/key", "Value": "v" }),
        ),
        in_account(
            "a parameter larger than its tier",
            "PutParameter",
            json!({ "Name": "/acme/key", "Value": "v".repeat(4097) }),
            json!({ "Name": "/acme/key", "Value": "v".repeat(4097), "Tier": "Advanced" }),
        ),
        in_account(
            "a parameter overwritten and tagged at once",
            "PutParameter",
            json!({ "Name": "/k", "Value": "v", "Overwrite": true, "Tags": [{ "Key": "k", "Value": "v" }] }),
            json!({ "Name": "/k", "Value": "v", "Overwrite": true }),
        ),
        in_account(
            "a secret parameter's key without a secret",
            "PutParameter",
            json!({ "Name": "/k", "Value": "v", "Type": "String", "KeyId": "alias/k" }),
            json!({ "Name": "/k", "Value": "v", "Type": "SecureString", "KeyId": "alias/k" }),
        ),
    ]
}

fn tag_cases() -> Vec<Case> {
    let pairs = |key: &str| json!([{ "Key": key, "Value": "identity" }]);
    let map = |key: &str| {
        let mut tags = json!({});
        tags[key] = "identity".into();
        tags
    };
    let template = |key: &str| json!({ "TemplateName": "a", "TemplateContent": { "Text": "t" }, "Tags": pairs(key) });
    let one = |rule, operation, refused, passes| case(rule, operation, refused, passes, account());
    vec![
        one(
            "tags of cognito-idp",
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolTags": map("aws:team") }),
            json!({ "PoolName": "p", "UserPoolTags": map("équipe/a b") }),
        ),
        one(
            "tags of iam",
            "TagRole",
            json!({ "RoleName": "r", "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] }),
            json!({ "RoleName": "r", "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] }),
        ),
        one(
            "tags of lambda",
            "TagResource",
            json!({ "Resource": "arn", "Tags": map("team!") }),
            json!({ "Resource": "arn", "Tags": map("team") }),
        ),
        one(
            "tags of dynamodb",
            "TagResource",
            json!({ "ResourceArn": "arn", "Tags": pairs("AWS:team") }),
            json!({ "ResourceArn": "arn", "Tags": pairs("team") }),
        ),
        one(
            "tags of sesv2",
            "CreateEmailTemplate",
            template("a*b"),
            template("a-b"),
        ),
        one(
            "tags of logs",
            "CreateLogGroup",
            json!({ "logGroupName": "g", "tags": map("a,b") }),
            json!({ "logGroupName": "g", "tags": map("a.b") }),
        ),
        one(
            "tags of ssm",
            "AddTagsToResource",
            json!({ "Tags": (0..51).map(|number| json!({ "Key": number.to_string(), "Value": "" })).collect::<Vec<_>>() }),
            json!({ "Tags": (0..50).map(|number| json!({ "Key": number.to_string(), "Value": "" })).collect::<Vec<_>>() }),
        ),
        one(
            "tags of cloudwatch",
            "PutMetricAlarm",
            json!({ "AlarmName": "a", "Tags": [{ "Key": "k", "Value": "v".repeat(257) }] }),
            json!({ "AlarmName": "a", "Tags": [{ "Key": "k", "Value": "v".repeat(256) }] }),
        ),
    ]
}

fn cases() -> Vec<Case> {
    [
        pool_cases(),
        factor_cases(),
        client_cases(),
        domain_and_provider_cases(),
        other_cases(),
        tag_cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test]
async fn every_rule_refuses_what_it_is_about_and_nothing_beside_it() {
    let mut fired = BTreeSet::new();
    for case in cases() {
        let rule = all()
            .find(|rule| rule.name == case.rule && rule.operations.contains(&case.operation))
            .unwrap_or_else(|| panic!("no rule `{}` about {}", case.rule, case.operation));
        let what = format!("{}, {}", case.rule, case.operation);
        let facts = Facts::given(&case.world, &case.refused);
        let found = first(&facts, rule.service, case.operation).await;
        let (found, refusal) = found.unwrap_or_else(|| panic!("taken: {what}"));
        assert_eq!(found.name, case.rule, "{what}: {refusal:?}");
        assert_eq!(refusal.code, rule.code, "{what}");
        assert!(!refusal.message.is_empty(), "{what}");
        let facts = Facts::given(&case.world, &case.passes);
        let found = first(&facts, rule.service, case.operation).await;
        assert!(
            found.is_none(),
            "{what} is refused: {:?}",
            found.map(|(_, refusal)| refusal)
        );
        fired.insert(rule.name);
    }
    let silent: Vec<&str> = all()
        .map(|rule| rule.name)
        .filter(|name| !fired.contains(name))
        .collect();
    assert!(silent.is_empty(), "no case for {silent:?}");
}

#[test]
fn every_rule_has_a_source_and_is_about_operations_of_the_models() {
    let mut names = BTreeSet::new();
    for rule in all() {
        assert!(rule.source.len() > 5, "{}", rule.name);
        assert!(
            names.insert(rule.name),
            "two rules are called {}",
            rule.name
        );
        let service = models::service(rule.service).expect("a service of the models");
        for operation in rule.operations {
            assert!(
                service.operations.contains_key(*operation),
                "{}: {operation}",
                rule.name
            );
        }
    }
}
