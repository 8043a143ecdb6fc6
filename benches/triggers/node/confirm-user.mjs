// confirmUser's job as a Node.js team would write it: one read, one transaction, one hand-over.
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

const { PERMISSIONS_TABLE, DOMAINS_TABLE, DEFAULT_ROLE, AWS_LAMBDA_FUNCTION_NAME } = process.env;
const STATE = ["sub", "email", "email_verified", "phone_number_verified", "identities"];
const dynamodb = new DynamoDBClient({});
const lambda = new LambdaClient({});

const log = (message, fields) => console.log(JSON.stringify({ level: "INFO", message, ...fields }));

async function domainItem(domain) {
  const Key = { pk: { S: `DOMAIN#${domain}` }, sk: { S: "META" } };
  return (await dynamodb.send(new GetItemCommand({ TableName: DOMAINS_TABLE, Key }))).Item;
}

function record(attributes, role) {
  const told = Object.entries(attributes)
    .filter(([name]) => !STATE.includes(name) && !name.startsWith("cognito:"))
    .map(([name, value]) => [name.replace(/^custom:/, ""), { S: value }]);
  const now = { S: new Date().toISOString() };
  const item = {
    pk: { S: `USER#${attributes.sub}` },
    attributes: { M: Object.fromEntries(told) },
    role: { S: role },
    permissions: { L: [] },
    created_at: now,
    confirmed_at: now,
  };
  if (attributes.email) {
    item.email = { S: attributes.email };
    item.pending = { SS: ["welcome"] };
    item.deliveries = { M: {} };
  }
  return item;
}

// Whether anything is owed to the user afterwards. A second copy of an event finds the first one's record.
async function write(item, domain) {
  const Put = {
    TableName: PERMISSIONS_TABLE,
    Item: item,
    ConditionExpression: "attribute_not_exists(pk)",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
  const TransactItems = [{ Put }];
  if (domain) {
    const membership = { pk: item.pk, sk: { S: `DOMAIN#${domain}` }, role: item.role };
    TransactItems.push({ Put: { TableName: DOMAINS_TABLE, Item: membership } });
  }
  try {
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems }));
    return Boolean(item.pending);
  } catch (error) {
    const [why] = error.CancellationReasons ?? [];
    if (why?.Code !== "ConditionalCheckFailed") throw error;
    return Boolean(why.Item?.pending);
  }
}

export async function handler(event) {
  if (event.triggerSource !== "PostConfirmation_ConfirmSignUp") return event;
  const attributes = event.request.userAttributes;
  const { sub, email, email_verified: verified } = attributes;
  const domain = verified === "true" ? email?.split("@").pop().toLowerCase() : undefined;
  const registered = domain ? await domainItem(domain) : undefined;
  const role = registered?.role?.S ?? DEFAULT_ROLE;
  if (await write(record(attributes, role), registered && domain)) {
    await lambda.send(
      new InvokeCommand({
        FunctionName: AWS_LAMBDA_FUNCTION_NAME,
        InvocationType: "Event",
        Payload: JSON.stringify({ saasauth: "deliver", sub }),
      }),
    );
  }
  log("user recorded", { user: sub, role, domain });
  return event;
}

await domainItem("");
