"""Tokens of an identity provider: a real HTTP server with its keys, and every way in which a token may be wrong."""

import asyncio
import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliograph.api.access.oidc import AGAIN_S, FRESH_S, KEYS_BYTES_MAX, STALE_S, SignedTokens
from heliograph.api.access.user import User
from heliograph.config.model import OidcConfig

jwt = pytest.importorskip("jwt")

ISSUER = "https://id.example"
KEYS = {"one": ec.generate_private_key(ec.SECP256R1()), "two": rsa.generate_private_key(65537, 2048)}
STRANGER = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"sub": "alice", "iss": ISSUER, "aud": "heliograph", "groups": ["payments", "ops"]}
ALICE = User("oidc:alice", ("oidc-group:payments", "oidc-group:ops"))


def jwk(key_id: str) -> dict[str, object]:
    key = KEYS[key_id]
    made = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    return {**json.loads(made.to_jwk(key.public_key())), "kid": key_id, "use": "sig", "alg": algorithm}


def token(claims=None, *, key=KEYS["one"], algorithm="ES256", key_id="one", **changes) -> str:
    told = {"exp": time.time() + 60, **(CLAIMS if claims is None else claims), **changes}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm, headers={"kid": key_id})


class Provider:
    """What is answered, and how often it was asked."""

    def __init__(self) -> None:
        self.keys = ["one", "two"]
        self.answer: bytes | None = None
        self.asked = 0

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        return json.dumps({"keys": [jwk(each) for each in self.keys]}).encode()


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def config(url: str = "https://id.example/keys") -> OidcConfig:
    return OidcConfig(url, ISSUER, ("heliograph", "other"), "sub", "groups")


def users(*tokens: str, provider: Provider | None = None, of: OidcConfig | None = None) -> list[User | None]:
    async def main():
        signed = SignedTokens(of or config(), (provider or Provider()).fetch)
        return [await signed.user(each) for each in tokens]

    return asyncio.run(main())


def test_a_good_token_says_who_and_of_which_groups():
    rsa_signed = token(key=KEYS["two"], algorithm="RS256", key_id="two")
    assert users(token(), rsa_signed, token(aud=["x", "other"])) == [ALICE] * 3
    assert users(token(groups=None)) == [User("oidc:alice")]


def unsigned() -> str:
    return jwt.encode({**CLAIMS, "exp": time.time() + 60}, "", "none", headers={"kid": "one"})


def signed_with_the_public_key() -> str:
    """An old trick: the public key as the secret of an HMAC."""
    secret = KEYS["two"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    import hmac

    head = part({"alg": "HS256", "kid": "two", "typ": "JWT"}) + b"." + part({**CLAIMS, "exp": time.time() + 60})
    signature = base64.urlsafe_b64encode(hmac.digest(secret, head, "sha256")).rstrip(b"=")
    return (head + b"." + signature).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "a.b.c",
        "." * 100,
        "x" * 100_000,
        token(exp=time.time() - 60),
        token(exp=None),
        token(nbf=time.time() + 600),
        token(iss="https://other.example"),
        token(iss=None),
        token(aud="somebody"),
        token(aud=None),
        token(sub=None),
        token(sub=5),
        token(sub=""),
        token(groups="ops"),
        token(key=STRANGER),
        token(key_id="three"),
        token(key_id="two"),
        token()[:-4] + "AAAA",
        unsigned(),
        signed_with_the_public_key(),
    ],
)
def test_a_token_that_is_wrong_in_any_way_is_nobodys(wrong):
    assert users(wrong) == [None]


def test_shared_secrets_among_the_keys_count_for_nothing():
    provider = Provider()
    secret = base64.urlsafe_b64encode(b"s" * 32).decode()
    provider.answer = json.dumps({"keys": [{"kty": "oct", "k": secret, "kid": "one", "alg": "HS256"}]}).encode()
    assert users(token(key=b"s" * 32, algorithm="HS256"), provider=provider) == [None]


@pytest.mark.parametrize(
    "answer", [b"", b"{", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5, {}, {"kty": "RSA"}, {"kty": "EC", "x": []}]}']
)
def test_an_answer_that_is_no_set_of_keys_makes_no_token_good(answer):
    provider = Provider()
    provider.answer = answer
    assert users(token(), provider=provider) == [None]


def test_keys_are_kept_fetched_again_for_a_new_one_and_serve_while_there_are_no_others():
    async def main():
        provider, clock = Provider(), Clock()
        provider.keys = ["one"]
        signed = SignedTokens(config(), provider.fetch, clock)
        two = token(key=KEYS["two"], algorithm="RS256", key_id="two")
        assert await signed.user(token()) == ALICE
        assert await signed.user(token()) == ALICE
        assert provider.asked == 1
        for _ in range(20):  # names of keys that are not there do not have the provider asked each time
            assert await signed.user(two) is None
        assert provider.asked == 1
        provider.keys = ["one", "two"]
        clock.now_s += AGAIN_S
        assert await signed.user(two) == ALICE
        assert provider.asked == 2
        provider.answer = b"no keys at the moment"
        clock.now_s += FRESH_S + 1
        assert await signed.user(two) == ALICE
        assert provider.asked == 3
        clock.now_s += STALE_S
        assert await signed.user(two) is None

    asyncio.run(main())


@contextmanager
def http_server(answer: bytes, status: int = 200, location: str = "") -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/keys"
        server.shutdown()


def fetched(url: str) -> User | None:
    async def main():
        return await SignedTokens(config(url)).user(token())

    return asyncio.run(main())


def test_keys_come_from_where_they_are_and_from_nowhere_else():
    good = json.dumps({"keys": [jwk("one")]}).encode()
    with http_server(good) as url:
        assert fetched(url) == ALICE
        with http_server(b"", 302, location=url) as elsewhere:
            assert fetched(elsewhere) is None
    with http_server(good + b" " * KEYS_BYTES_MAX) as url:
        assert fetched(url) is None
    assert fetched(url) is None, "nothing listens there any more"
