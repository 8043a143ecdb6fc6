// Asks the Runtime API for events and posts the answers. Less than AWS's own runtime client does, so
// the figures flatter Node.js.
import http from "node:http";
import { handler } from "handler"; // the trigger bundled with this

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path, agent, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ answer, body: Buffer.concat(parts).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const base = "/2018-06-01/runtime/invocation";
for (;;) {
  const { answer, body } = await ask("GET", `${base}/next`);
  const id = answer.headers["lambda-runtime-aws-request-id"];
  try {
    await ask("POST", `${base}/${id}/response`, JSON.stringify(await handler(JSON.parse(body))));
  } catch (error) {
    const failure = JSON.stringify({ errorType: error.name, errorMessage: error.message });
    await ask("POST", `${base}/${id}/error`, failure);
  }
}
