import datetime as dt
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from heliograph.testbed.certificates import issue_server, make_authority
from heliograph.testbed.processes import run_to_end
from heliograph.testbed.storefiles import StoreFiles, write_identity, write_private, write_trust

NOW = dt.datetime.now(dt.UTC)
AUTHORITY = make_authority("test", NOW)
IDENTITY = issue_server(AUTHORITY, NOW)
PASSWORD = "changeit"


@pytest.fixture
def identity(tmp_path: Path) -> StoreFiles:
    return write_identity(IDENTITY, tmp_path, "server", PASSWORD, 1_700_000_000_000)


@pytest.fixture
def trust(tmp_path: Path) -> StoreFiles:
    return write_trust(AUTHORITY.certificate, tmp_path, "authority", PASSWORD, 1_700_000_000_000)


def test_pem_holds_key_and_chain(identity: StoreFiles) -> None:
    raw = identity.pem.read_bytes()
    assert load_pem_private_key(raw, None).private_numbers() == IDENTITY.key.private_numbers()
    assert x509.load_pem_x509_certificates(raw) == [IDENTITY.certificate, AUTHORITY.certificate]


def test_pkcs12_holds_key_and_chain(identity: StoreFiles) -> None:
    key, certificate, others = pkcs12.load_key_and_certificates(identity.pkcs12.read_bytes(), PASSWORD.encode())
    assert key.private_numbers() == IDENTITY.key.private_numbers()
    assert (certificate, others) == (IDENTITY.certificate, [AUTHORITY.certificate])


def test_files_are_for_their_owner_alone(identity: StoreFiles, tmp_path: Path) -> None:
    write_private(tmp_path / "again", b"1")
    write_private(tmp_path / "again", b"2")
    assert (tmp_path / "again").read_bytes() == b"2"
    for path in (identity.pem, identity.pkcs12, identity.jks, tmp_path / "again"):
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("keytool") is None, reason="Java's keytool is the judge")
@pytest.mark.parametrize("kind", ["pkcs12", "jks"])
def test_java_reads_the_stores(identity: StoreFiles, trust: StoreFiles, tmp_path: Path, kind: str) -> None:
    for files, entry in ((identity, "PrivateKeyEntry"), (trust, "trustedCertEntry")):
        listed = run_to_end(
            ["keytool", "-list", "-storetype", kind, "-keystore", str(getattr(files, kind)), "-storepass", PASSWORD]
        )
        assert listed.exit_code == 0, listed.stdout
        assert entry in listed.stdout
    # Only a key that was taken out of its store can be put into another one.
    copied = run_to_end(
        [
            *("keytool", "-importkeystore", "-noprompt", "-srckeystore", str(getattr(identity, kind))),
            *("-srcstoretype", kind, "-srcstorepass", PASSWORD, "-destkeystore", str(tmp_path / "copy.p12")),
            *("-deststoretype", "pkcs12", "-deststorepass", PASSWORD),
        ]
    )
    assert copied.exit_code == 0, copied.stdout
    key, _, _ = pkcs12.load_key_and_certificates((tmp_path / "copy.p12").read_bytes(), PASSWORD.encode())
    assert key.private_numbers() == IDENTITY.key.private_numbers()
