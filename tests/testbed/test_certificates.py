import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from heliograph.testbed.certificates import Identity, ServerCertificate, issue_client, issue_server, make_authority

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
AUTHORITY = make_authority("test", NOW)


def verify(identity: Identity, authority: x509.Certificate = AUTHORITY.certificate) -> None:
    policy = PolicyBuilder().store(Store([authority])).time(NOW.replace(tzinfo=None))
    policy.build_server_verifier(x509.DNSName("localhost")).verify(identity.certificate, [])


def test_a_valid_server_is_trusted() -> None:
    verify(issue_server(AUTHORITY, NOW))


@pytest.mark.parametrize("kind", ["wrong_name", "expired"])
def test_the_broken_ones_are_refused(kind: ServerCertificate) -> None:
    with pytest.raises(VerificationError):
        verify(issue_server(AUTHORITY, NOW, kind))


def test_another_authority_is_refused() -> None:
    with pytest.raises(VerificationError):
        verify(issue_server(AUTHORITY, NOW), make_authority("other", NOW).certificate)


def test_the_broken_ones_differ_in_one_point_only() -> None:
    valid, wrong, expired = (
        issue_server(AUTHORITY, NOW, kind).certificate for kind in ("valid", "wrong_name", "expired")
    )
    assert wrong.not_valid_after_utc == valid.not_valid_after_utc > NOW > expired.not_valid_after_utc
    names = [
        each.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for each in (valid, wrong, expired)
    ]
    assert names[0] == names[2] != names[1]


def test_a_client_bears_the_users_name() -> None:
    assert issue_client(AUTHORITY, "alice", NOW).certificate.subject.rfc4514_string() == "CN=alice"
