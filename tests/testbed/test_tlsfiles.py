from pathlib import Path

from cryptography import x509

from heliograph.testbed.tlsfiles import TlsFiles


def test_a_client_has_one_certificate_from_the_clusters_authority(tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path / "tls")
    stores = tls.client_stores("alice")
    assert stores == tls.client_stores("alice")
    certificate, authority = x509.load_pem_x509_certificates(stores.identity_pem.read_bytes())
    assert authority == tls.authority.certificate
    certificate.verify_directly_issued_by(authority)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700


def test_without_a_user_there_is_trust_alone(tmp_path: Path) -> None:
    stores = TlsFiles(tmp_path).client_stores(None)
    assert stores.authority_pem.exists()
    assert stores.identity_pem is None
