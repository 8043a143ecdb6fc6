//! How AWS lags, refuses meanwhile and loses, as data: what the emulator, which does everything at once,
//! doesn't show. `shared` knowledge of the tests alone; what AWS refuses for good is the local cloud's own
//! (`src/local/front_door/rules`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::between::{Answer, Between, Hook, Question};

/// How long "some seconds" of AWS last here: longer than the first pause between two attempts, so that
/// each delay is met at least once.
const SECONDS: Duration = Duration::from_secs(2);

/// One way in which AWS is not as quick as the emulator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delay {
    pub(crate) name: &'static str,
    effects: &'static [Effect],
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    /// For some seconds after one of `since` succeeded, `refused` fail that name the same thing; in turn
    /// with each of the messages.
    Refused {
        since: &'static [&'static str],
        refused: &'static [&'static str],
        status: u16,
        code: &'static str,
        messages: &'static [&'static str],
    },
    /// For some seconds after one of `since` succeeded, `shown` tell another state of the same thing.
    Shown {
        since: &'static [&'static str],
        shown: &'static [&'static str],
        edit: fn(&mut Value),
    },
    /// One of these at a time for each pool, and each takes a moment.
    OneAtATime {
        operations: &'static [&'static str],
        code: &'static str,
        message: &'static str,
    },
    /// One of these a second.
    Paced {
        operations: &'static [&'static str],
        status: u16,
        code: &'static str,
    },
    /// Each answer is the one that was right a question ago: nothing new is in it, and what is gone still is.
    Stale { operation: &'static str },
    /// A third of all requests, by chance, is not even looked at.
    AThird { failing: Failing },
    /// Every answer is lost, the first time a thing is asked.
    Lost,
}

#[derive(Debug, Clone, Copy)]
enum Failing {
    Throttled,
    Broken,
}

/// All of them. Sources: the reference pages of the operations, and what other deployers retry
/// (terraform-provider-aws `internal/service`).
pub(crate) const DELAYS: &[Delay] = &[
    Delay {
        name: "a new role is known to nobody",
        effects: &[Effect::Refused {
            since: &["CreateRole"],
            refused: &["CreateFunction", "UpdateFunctionConfiguration"],
            status: 400,
            code: "InvalidParameterValueException",
            messages: &[
                "The role defined for the function cannot be assumed by Lambda.",
                // What it says for the same reason of a function that has variables.
                "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid principal",
            ],
        }],
    },
    Delay {
        name: "IAM reads and deletions lag",
        effects: &[
            Effect::Refused {
                since: &["CreateRole"],
                refused: &["GetRole", "PutRolePolicy", "TagRole", "ListRolePolicies"],
                status: 404,
                code: "NoSuchEntity",
                messages: &["The role with name cannot be found."],
            },
            Effect::Refused {
                since: &["PutRolePolicy"],
                refused: &["GetRolePolicy"],
                status: 404,
                code: "NoSuchEntity",
                messages: &["The role policy cannot be found."],
            },
            Effect::Refused {
                since: &["DeleteRolePolicy"],
                refused: &["DeleteRole"],
                status: 409,
                code: "DeleteConflict",
                messages: &["Cannot delete entity, must delete policies first."],
            },
        ],
    },
    Delay {
        name: "the SMS role is known to nobody",
        effects: &[
            Effect::Refused {
                since: &["CreateRole"],
                refused: &["CreateUserPool", "UpdateUserPool", "SetUserPoolMfaConfig"],
                status: 400,
                code: "InvalidSmsRoleTrustRelationshipException",
                messages: &[
                    "Role does not have a trust relationship allowing Cognito to assume the role",
                ],
            },
            Effect::Refused {
                since: &["PutRolePolicy"],
                refused: &["CreateUserPool", "UpdateUserPool", "SetUserPoolMfaConfig"],
                status: 400,
                code: "InvalidSmsRoleAccessPolicyException",
                messages: &["Role does not have permission to publish with SNS"],
            },
        ],
    },
    Delay {
        name: "functions are pending, and in progress after each update",
        effects: &[
            Effect::Shown {
                since: &["CreateFunction"],
                shown: &["CreateFunction", "GetFunction", "GetFunctionConfiguration"],
                edit: |answer| in_function(answer, "State", "Pending"),
            },
            Effect::Shown {
                since: &["UpdateFunctionCode", "UpdateFunctionConfiguration"],
                shown: &[
                    "UpdateFunctionCode",
                    "UpdateFunctionConfiguration",
                    "GetFunction",
                    "GetFunctionConfiguration",
                ],
                edit: |answer| in_function(answer, "LastUpdateStatus", "InProgress"),
            },
            Effect::Refused {
                since: &[
                    "CreateFunction",
                    "UpdateFunctionCode",
                    "UpdateFunctionConfiguration",
                ],
                refused: &[
                    "UpdateFunctionCode",
                    "UpdateFunctionConfiguration",
                    "Invoke",
                ],
                status: 409,
                code: "ResourceConflictException",
                messages: &[
                    "The operation cannot be performed at this time. An update is in progress for resource.",
                ],
            },
        ],
    },
    Delay {
        name: "tables are created in their own time",
        effects: &[
            Effect::Shown {
                since: &["CreateTable"],
                shown: &["CreateTable", "DescribeTable"],
                edit: |answer| {
                    for name in ["Table", "TableDescription"] {
                        if let Some(table) = answer.get_mut(name) {
                            table["TableStatus"] = json!("CREATING");
                        }
                    }
                },
            },
            Effect::Refused {
                since: &["CreateTable"],
                refused: &["UpdateContinuousBackups", "DescribeContinuousBackups"],
                status: 400,
                code: "ContinuousBackupsUnavailableException",
                messages: &["Backups are being enabled for the table. Please retry later"],
            },
            Effect::Refused {
                since: &["CreateTable"],
                refused: &["UpdateTable", "DeleteTable", "UpdateTimeToLive"],
                status: 400,
                code: "ResourceInUseException",
                messages: &[
                    "Attempt to change a resource which is still in use: Table is being created",
                ],
            },
            Effect::Refused {
                since: &["CreateTable"],
                refused: &[
                    "GetItem",
                    "PutItem",
                    "UpdateItem",
                    "DeleteItem",
                    "Query",
                    "BatchWriteItem",
                    "BatchGetItem",
                    "TransactWriteItems",
                ],
                status: 400,
                code: "ResourceNotFoundException",
                messages: &["Requested resource not found"],
            },
        ],
    },
    Delay {
        name: "a new queue is known to nobody",
        effects: &[
            Effect::Refused {
                since: &["CreateQueue"],
                refused: &["PutFunctionEventInvokeConfig"],
                status: 400,
                code: "InvalidParameterValueException",
                messages: &[
                    "The destination ARN of a queue is invalid.",
                    "The function's execution role does not have permissions to call SendMessage on the queue",
                ],
            },
            Effect::Refused {
                since: &["CreateQueue"],
                refused: &["GetQueueAttributes", "GetQueueUrl", "ListQueueTags"],
                status: 400,
                code: "QueueDoesNotExist",
                messages: &["The specified queue does not exist."],
            },
        ],
    },
    Delay {
        name: "the tagging API is behind",
        effects: &[Effect::Stale {
            operation: "GetResources",
        }],
    },
    Delay {
        name: "Cognito changes a pool once at a time",
        effects: &[Effect::OneAtATime {
            operations: &[
                "UpdateUserPool",
                "SetUserPoolMfaConfig",
                "UpdateUserPoolClient",
                "DeleteUserPoolClient",
                "CreateUserPoolDomain",
                "UpdateUserPoolDomain",
            ],
            code: "ConcurrentModificationException",
            message: "Another operation is in progress on this resource.",
        }],
    },
    Delay {
        name: "SES takes one template a second",
        effects: &[Effect::Paced {
            operations: &[
                "CreateEmailTemplate",
                "UpdateEmailTemplate",
                "DeleteEmailTemplate",
            ],
            status: 429,
            code: "TooManyRequestsException",
        }],
    },
    Delay {
        name: "a third of all requests is throttled",
        effects: &[Effect::AThird {
            failing: Failing::Throttled,
        }],
    },
    Delay {
        name: "a third of all requests fails with 500",
        effects: &[Effect::AThird {
            failing: Failing::Broken,
        }],
    },
    Delay {
        name: "every answer is lost once",
        effects: &[Effect::Lost],
    },
];

fn in_function(answer: &mut Value, field: &str, state: &str) {
    let configuration = match answer.get_mut("Configuration") {
        Some(configuration) => configuration,
        None => answer,
    };
    configuration[field] = json!(state);
}

/// A proxy before the local cloud that delays. Ends when dropped.
pub(crate) type Delayed = Between<Lagging>;

impl Delayed {
    pub(crate) fn by(upstream: &str, delay: Delay) -> Self {
        Self::new(
            upstream,
            Lagging {
                delay,
                memory: Mutex::default(),
            },
        )
    }

    /// How often it was met: requests that it refused, or answers that it changed or lost.
    pub(crate) fn felt(&self) -> usize {
        self.hook.memory.lock().unwrap().felt
    }
}

pub(crate) struct Lagging {
    delay: Delay,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    requests: usize,
    felt: usize,
    /// When an operation on something succeeded.
    done: HashMap<(String, String), Instant>,
    /// What is under way, or was just done, by what it is done to.
    held: HashMap<String, Instant>,
    paced: Option<Instant>,
    previous: Option<Answer>,
    /// What has been asked.
    asked: BTreeSet<String>,
}

impl Memory {
    /// Whether one of these was done, just now, to something the request names.
    fn is_recent(&self, since: &[&str], asked: &Question) -> bool {
        let names: Vec<&str> = asked.names().collect();
        self.done.iter().any(|((operation, subject), when)| {
            since.contains(&operation.as_str())
                && when.elapsed() < SECONDS
                && names.contains(&subject.as_str())
        })
    }
}

impl Hook for Lagging {
    async fn before(&self, asked: &Question) -> Option<Answer> {
        // What a person does beside the tool is not delayed.
        let mut memory = self.memory.lock().unwrap();
        memory.requests += 1;
        for effect in self.delay.effects {
            let refused = refusal(effect, asked, &mut memory);
            if refused.is_some() {
                memory.felt += 1;
                return refused;
            }
        }
        None
    }

    async fn after(&self, asked: &Question, answer: Answer) -> Option<Answer> {
        let holds = self.delay.effects.iter().any(
            |effect| matches!(effect, Effect::OneAtATime { operations, .. } if operations.contains(&asked.operation.as_str())),
        );
        if holds {
            tokio::time::sleep(SECONDS / 8).await;
        }
        let mut memory = self.memory.lock().unwrap();
        let mut answer = answer;
        if answer.is_success()
            && let Some(subject) = asked.subject()
        {
            let key = (asked.operation.clone(), subject.to_owned());
            memory.done.insert(key, Instant::now());
        }
        for effect in self.delay.effects {
            match effect {
                Effect::Shown { since, shown, edit }
                    if answer.is_success()
                        && shown.contains(&asked.operation.as_str())
                        && memory.is_recent(since, asked) =>
                {
                    memory.felt += 1;
                    answer = answer.edited(edit);
                }
                Effect::Stale { operation } if *operation == asked.operation => {
                    let now = answer.clone();
                    let before = memory.previous.replace(now);
                    memory.felt += 1;
                    answer = match before {
                        Some(before) => before,
                        None => {
                            answer.edited(|answer| answer["ResourceTagMappingList"] = json!([]))
                        }
                    };
                }
                Effect::Lost => {
                    let what = format!("{} {}", asked.action, asked.body);
                    if memory.asked.insert(what) {
                        memory.felt += 1;
                        return None;
                    }
                }
                Effect::OneAtATime { .. } if holds => {
                    memory.held.remove(asked.subject().unwrap_or_default());
                }
                _ => {}
            }
        }
        Some(answer)
    }
}

fn refusal(effect: &Effect, asked: &Question, memory: &mut Memory) -> Option<Answer> {
    let operation = asked.operation.as_str();
    match effect {
        Effect::Refused {
            since,
            refused,
            status,
            code,
            messages,
        } if refused.contains(&operation) && memory.is_recent(since, asked) => {
            let message = messages[memory.felt % messages.len()];
            Some(Answer::error(asked, *status, code, message))
        }
        Effect::OneAtATime {
            operations,
            code,
            message,
        } if operations.contains(&operation) => {
            let subject = asked.subject().unwrap_or_default().to_owned();
            if memory.held.contains_key(&subject) {
                return Some(Answer::error(asked, 400, code, message));
            }
            memory.held.insert(subject, Instant::now());
            // Who sends one after the other is never refused, and has met it all the same.
            memory.felt += 1;
            None
        }
        Effect::Paced {
            operations,
            status,
            code,
        } if operations.contains(&operation) => {
            let now = Instant::now();
            let too_soon = memory
                .paced
                .is_some_and(|before| now - before < Duration::from_secs(1));
            if too_soon {
                return Some(Answer::error(asked, *status, code, "Rate exceeded"));
            }
            memory.paced = Some(now);
            memory.felt += 1;
            None
        }
        Effect::AThird { failing } => {
            // A fixed sequence that looks like chance, so that a run can be repeated.
            let mut number = memory.requests as u64;
            number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            if !(number ^ (number >> 31)).is_multiple_of(3) {
                return None;
            }
            let (status, code) = match failing {
                Failing::Throttled => throttled(&asked.service),
                Failing::Broken => (500, "InternalServerError"),
            };
            Some(Answer::error(asked, status, code, "Rate exceeded"))
        }
        _ => None,
    }
}

/// How a service says that there were too many requests.
fn throttled(service: &str) -> (u16, &'static str) {
    match service {
        "iam" | "sts" | "monitoring" => (400, "Throttling"),
        "lambda" | "ses" | "cognito-idp" => (429, "TooManyRequestsException"),
        _ => (400, "ThrottlingException"),
    }
}
