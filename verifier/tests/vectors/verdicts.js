// Reads {"jwks": …, "vectors": [{"name", "token", "wants"}]}, and writes of each vector what aws-jwt-verify says:
// {"name": {"accepted": bool, "why": text}}. `wants` are the properties of a CognitoJwtVerifier.
import { readFileSync } from "node:fs";
import { CognitoJwtVerifier } from "aws-jwt-verify";

const { jwks, vectors } = JSON.parse(readFileSync(0, "utf8"));
const verdicts = {};
for (const { name, token, wants } of vectors) {
  const verifier = CognitoJwtVerifier.create(wants);
  verifier.cacheJwks(jwks);
  try {
    // Not `verify`, which would ask Cognito for a key it doesn't know.
    verifier.verifySync(token);
    verdicts[name] = { accepted: true, why: "" };
  } catch (error) {
    verdicts[name] = { accepted: false, why: `${error.name}: ${error.message}` };
  }
}
process.stdout.write(JSON.stringify(verdicts));
