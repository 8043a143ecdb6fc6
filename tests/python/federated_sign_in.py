"""Signs somebody in through an identity provider, as a browser would: federated_sign_in.py < asked.json

`asked` holds the stage's `outputs`, the `issuer` (which oidc_provider.py serves), the `user` who is
there (claims), and `by`: what names the provider in the request. Answers with the claims of both tokens,
checked against the published keys; or with the status and answer at which it ended.

The pool's domain is one of Amazon's. Here it is found at the local cloud, as if a name server said so.
"""

import base64
import hashlib
import json
import secrets
import sys
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CALLBACK = "http://localhost:3000/callback"

asked = json.load(sys.stdin)
outputs = asked["outputs"]
client_id = outputs["clients"]["web"]["client_id"]
pages = outputs["hosted_ui"]


class StayHere(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an answer."""

    def redirect_request(self, *_):
        return None


browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), StayHere)


class Ended(Exception):
    """An answer that leads nowhere."""


def send(url, body=None, method=None):
    if url.startswith(pages):
        url = outputs["endpoint_url"] + url[len(pages) :]
    try:
        with browser.open(urllib.request.Request(url, body, method=method)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def redirected(url):
    status, headers, body = send(url)
    if status != 302:
        raise Ended(status, body)
    return headers["location"]


def sign_in():
    send(f"{asked['issuer']}/_/user", json.dumps(asked["user"]).encode(), "PUT")
    verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge.rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **asked["by"],
    }
    provider = redirected(f"{pages}/oauth2/authorize?{urlencode(query)}")
    assert provider.startswith(f"{asked['issuer']}/authorize?"), provider
    back = redirected(provider)
    assert back.startswith(f"{pages}/oauth2/idpresponse?"), back
    callback = redirected(back)
    assert callback.startswith(f"{CALLBACK}?"), callback
    given = {name: values[0] for name, values in parse_qs(urlsplit(callback).query).items()}
    assert given["state"] == state, given
    form = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code": given["code"],
        "code_verifier": verifier,
    }
    status, _, body = send(f"{pages}/oauth2/token", urlencode(form).encode())
    if status != 200:
        raise Ended(status, body)
    tokens = json.loads(body)
    keys = jwt.PyJWKClient(outputs["jwks_uri"])

    def read(token, **options):
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["RS256"], issuer=outputs["issuer"], **options)

    claims = {
        "id": read(tokens["id_token"], audience=client_id),
        "access": read(tokens["access_token"]),
    }
    assert claims["id"]["nonce"] == nonce, claims
    return claims


try:
    answer = {"claims": sign_in()}
except Ended as ended:
    answer = {"ended": ended.args}
json.dump(answer, sys.stdout)
