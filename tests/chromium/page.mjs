// What pages of other origins reach of the local cloud: page.mjs ENDPOINT CLIENT_ID POOL_ID
//
// Answers with one JSON document: by page and attempt, a status, or why the page learned nothing.

import { createServer } from "node:http";
import chromium from "@sparticuz/chromium";
import { chromium as browsers } from "playwright-core";

const [endpoint, clientId, poolId] = process.argv.slice(2);
const port = new URL(endpoint).port;

const server = createServer((_, answer) => {
  answer.setHeader("content-type", "text/html");
  answer.end("<title>a page</title>");
});
await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
const pages = server.address().port;

const browser = await browsers.launch({
  executablePath: await chromium.executablePath(),
  headless: true,
  // Such names lead here, as one bound to 127.0.0.1 for an attack does. The package's own arguments are not taken: they
  // switch off what is tried here.
  args: ["--no-sandbox", "--headless", "--host-resolver-rules=MAP *.example 127.0.0.1"],
});

/** Runs in the page: sends each attempt, and says what the page could read of the answer. */
async function attempt({ endpoint, clientId, poolId, site }) {
  const json = "application/x-amz-json-1.1";
  const cognito = "AWSCognitoIdentityProviderService";
  const asked = async (path, options) => {
    try {
      const answer = await fetch(endpoint + path, options);
      return answer.type === "opaque" ? "opaque" : answer.status;
    } catch {
      return "refused";
    }
  };
  const operation = (target, body) =>
    asked("/", {
      method: "POST",
      headers: { "content-type": json, "x-amz-target": target },
      body: JSON.stringify(body),
    });
  const name = `page-${site.replaceAll(/[^a-z0-9]/g, "-")}`;
  const code = { ZipFile: btoa("not a zip") };
  const evil = {
    FunctionName: name,
    Runtime: "provided.al2023",
    Handler: "x",
    Role: "arn:aws:iam::000000000000:role/x",
    Code: code,
  };
  return {
    // No preflight, as a form would send it.
    function: await asked("/2015-03-31/functions", {
      method: "POST",
      mode: "no-cors",
      headers: { "content-type": "text/plain" },
      body: JSON.stringify(evil),
    }),
    functions: await asked("/2015-03-31/functions/", {}),
    mail: await asked("/_saasauth/mail", {}),
    reset: await asked("/_ministack/reset", { method: "POST", mode: "no-cors" }),
    health: await asked("/_saasauth/health", {}),
    tables: await operation("DynamoDB_20120810.ListTables", {}),
    users: await operation(`${cognito}.ListUsers`, { UserPoolId: poolId }),
    sign_up: await operation(`${cognito}.SignUp`, {
      ClientId: clientId,
      Username: `${name}@example.com`,
      Password: "correct-Horse-7-battery",
      UserAttributes: [
        { Name: "email", Value: `${name}@example.com` },
        { Name: "name", Value: "A page" },
      ],
    }),
    keys: await asked(`/${poolId}/.well-known/jwks.json`, {}),
  };
}

const seen = {};
for (const site of [`http://127.0.0.1:${pages}`, `http://evil.example:${pages}`]) {
  const page = await browser.newPage();
  await page.goto(site);
  seen[new URL(site).hostname] = await page.evaluate(attempt, { endpoint, clientId, poolId, site });
  await page.close();
}

// The name that was an attacker's server a moment ago is this machine now: to the browser it is one origin.
const rebound = await browser.newPage();
const answer = await rebound.goto(`http://rebound.example:${port}/_saasauth/mail`);
seen.rebound = {
  page: answer.status(),
  ...(await rebound.evaluate(attempt, { endpoint: "", clientId, poolId, site: "rebound" })),
};
await browser.close();
server.close();
console.log(JSON.stringify(seen));
