import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from test_keystores import IDENTITY_PKCS12, NOW, TRUST_PKCS12

from heliograph.config.derivation import DEPTH_MAX, ITERATIONS_MAX, PARTS_MAX, check_work
from heliograph.config.keystores import read_identity, read_trust


def wrapped(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    length = bytes((size,)) if size < 128 else b"\x83" + size.to_bytes(3, "big")
    return bytes((tag,)) + length + content


def asking(iterations, inside=0x30):
    number = iterations.to_bytes(iterations.bit_length() // 8 + 1, "big")
    return wrapped(inside, wrapped(0x04, b"salt"), wrapped(0x02, number))


def test_real_stores_ask_for_little():
    key = ec.generate_private_key(ec.SECP256R1())
    hidden = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"changeit"))
    for store in (TRUST_PKCS12, IDENTITY_PKCS12, hidden):
        check_work(store)


@pytest.mark.parametrize("iterations", [ITERATIONS_MAX + 1, 2**31 - 1, 2**63 - 1])
def test_too_much_work_is_found_wherever_it_stands(iterations):
    for der in (
        asking(iterations),
        wrapped(0x30, b"\x05\x00", wrapped(0xA0, wrapped(0x04, asking(iterations)))),
        b"\x30\x80" + asking(iterations) + b"\0\0",
    ):
        with pytest.raises(ValueError, match="asks for more than 5000000 iterations"):
            check_work(der)
    check_work(asking(ITERATIONS_MAX))
    check_work(asking(2**256))


def test_a_real_store_with_an_absurd_number_is_refused_at_once():
    mac = TRUST_PKCS12.rindex(b"\x30\x4d")
    end = TRUST_PKCS12.rindex(b"\x02\x02\x27\x10")
    store = bytearray(TRUST_PKCS12[:end] + b"\x02\x04\x7f\xff\xff\xff")
    store[mac + 1] += 2
    store[2:4] = (len(store) - 4).to_bytes(2, "big")
    with pytest.raises(ValueError, match="iterations"):
        read_trust(bytes(store), "changeit", NOW)
    with pytest.raises(ValueError, match="iterations"):
        read_identity(bytes(store), "changeit", None, NOW)


def test_what_is_no_der_is_left_alone_and_soon():
    for der in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\xff", b"\x04\x80", b"\x30\x80" * 100_000):
        check_work(der)
    deep = asking(2**40)
    for _ in range(DEPTH_MAX + 1):
        deep = wrapped(0x30, deep)
    check_work(deep)
    with pytest.raises(ValueError, match="parts"):
        check_work(b"\x05\x00" * (PARTS_MAX + 1))
