// generateToken's job as a Node.js team would write it: client and roles at the start, both reads at once,
// roles remembered for a minute.
import { BatchGetItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";

const { PERMISSIONS_TABLE, DOMAINS_TABLE, DEFAULT_ROLE, ROLES } = process.env;
const FRESH = 60_000;
const dynamodb = new DynamoDBClient({});
const roles = new Map();

const texts = (value) => value?.L?.map((one) => one.S) ?? value?.SS ?? [];

async function read(names) {
  const asked = Date.now();
  const Keys = names.map((role) => ({ pk: { S: `ROLE#${role}` } }));
  const { Responses } = await dynamodb.send(
    new BatchGetItemCommand({ RequestItems: { [PERMISSIONS_TABLE]: { Keys } } }),
  );
  for (const { pk, permissions } of Responses[PERMISSIONS_TABLE]) {
    roles.set(pk.S.slice("ROLE#".length), { asked, permissions: texts(permissions) });
  }
}

async function permissionsOf(role) {
  const known = () => roles.get(role);
  if (!known() || Date.now() - known().asked >= FRESH) await read([role]);
  return known()?.permissions ?? [];
}

function compact(permissions) {
  const distinct = [...new Set(permissions)].sort();
  const covers = (held, wanted) =>
    held === "*" || (held.endsWith(":*") && wanted.startsWith(held.slice(0, -1)));
  return distinct.filter((one) => !distinct.some((other) => other !== one && covers(other, one)));
}

async function create(sub, attributes) {
  const item = { pk: { S: `USER#${sub}` }, role: { S: DEFAULT_ROLE }, permissions: { L: [] } };
  if (attributes.email) item.email = { S: attributes.email };
  item.created_at = { S: new Date().toISOString() };
  await dynamodb.send(
    new PutItemCommand({
      TableName: PERMISSIONS_TABLE,
      Item: item,
      ConditionExpression: "attribute_not_exists(pk)",
    }),
  );
  return item;
}

export async function handler(event) {
  const attributes = event.request.userAttributes;
  const user = { S: `USER#${attributes.sub}` };
  const [record, memberships] = await Promise.all([
    dynamodb.send(
      new GetItemCommand({ TableName: PERMISSIONS_TABLE, Key: { pk: user }, ConsistentRead: true }),
    ),
    dynamodb.send(
      new QueryCommand({
        TableName: DOMAINS_TABLE,
        KeyConditionExpression: "pk = :user AND begins_with(sk, :domain)",
        ExpressionAttributeValues: { ":user": user, ":domain": { S: "DOMAIN#" } },
        ConsistentRead: true,
      }),
    ),
  ]);
  const item = record.Item ?? (await create(attributes.sub, attributes));
  if (item.status && item.status.S !== "active") throw new Error("this account is disabled");
  const role = item.role?.S ?? DEFAULT_ROLE;
  const permissions = compact([...(await permissionsOf(role)), ...texts(item.permissions)]);
  const domains = memberships.Items.map((one) => one.sk.S.slice("DOMAIN#".length));
  const claimsToAddOrOverride = { role, permissions, domains };
  console.log(JSON.stringify({ level: "INFO", message: "claims added", user: attributes.sub, role }));
  event.response = {
    claimsAndScopeOverrideDetails: {
      idTokenGeneration: { claimsToAddOrOverride },
      accessTokenGeneration: { claimsToAddOrOverride },
      groupOverrideDetails: event.request.groupConfiguration,
    },
  };
  return event;
}

await read(ROLES.split(","));
