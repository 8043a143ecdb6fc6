//! `AWS::Cognito::UserPool` through the API.
//!
//! UpdateUserPool and SetUserPoolMfaConfig reset every field a request omits, so a body is always
//! whole: what was read just before, with ours laid over it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cognitoidentityprovider::operation::get_user_pool_mfa_config::GetUserPoolMfaConfigOutput;
use aws_sdk_cognitoidentityprovider::types::{
    AccountRecoverySettingType, AdminCreateUserConfigType, AdvancedSecurityModeType,
    AliasAttributeType, AttributeDataType, DefaultEmailOptionType, DeletionProtectionType,
    EmailConfigurationType, EmailMfaConfigType, EmailSendingAccountType, LambdaConfigType,
    NumberAttributeConstraintsType, PasswordPolicyType, PreTokenGenerationLambdaVersionType,
    PreTokenGenerationVersionConfigType, RecoveryOptionNameType, RecoveryOptionType,
    SchemaAttributeType, SmsConfigurationType, SmsMfaConfigType, SoftwareTokenMfaConfigType,
    StringAttributeConstraintsType, UserAttributeUpdateSettingsType, UserPoolAddOnsType,
    UserPoolMfaType, UserPoolPolicyType, UserPoolTierType, UserPoolType, UsernameAttributeType,
    UsernameConfigurationType, VerificationMessageTemplateType, VerifiedAttributeType,
};
use saasauth_contract::record::CUSTOM_PREFIX;
use serde_json::{Map, Value, json};

use super::lifecycle::{Change, Lifecycle, each_or_look_for};
use super::{Aws, Fault, Result, Waiting, Wanted, classify, live, with_arn};
use saasauth_model::resource::user_pool::{
    LambdaConfig, SchemaAttribute, SmsConfiguration, UserPool,
};
use saasauth_model::resource::{Kind, Live, LogicalId, Owner};

impl Lifecycle for UserPool<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_or_look_for(
            wanted,
            async |id| aws.read_user_pool(id).await,
            async |one| aws.find_user_pool(&one.declared).await,
        )
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool(self, change.live, change.changed)
            .await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool(physical_id).await
    }
}

impl Aws {
    /// Looks for a pool of this name with this stage's tags: names are not unique, so the name only
    /// narrows the search.
    pub(super) async fn find_user_pool(&self, declared: &Value) -> Result<Option<Live>> {
        let name = declared["UserPoolName"].as_str().unwrap_or_default();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .cognito
                .list_user_pools()
                .max_results(60)
                .set_next_token(token.take())
                .send()
                .await?;
            for pool in page
                .user_pools()
                .iter()
                .filter(|pool| pool.name() == Some(name))
            {
                let Some(id) = pool.id() else { continue };
                let live = self.read_user_pool(id).await?;
                if live
                    .as_ref()
                    .is_some_and(|live| live.owner.as_ref() == Some(self.owner()))
                {
                    return Ok(live);
                }
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn read_user_pool(&self, id: &str) -> Result<Option<Live>> {
        let Some(pool) = self.describe_user_pool(id).await? else {
            return Ok(None);
        };
        // DescribeUserPool says whether there is a second factor, but not which.
        let mfas = match pool.mfa_configuration() {
            None | Some(UserPoolMfaType::Off) => None,
            Some(_) => Some(enabled_mfas(&self.mfa_config(id).await?)),
        };
        Ok(Some(as_live(id, &pool, mfas)))
    }

    async fn describe_user_pool(&self, id: &str) -> Result<Option<UserPoolType>> {
        let answer = self
            .cognito
            .describe_user_pool()
            .user_pool_id(id)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found.and_then(|answer| answer.user_pool))
    }

    async fn mfa_config(&self, id: &str) -> Result<GetUserPoolMfaConfigOutput> {
        let request = self.cognito.get_user_pool_mfa_config().user_pool_id(id);
        Ok(request.send().await?)
    }

    /// Makes the pool without its triggers, which follow in an update: see the rules of the type.
    pub(super) async fn create_user_pool(&self, pool: &UserPool<String>) -> Result<Live> {
        let answer = self
            .cognito
            .create_user_pool()
            .pool_name(&pool.user_pool_name)
            .user_pool_tier(UserPoolTierType::from(pool.user_pool_tier.as_str()))
            .deletion_protection(DeletionProtectionType::from(
                pool.deletion_protection.as_str(),
            ))
            .set_username_attributes(enums::<UsernameAttributeType>(
                pool.username_attributes.as_ref(),
            ))
            .set_alias_attributes(enums::<AliasAttributeType>(pool.alias_attributes.as_ref()))
            .username_configuration(
                UsernameConfigurationType::builder()
                    .case_sensitive(pool.username_configuration.case_sensitive)
                    .build()?,
            )
            .set_auto_verified_attributes(enums::<VerifiedAttributeType>(Some(
                &pool.auto_verified_attributes,
            )))
            .set_schema(Some(pool.schema.iter().map(schema_attribute).collect()))
            .policies(policies(pool, None))
            .verification_message_template(verification_message_template(pool))
            .account_recovery_setting(account_recovery_setting(pool)?)
            .admin_create_user_config(admin_create_user_config(pool, None))
            .user_attribute_update_settings(user_attribute_update_settings(pool))
            .email_configuration(email_configuration(pool, None))
            .set_sms_configuration(pool.sms_configuration.as_ref().map(sms_configuration))
            .set_user_pool_add_ons(user_pool_add_ons(pool, None)?)
            .set_lambda_config(
                pool.lambda_config
                    .as_ref()
                    .map(|config| lambda_config(config, None))
                    .transpose()?,
            )
            .set_user_pool_tags(Some(pool.user_pool_tags.clone().into_iter().collect()))
            .send()
            .await?;
        let made = answer
            .user_pool
            .unwrap_or_else(|| UserPoolType::builder().build());
        let id = made
            .id()
            .ok_or_else(|| Fault::ours("CreateUserPool answered without an ID"))?
            .to_owned();
        // A pool can't be made with a second factor other than text messages: CreateUserPool takes
        // no software-token or email settings.
        if pool.mfa_configuration != "OFF" {
            self.set_mfa(&id, pool, None).await?;
        }
        Ok(as_live(&id, &made, None))
    }

    pub(super) async fn update_user_pool(
        &self,
        pool: &UserPool<String>,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        let id = &live.physical_id;
        let only_mfa = changed
            .iter()
            .all(|name| matches!(name.as_str(), "MfaConfiguration" | "EnabledMfas" | "Schema"));
        if changed.contains("Schema") {
            self.add_attributes(id, pool, &live.properties["Schema"])
                .await?;
        }
        // A factor is switched off before the text-message role it used goes, and on after the role
        // it needs has come; UpdateUserPool refuses to turn MFA on by itself without one.
        if !only_mfa {
            // Between the plan and now lies a person's yes, or the making of both functions: what
            // the plan read may be an hour old, and sending that back would undo what others did.
            let body = self.describe_user_pool(id).await?;
            let body = body.ok_or_else(|| Fault::ours(format!("user pool `{id}` is gone")))?;
            self.send_user_pool(id, pool, &body, pool.deletion_protection.as_str())
                .await?;
        }
        if changed.contains("MfaConfiguration") || changed.contains("EnabledMfas") {
            let body = self.mfa_config(id).await?;
            self.set_mfa(id, pool, Some(body)).await?;
        }
        Ok(())
    }

    async fn send_user_pool(
        &self,
        id: &str,
        pool: &UserPool<String>,
        body: &UserPoolType,
        deletion_protection: &str,
    ) -> Result<()> {
        self.cognito
            .update_user_pool()
            .user_pool_id(id)
            .pool_name(&pool.user_pool_name)
            .user_pool_tier(UserPoolTierType::from(pool.user_pool_tier.as_str()))
            .deletion_protection(DeletionProtectionType::from(deletion_protection))
            .set_auto_verified_attributes(enums::<VerifiedAttributeType>(Some(
                &pool.auto_verified_attributes,
            )))
            .policies(policies(pool, body.policies()))
            .verification_message_template(verification_message_template(pool))
            .set_mfa_configuration(body.mfa_configuration.clone())
            .account_recovery_setting(account_recovery_setting(pool)?)
            .admin_create_user_config(admin_create_user_config(
                pool,
                body.admin_create_user_config(),
            ))
            .user_attribute_update_settings(user_attribute_update_settings(pool))
            .email_configuration(email_configuration(pool, body.email_configuration()))
            .set_sms_configuration(match &pool.sms_configuration {
                Some(sms) => Some(sms_configuration(sms)),
                None => body.sms_configuration.clone(),
            })
            .set_user_pool_add_ons(user_pool_add_ons(pool, body.user_pool_add_ons.as_ref())?)
            .set_lambda_config(match &pool.lambda_config {
                Some(config) => Some(lambda_config(config, body.lambda_config())?),
                None => body.lambda_config.clone(),
            })
            .set_user_pool_tags(Some(pool.user_pool_tags.clone().into_iter().collect()))
            // Not ours, and reset when left out:
            .set_device_configuration(body.device_configuration.clone())
            .set_sms_authentication_message(body.sms_authentication_message.clone())
            .set_key_configuration(body.key_configuration.clone())
            .set_issuer_configuration(body.issuer_configuration.clone())
            .set_acr_configuration(body.acr_configuration.clone())
            .send()
            .await?;
        Ok(())
    }

    async fn add_attributes(&self, id: &str, pool: &UserPool<String>, live: &Value) -> Result<()> {
        let there: BTreeSet<&str> = live
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["Name"].as_str())
            .collect();
        let added: Vec<SchemaAttributeType> = pool
            .schema
            .iter()
            .filter(|attribute| !there.contains(attribute.name.as_str()))
            .map(schema_attribute)
            .collect();
        if !added.is_empty() {
            self.cognito
                .add_custom_attributes()
                .user_pool_id(id)
                .set_custom_attributes(Some(added))
                .send()
                .await?;
        }
        Ok(())
    }

    /// Sets which second factors there are; `live` is what was set before, none for a new pool.
    async fn set_mfa(
        &self,
        id: &str,
        pool: &UserPool<String>,
        live: Option<GetUserPoolMfaConfigOutput>,
    ) -> Result<()> {
        let enabled = |name: &str| {
            pool.enabled_mfas
                .iter()
                .flatten()
                .any(|factor| factor == name)
        };
        let (sms, email, passkeys) = match live {
            Some(live) => (
                live.sms_mfa_configuration,
                live.email_mfa_configuration,
                live.web_authn_configuration,
            ),
            None => (None, None, None),
        };
        let sms = match &pool.sms_configuration {
            Some(ours) if enabled("SMS_MFA") => Some(
                SmsMfaConfigType::builder()
                    .sms_configuration(sms_configuration(ours))
                    .set_sms_authentication_message(
                        sms.and_then(|sms| sms.sms_authentication_message),
                    )
                    .build(),
            ),
            _ => None,
        };
        // Said in full: one without a message is a setting that reads back as none.
        let email = enabled("EMAIL_OTP").then(|| {
            let ours = &pool.verification_message_template;
            let (subject, message) =
                email.map_or((None, None), |email| (email.subject, email.message));
            EmailMfaConfigType::builder()
                .subject(subject.unwrap_or_else(|| ours.email_subject.clone()))
                .message(message.unwrap_or_else(|| ours.email_message.clone()))
                .build()
        });
        self.cognito
            .set_user_pool_mfa_config()
            .user_pool_id(id)
            .mfa_configuration(UserPoolMfaType::from(pool.mfa_configuration.as_str()))
            .set_sms_mfa_configuration(sms)
            .software_token_mfa_configuration(
                SoftwareTokenMfaConfigType::builder()
                    .enabled(enabled("SOFTWARE_TOKEN_MFA"))
                    .build(),
            )
            .set_email_mfa_configuration(email)
            // Not ours, and gone when left out.
            .set_web_authn_configuration(passkeys)
            .send()
            .await?;
        Ok(())
    }

    /// Deletes a pool, its protection first. A domain must be gone already.
    pub(super) async fn delete_user_pool(&self, id: &str) -> Result<()> {
        let Some(body) = self.describe_user_pool(id).await? else {
            return Ok(());
        };
        if body.deletion_protection() == Some(&DeletionProtectionType::Active) {
            self.cognito
                .update_user_pool()
                .user_pool_id(id)
                .deletion_protection(DeletionProtectionType::Inactive)
                // Whole, so that a delete that fails leaves a pool that works.
                .set_user_pool_tier(body.user_pool_tier.clone())
                .set_policies(body.policies.clone())
                .set_lambda_config(body.lambda_config.clone())
                .set_auto_verified_attributes(body.auto_verified_attributes.clone())
                .set_verification_message_template(body.verification_message_template.clone())
                .set_sms_authentication_message(body.sms_authentication_message.clone())
                .set_user_attribute_update_settings(body.user_attribute_update_settings.clone())
                .set_mfa_configuration(body.mfa_configuration.clone())
                .set_device_configuration(body.device_configuration.clone())
                .set_email_configuration(body.email_configuration.clone())
                .set_sms_configuration(body.sms_configuration.clone())
                .set_user_pool_tags(body.user_pool_tags.clone())
                .set_admin_create_user_config(body.admin_create_user_config.clone())
                .set_user_pool_add_ons(body.user_pool_add_ons.clone())
                .set_account_recovery_setting(body.account_recovery_setting.clone())
                .set_key_configuration(body.key_configuration.clone())
                .set_issuer_configuration(body.issuer_configuration.clone())
                .set_acr_configuration(body.acr_configuration.clone())
                .send()
                .await?;
        }
        let answer = self
            .cognito
            .delete_user_pool()
            .user_pool_id(id)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))
    }
}

fn enabled_mfas(config: &GetUserPoolMfaConfigOutput) -> Vec<&'static str> {
    let software_token = config
        .software_token_mfa_configuration()
        .is_some_and(|factor| factor.enabled());
    [
        (software_token, "SOFTWARE_TOKEN_MFA"),
        (config.sms_mfa_configuration().is_some(), "SMS_MFA"),
        (config.email_mfa_configuration().is_some(), "EMAIL_OTP"),
    ]
    .into_iter()
    .filter_map(|(enabled, name)| enabled.then_some(name))
    .collect()
}

fn enums<T: for<'a> From<&'a str>>(values: Option<&Vec<String>>) -> Option<Vec<T>> {
    values.map(|values| values.iter().map(|value| T::from(value)).collect())
}

/// Counts of the API are `i32`; ours never come near its end.
fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn schema_attribute(attribute: &SchemaAttribute) -> SchemaAttributeType {
    SchemaAttributeType::builder()
        .name(&attribute.name)
        .attribute_data_type(AttributeDataType::from(
            attribute.attribute_data_type.as_str(),
        ))
        .mutable(attribute.mutable)
        .required(attribute.required)
        .set_string_attribute_constraints(attribute.string_attribute_constraints.as_ref().map(
            |bounds| {
                StringAttributeConstraintsType::builder()
                    .set_min_length(bounds.min_length.clone())
                    .set_max_length(bounds.max_length.clone())
                    .build()
            },
        ))
        .set_number_attribute_constraints(attribute.number_attribute_constraints.as_ref().map(
            |bounds| {
                NumberAttributeConstraintsType::builder()
                    .set_min_value(bounds.min_value.clone())
                    .set_max_value(bounds.max_value.clone())
                    .build()
            },
        ))
        .build()
}

fn policies(pool: &UserPool<String>, live: Option<&UserPoolPolicyType>) -> UserPoolPolicyType {
    let ours = &pool.policies.password_policy;
    UserPoolPolicyType::builder()
        .password_policy(
            PasswordPolicyType::builder()
                .minimum_length(int(ours.minimum_length))
                .require_lowercase(ours.require_lowercase)
                .require_uppercase(ours.require_uppercase)
                .require_numbers(ours.require_numbers)
                .require_symbols(ours.require_symbols)
                .temporary_password_validity_days(int(ours.temporary_password_validity_days))
                .set_password_history_size(ours.password_history_size.map(int).or_else(|| {
                    live.and_then(UserPoolPolicyType::password_policy)
                        .and_then(PasswordPolicyType::password_history_size)
                }))
                .build(),
        )
        .set_sign_in_policy(live.and_then(|live| live.sign_in_policy.clone()))
        .build()
}

fn verification_message_template(pool: &UserPool<String>) -> VerificationMessageTemplateType {
    let ours = &pool.verification_message_template;
    VerificationMessageTemplateType::builder()
        .default_email_option(DefaultEmailOptionType::from(
            ours.default_email_option.as_str(),
        ))
        .email_subject(&ours.email_subject)
        .email_message(&ours.email_message)
        .email_subject_by_link(&ours.email_subject_by_link)
        .email_message_by_link(&ours.email_message_by_link)
        .sms_message(&ours.sms_message)
        .build()
}

fn account_recovery_setting(pool: &UserPool<String>) -> Result<AccountRecoverySettingType> {
    let mut setting = AccountRecoverySettingType::builder();
    for mechanism in &pool.account_recovery_setting.recovery_mechanisms {
        setting = setting.recovery_mechanisms(
            RecoveryOptionType::builder()
                .name(RecoveryOptionNameType::from(mechanism.name.as_str()))
                .priority(int(mechanism.priority))
                .build()?,
        );
    }
    Ok(setting.build())
}

fn admin_create_user_config(
    pool: &UserPool<String>,
    live: Option<&AdminCreateUserConfigType>,
) -> AdminCreateUserConfigType {
    AdminCreateUserConfigType::builder()
        .allow_admin_create_user_only(pool.admin_create_user_config.allow_admin_create_user_only)
        .set_invite_message_template(live.and_then(|live| live.invite_message_template.clone()))
        .build()
}

fn user_attribute_update_settings(pool: &UserPool<String>) -> UserAttributeUpdateSettingsType {
    let ours = &pool
        .user_attribute_update_settings
        .attributes_require_verification_before_update;
    UserAttributeUpdateSettingsType::builder()
        .set_attributes_require_verification_before_update(enums::<VerifiedAttributeType>(Some(
            ours,
        )))
        .build()
}

fn email_configuration(
    pool: &UserPool<String>,
    live: Option<&EmailConfigurationType>,
) -> EmailConfigurationType {
    let ours = &pool.email_configuration;
    EmailConfigurationType::builder()
        .email_sending_account(EmailSendingAccountType::from(
            ours.email_sending_account.as_str(),
        ))
        .set_from(ours.from.clone())
        .set_source_arn(ours.source_arn.clone())
        .set_configuration_set(ours.configuration_set.clone())
        .set_reply_to_email_address(live.and_then(|live| live.reply_to_email_address.clone()))
        .build()
}

fn sms_configuration(sms: &SmsConfiguration<String>) -> SmsConfigurationType {
    SmsConfigurationType::builder()
        .sns_caller_arn(&sms.sns_caller_arn)
        .external_id(&sms.external_id)
        .build()
}

fn user_pool_add_ons(
    pool: &UserPool<String>,
    live: Option<&UserPoolAddOnsType>,
) -> Result<Option<UserPoolAddOnsType>> {
    let Some(ours) = &pool.user_pool_add_ons else {
        return Ok(live.cloned());
    };
    let add_ons = UserPoolAddOnsType::builder()
        .advanced_security_mode(AdvancedSecurityModeType::from(
            ours.advanced_security_mode.as_str(),
        ))
        .set_advanced_security_additional_flows(
            live.and_then(|live| live.advanced_security_additional_flows.clone()),
        )
        .build()?;
    Ok(Some(add_ons))
}

/// Ours laid over the live triggers: others, such as CustomMessage, survive.
fn lambda_config(
    config: &LambdaConfig<String>,
    live: Option<&LambdaConfigType>,
) -> Result<LambdaConfigType> {
    let ours = &config.pre_token_generation_config;
    let mut whole = live
        .cloned()
        .unwrap_or_else(|| LambdaConfigType::builder().build());
    whole.post_confirmation = Some(config.post_confirmation.clone());
    whole.pre_token_generation_config = Some(
        PreTokenGenerationVersionConfigType::builder()
            .lambda_arn(&ours.lambda_arn)
            .lambda_version(PreTokenGenerationLambdaVersionType::from(
                ours.lambda_version.as_str(),
            ))
            .build()?,
    );
    // The older field must name the same function, or Cognito refuses the request.
    whole.pre_token_generation = Some(ours.lambda_arn.clone());
    Ok(whole)
}

fn as_live(id: &str, pool: &UserPoolType, mfas: Option<Vec<&'static str>>) -> Live {
    let tags: BTreeMap<String, String> = pool
        .user_pool_tags()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !key.starts_with("aws:"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let owner = Owner::from_tags(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let mut properties = json!({
        "UserPoolName": pool.name(),
        "UserPoolTier": pool.user_pool_tier().map_or("ESSENTIALS", UserPoolTierType::as_str),
        "DeletionProtection": pool.deletion_protection().map_or("INACTIVE", DeletionProtectionType::as_str),
        "UsernameAttributes": pool.username_attributes().iter().map(UsernameAttributeType::as_str).collect::<Vec<_>>(),
        "AliasAttributes": pool.alias_attributes().iter().map(AliasAttributeType::as_str).collect::<Vec<_>>(),
        "UsernameConfiguration": {
            // Pools without the setting are case sensitive: it came later than they did.
            "CaseSensitive": pool.username_configuration().is_none_or(|config| config.case_sensitive()),
        },
        "AutoVerifiedAttributes": pool.auto_verified_attributes().iter().map(VerifiedAttributeType::as_str).collect::<Vec<_>>(),
        "Schema": pool.schema_attributes().iter().map(schema_as_live).collect::<Vec<_>>(),
        "MfaConfiguration": pool.mfa_configuration().map_or("OFF", UserPoolMfaType::as_str),
        "EnabledMfas": mfas,
        "AccountRecoverySetting": { "RecoveryMechanisms": pool.account_recovery_setting().map(|setting| {
            setting.recovery_mechanisms().iter().map(|one| json!({
                "Name": one.name().as_str(), "Priority": one.priority(),
            })).collect::<Vec<_>>()
        }).unwrap_or_default() },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": pool.admin_create_user_config().is_some_and(|config| config.allow_admin_create_user_only()),
        },
        "UserAttributeUpdateSettings": {
            "AttributesRequireVerificationBeforeUpdate": pool.user_attribute_update_settings().map(|settings| {
                settings.attributes_require_verification_before_update().iter().map(VerifiedAttributeType::as_str).collect::<Vec<_>>()
            }).unwrap_or_default(),
        },
        "UserPoolTags": tags,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(map)) = (value, properties.as_object_mut()) {
            map.insert(name.to_owned(), value);
        }
    };
    set(
        "Policies",
        pool.policies()
            .and_then(UserPoolPolicyType::password_policy)
            .map(|policy| {
                json!({
                    "PasswordPolicy": {
                        "MinimumLength": policy.minimum_length(),
                        "RequireLowercase": policy.require_lowercase(),
                        "RequireUppercase": policy.require_uppercase(),
                        "RequireNumbers": policy.require_numbers(),
                        "RequireSymbols": policy.require_symbols(),
                        "TemporaryPasswordValidityDays": policy.temporary_password_validity_days(),
                        // Cognito leaves a history of none out.
                        "PasswordHistorySize": policy.password_history_size().unwrap_or_default(),
                    }
                })
            }),
    );
    set("VerificationMessageTemplate", pool.verification_message_template().map(|message| json!({
        "DefaultEmailOption": message.default_email_option().map(DefaultEmailOptionType::as_str),
        "EmailSubject": message.email_subject(),
        "EmailMessage": message.email_message(),
        "EmailSubjectByLink": message.email_subject_by_link(),
        "EmailMessageByLink": message.email_message_by_link(),
        "SmsMessage": message.sms_message(),
    })));
    set("EmailConfiguration", Some(pool.email_configuration().map_or_else(
        || json!({ "EmailSendingAccount": "COGNITO_DEFAULT" }),
        |email| json!({
            "EmailSendingAccount": email.email_sending_account().map_or("COGNITO_DEFAULT", EmailSendingAccountType::as_str),
            "From": email.from(),
            "SourceArn": email.source_arn(),
            "ConfigurationSet": email.configuration_set(),
        }),
    )));
    set(
        "SmsConfiguration",
        pool.sms_configuration().map(|sms| {
            json!({
                "SnsCallerArn": sms.sns_caller_arn(), "ExternalId": sms.external_id(),
            })
        }),
    );
    set(
        "UserPoolAddOns",
        pool.user_pool_add_ons().map(|add_ons| {
            json!({
                "AdvancedSecurityMode": add_ons.advanced_security_mode().as_str(),
            })
        }),
    );
    set(
        "LambdaConfig",
        pool.lambda_config().map(|config| {
            let mut fields = Map::new();
            if let Some(arn) = config.post_confirmation() {
                fields.insert("PostConfirmation".to_owned(), json!(arn));
            }
            if let Some(token) = config.pre_token_generation_config() {
                fields.insert("PreTokenGenerationConfig".to_owned(), json!({
                "LambdaArn": token.lambda_arn(), "LambdaVersion": token.lambda_version().as_str(),
            }));
            }
            Value::Object(fields)
        }),
    );
    let mut found = with_arn(live(Kind::UserPool, id, properties), pool.arn());
    found.owner = owner;
    found
}

fn schema_as_live(attribute: &SchemaAttributeType) -> Value {
    let name = attribute.name().unwrap_or_default();
    let mut schema = json!({
        // Cognito answers with the prefix it adds to our names.
        "Name": name.strip_prefix(CUSTOM_PREFIX).unwrap_or(name),
        "AttributeDataType": attribute.attribute_data_type().map(AttributeDataType::as_str),
        "Mutable": attribute.mutable().unwrap_or(true),
        "Required": attribute.required().unwrap_or(false),
    });
    if let Some(bounds) = attribute.string_attribute_constraints() {
        schema["StringAttributeConstraints"] =
            json!({ "MinLength": bounds.min_length(), "MaxLength": bounds.max_length() });
    }
    if let Some(bounds) = attribute.number_attribute_constraints() {
        schema["NumberAttributeConstraints"] =
            json!({ "MinValue": bounds.min_value(), "MaxValue": bounds.max_value() });
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, ok};

    fn declared() -> UserPool<String> {
        let pool = json!({
            "UserPoolName": "acme-dev-users",
            "UserPoolTier": "ESSENTIALS",
            "DeletionProtection": "ACTIVE",
            "UsernameConfiguration": { "CaseSensitive": false },
            "AutoVerifiedAttributes": ["email"],
            "Schema": [],
            "Policies": { "PasswordPolicy": {
                "MinimumLength": 14, "RequireLowercase": true, "RequireUppercase": true,
                "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7,
            } },
            "VerificationMessageTemplate": {
                "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Your code",
                "EmailMessage": "{####}", "EmailSubjectByLink": "Your link",
                "EmailMessageByLink": "{##here##}", "SmsMessage": "{####}",
            },
            "MfaConfiguration": "OPTIONAL",
            "EnabledMfas": ["EMAIL_OTP"],
            "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "verified_email", "Priority": 1 }] },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
            "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "LambdaConfig": {
                "PostConfirmation": "arn:confirm",
                "PreTokenGenerationConfig": { "LambdaArn": "arn:token", "LambdaVersion": "V2_0" },
            },
            "UserPoolTags": {},
        });
        serde_json::from_value(pool).expect("it is a pool")
    }

    fn changed(names: [&str; 1]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[tokio::test]
    async fn an_update_keeps_what_others_set_since_the_plan() {
        let planned = json!({ "UserPool": { "Id": "p", "Name": "acme-dev-users" } });
        let now = json!({ "UserPool": {
            "Id": "p",
            "Name": "acme-dev-users",
            "MfaConfiguration": "OFF",
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
            "LambdaConfig": { "CustomMessage": "arn:theirs" },
        } });
        let (aws, replay) = replay::aws([ok(planned), ok(now), ok(json!({}))]);
        let live = aws.read_user_pool("p").await.expect("answered");
        let live = live.expect("it is there");
        aws.update_user_pool(&declared(), &live, &changed(["Policies"]))
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[2].what, "UpdateUserPool");
        let body = &sent[2].body;
        assert_eq!(
            body["DeviceConfiguration"]["ChallengeRequiredOnNewDevice"],
            true
        );
        assert_eq!(body["LambdaConfig"]["CustomMessage"], "arn:theirs");
        assert_eq!(body["LambdaConfig"]["PostConfirmation"], "arn:confirm");
    }

    #[tokio::test]
    async fn what_follows_a_create_is_laid_over_what_cognito_made_of_it() {
        let made = json!({ "UserPool": { "Id": "p", "Name": "acme-dev-users" } });
        let now = json!({ "UserPool": {
            "Id": "p",
            "Name": "acme-dev-users",
            "MfaConfiguration": "OPTIONAL",
            "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD"] } },
        } });
        let (aws, replay) = replay::aws([ok(made), ok(json!({})), ok(now), ok(json!({}))]);
        let live = aws.create_user_pool(&declared()).await.expect("made");
        aws.update_user_pool(&declared(), &live, &changed(["LambdaConfig"]))
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[1].what, "SetUserPoolMfaConfig");
        let body = &sent[3].body;
        assert_eq!(body["MfaConfiguration"], "OPTIONAL", "it stays on: {body}");
        let first = &body["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"];
        assert_eq!(*first, json!(["PASSWORD"]));
    }

    #[tokio::test]
    async fn switching_a_factor_keeps_passkeys_and_messages_of_others() {
        let passkeys = json!({ "RelyingPartyId": "acme.com", "UserVerification": "required" });
        let email = json!({ "Subject": "Theirs", "Message": "{####} is it" });
        let now = json!({
            "MfaConfiguration": "ON",
            "EmailMfaConfiguration": email,
            "WebAuthnConfiguration": passkeys,
        });
        let (aws, replay) = replay::aws([ok(now), ok(json!({}))]);
        let live = live(Kind::UserPool, "p", json!({}));
        aws.update_user_pool(&declared(), &live, &changed(["MfaConfiguration"]))
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[1].body["MfaConfiguration"], "OPTIONAL");
        assert_eq!(sent[1].body["WebAuthnConfiguration"], passkeys);
        assert_eq!(sent[1].body["EmailMfaConfiguration"], email);
    }

    #[tokio::test]
    async fn a_pool_that_is_gone_is_not_updated() {
        let gone = replay::error(
            400,
            "ResourceNotFoundException",
            "User pool p does not exist.",
        );
        let (aws, replay) = replay::aws([gone]);
        let live = live(Kind::UserPool, "p", json!({}));
        let fault = aws
            .update_user_pool(&declared(), &live, &changed(["Policies"]))
            .await
            .expect_err("there is nothing to update");
        assert_eq!(fault.message, "user pool `p` is gone");
        assert_eq!(replay.operations(), ["DescribeUserPool"]);
    }
}
