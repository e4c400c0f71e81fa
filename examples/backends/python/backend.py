"""What a backend does with Sluice, by the standard library of Python 3.8 or later.

    python3 backend.py publish news '{"title": "Hello"}'
    python3 backend.py batch < messages.jsonl
    python3 backend.py token alice
    PORT=3000 python3 backend.py serve
"""
import base64
import hashlib
import hmac
import http.cookies
import http.server
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

API_URL = os.environ.get("SLUICE_API_URL", "http://127.0.0.1:8081")
API_KEY = os.environ.get("SLUICE_API_KEY", "dev")
ATTEMPTS = 5


def post_publish(body):
    """Repeats what may work later. Each message has an id, by which the gateway knows a repeat."""
    data = json.dumps(body).encode()
    headers = {"Authorization": "Bearer " + API_KEY, "Content-Type": "application/json"}
    for attempt in range(ATTEMPTS):
        request = urllib.request.Request(API_URL + "/v1/publish", data, headers, method="POST")
        pause = random.random() * 0.1 * 2**attempt
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            if error.code not in (429, 500, 502, 503, 504) or attempt == ATTEMPTS - 1:
                raise RuntimeError("Sluice answered %d: %s" % (error.code, said)) from None
            pause += float(error.headers.get("Retry-After") or 0)
        except OSError as error:  # nobody there, or not in time
            if attempt == ATTEMPTS - 1:
                raise RuntimeError("no answer from Sluice at %s: %s" % (API_URL, error)) from None
        time.sleep(pause)


def publish(channel, data):
    return post_publish({"channel": channel, "data": data, "id": str(uuid.uuid4())})


def publish_batch(messages):
    """Messages are {"channel" or "user", "data"}. One result for each; one that was refused has "error"."""
    return post_publish([{"id": str(uuid.uuid4()), **message} for message in messages])


def token(user, subscribe=(), publish=(), ttl_seconds=3600):
    """Signed with the secret of the gateway; docs/tokens.md has what it may say."""
    now = int(time.time())
    claims = {
        "sub": user,
        "iat": now,
        "exp": now + ttl_seconds,
        "sluice": {"subscribe": list(subscribe), "publish": list(publish)},
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(map(base64url, parts))
    secret = os.environ["SLUICE_JWT_SECRET"].encode()
    return (signed + b"." + base64url(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Pages(http.server.BaseHTTPRequestHandler):
    """`GET /realtime-token`, which the page's client asks for a token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/realtime-token":
            return self.answer(404, {"error": "not found"})
        user = self.logged_in()
        if user is None:
            return self.answer(401, {"error": "log in first"})
        return self.answer(200, {"token": token(user, subscribe=["news:*", "news"])})

    def logged_in(self):
        """Your session, in the place of this: a cookie that says who somebody is is nobody's proof."""
        cookie = http.cookies.SimpleCookie(self.headers.get("Cookie"))
        return cookie["user"].value if "user" in cookie else None

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main(command="", *words):
    if command == "publish":
        print(json.dumps(publish(words[0], json.loads(words[1]))))
    elif command == "batch":
        for result in publish_batch([json.loads(line) for line in sys.stdin if line.strip()]):
            print(json.dumps(result))
    elif command == "token":
        print(token(words[0], subscribe=["news:*", "news"]))
    elif command == "serve":
        port = int(os.environ.get("PORT", "3000"))
        http.server.ThreadingHTTPServer(("127.0.0.1", port), Pages).serve_forever()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
