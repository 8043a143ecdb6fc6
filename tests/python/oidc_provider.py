"""An OpenID Connect provider: oidc_provider.py CLIENT_ID

Says on one line where it listens, which is its issuer. Ends with its input. It discovers, authorizes by
code, and signs its ID tokens with RS256. Nobody has to click: whoever is told to be there approves.

    GET  /.well-known/openid-configuration    GET   /jwks
    GET  /authorize                           POST  /token    GET  /userinfo
    PUT  /_/secret    {secret}: the client's one and only
    PUT  /_/user      the claims of whoever signs in next, `sub` among them
    GET  /_/seen      how often each path was asked for
"""

import base64
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = sys.argv[1]
KEY_ID = "the-only-key"

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
lock = threading.Lock()
# A code, to what it was given for; an access token, to whom it belongs.
codes, tokens = {}, {}
told = {"secret": None, "user": None}
seen = {}


class Refused(Exception):
    """An error of the token endpoint (RFC 6749, 5.2)."""

    def __init__(self, error, status=400):
        self.error, self.status = error, status


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, document, status=200, **headers):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self, routes):
        address = urlsplit(self.path)
        route = routes.get(address.path)
        with lock:
            seen[address.path] = seen.get(address.path, 0) + 1
            try:
                if route is None:
                    raise Refused("not_found", 404)
                route(self, address.query)
            except Refused as refused:
                self.answer({"error": refused.error}, refused.status)

    def do_GET(self):
        self.handle_one(
            {
                "/.well-known/openid-configuration": Provider.discover,
                "/jwks": Provider.keys,
                "/authorize": Provider.authorize,
                "/userinfo": Provider.userinfo,
                "/_/seen": lambda self, _: self.answer(seen),
            }
        )

    def do_POST(self):
        self.handle_one({"/token": Provider.token})

    def do_PUT(self):
        self.handle_one({"/_/secret": Provider.tell, "/_/user": Provider.tell})

    def tell(self, _):
        document = json.loads(self.body())
        what = self.path.rpartition("/")[2]
        told[what] = document["secret"] if what == "secret" else document
        self.answer({})

    def discover(self, _):
        self.answer(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                ],
            }
        )

    def keys(self, _):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.answer({"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]})

    def authorize(self, query):
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        # Without a client known here there is nowhere to send the user back to.
        if asked.get("client_id") != CLIENT_ID:
            raise Refused("unauthorized_client")
        redirect_uri = asked["redirect_uri"]
        back = {"state": asked["state"]} if "state" in asked else {}
        if asked.get("response_type") != "code":
            back["error"] = "unsupported_response_type"
        elif "openid" not in asked.get("scope", "").split():
            back["error"] = "invalid_scope"
        else:
            back["code"] = secrets.token_urlsafe()
            codes[back["code"]] = {
                "redirect_uri": redirect_uri,
                "nonce": asked.get("nonce"),
                "claims": told["user"],
            }
        between = "&" if "?" in redirect_uri else "?"
        self.answer({}, 302, Location=f"{redirect_uri}{between}{urlencode(back)}")

    def client(self, form):
        """Who asks for tokens, by basic authentication or in the form."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = base64.b64decode(credentials).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        return form.get("client_id"), form.get("client_secret")

    def token(self, _):
        form = {name: values[0] for name, values in parse_qs(self.body().decode()).items()}
        if self.client(form) != (CLIENT_ID, told["secret"]):
            raise Refused("invalid_client", 401)
        if form.get("grant_type") != "authorization_code":
            raise Refused("unsupported_grant_type")
        granted = codes.pop(form.get("code"), None)
        if granted is None or granted["redirect_uri"] != form.get("redirect_uri"):
            raise Refused("invalid_grant")
        now = int(time.time())
        claims = {"iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **granted["claims"]}
        if granted["nonce"]:
            claims["nonce"] = granted["nonce"]
        access = secrets.token_urlsafe()
        tokens[access] = granted["claims"]
        self.answer(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": jwt.encode(claims, key, algorithm="RS256", headers={"kid": KEY_ID}),
            }
        )

    def userinfo(self, _):
        scheme, _, access = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or access not in tokens:
            raise Refused("invalid_token", 401)
        self.answer(tokens[access])


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
server.daemon_threads = True
issuer = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
print(issuer, flush=True)
sys.stdin.read()
