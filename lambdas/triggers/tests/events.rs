//! Events as Cognito sends them.

use std::collections::BTreeMap;

use saasauth_triggers::internal::Event;
use serde_json::Value;

const POST_CONFIRMATION: &str = include_str!("../fixtures/post-confirmation.json");
const PRE_TOKEN: &str = include_str!("../fixtures/pre-token-generation-v2.json");

#[test]
fn an_event_comes_back_with_every_field_it_had() {
    for fixture in [POST_CONFIRMATION, PRE_TOKEN] {
        let sent: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
        let event: Event = serde_json::from_value(sent.clone()).expect("it is an event");
        assert_eq!(serde_json::to_value(event).expect("it serialises"), sent);
    }
}

#[test]
fn descriptive_attributes_wear_the_project_files_names() {
    let event: Event = serde_json::from_str(POST_CONFIRMATION).expect("it is an event");
    let attributes: BTreeMap<_, _> = event.request.user_attributes.descriptive().collect();
    assert_eq!(
        attributes,
        BTreeMap::from([
            ("company", "Analytical Engines"),
            ("marketing_opt_in", "true"),
            ("name", "Ada Lovelace"),
        ])
    );
}
