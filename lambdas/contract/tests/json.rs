//! What the contract looks like as JSON. Here and not beside the code: a project's copy of the crate has no
//! dependency for its tests.

use std::collections::{BTreeMap, BTreeSet};

use saasauth_contract::handover::{CONFIRM_SIGN_UP, Handover, TAG};
use saasauth_contract::marketing::Marketing;
use serde::Deserialize;
use serde_json::{Value, json};

#[test]
fn only_its_own_payloads_ask_for_something() {
    let event = json!({ "triggerSource": CONFIRM_SIGN_UP });
    let (deliver, wanted) = (Handover::deliver("s-1"), Handover::asked("s-1"));
    let confirm = Handover::Confirm {
        event: event.clone(),
    };
    for (asked, payload) in [
        // A function that has not heard of operators is told no new word but by one.
        (deliver, json!({ "saasauth": "deliver", "sub": "s-1" })),
        (
            wanted,
            json!({ "saasauth": "deliver", "sub": "s-1", "asked": true }),
        ),
        (confirm, json!({ "saasauth": "confirm", "event": event })),
    ] {
        assert_eq!(serde_json::to_value(&asked).expect("it is JSON"), payload);
        assert!(payload.get(TAG).is_some());
        assert_eq!(Handover::deserialize(&payload).expect("it is ours"), asked);
    }
    for foreign in [
        event,
        json!({ "saasauth": "repair", "sub": "s" }),
        json!({ "saasauth": "deliver" }),
        json!({ "saasauth": "confirm" }),
    ] {
        assert!(
            Handover::<Value>::deserialize(&foreign).is_err(),
            "{foreign}"
        );
    }
}

#[test]
fn the_settings_read_back_as_they_were_and_say_no_more_than_they_must() {
    let written = json!({ "opt_in": "news", "platforms": {
        "mailchimp": { "list": "a1", "api_key": "/m", "double_opt_in": true, "tags": ["t"],
                       "fields": { "FNAME": "name" }, "endpoint": "http://127.0.0.1" },
        "hubspot": { "token": "/h" },
        "beehiiv": { "publication": "pub_1", "api_key": "/b" },
        "kit": { "form": "7", "api_key": "/k", "double_opt_in": false },
        "webhook": { "url": "https://example.com", "secret": "/w" },
    }});
    let marketing: Marketing = serde_json::from_value(written.clone()).expect("it is read");
    assert_eq!(
        serde_json::to_value(&marketing).expect("it is JSON"),
        written
    );
    assert_eq!(
        marketing.secrets(),
        BTreeSet::from(["/b", "/h", "/k", "/m", "/w"])
    );
    let platforms = written["platforms"].as_object().expect("an object");
    let mut names: Vec<_> = marketing.platforms.in_use().map(|(name, _)| name).collect();
    names.sort_unstable();
    let mut keys: Vec<_> = platforms.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(names, keys, "a platform's key is its delivery's name");
}

#[test]
fn platforms_can_be_read_one_by_one() {
    let text = r#"{"opt_in":"news","platforms":{"pigeon":{"loft":1}}}"#;
    let read: Marketing<BTreeMap<String, Value>> =
        serde_json::from_str(text).expect("what is unknown stops nobody");
    assert_eq!(read.platforms["pigeon"]["loft"], 1);
}
