"""What may be shown of a connector's configuration, and what comes of a mask that is given back."""

import pytest

from heliograph.config.connectors.secrets import MASK, masked, unmasked


@pytest.mark.parametrize(
    "key",
    [
        "source.cluster.sasl.jaas.config",
        "target.cluster.ssl.key.password",
        "ssl.keystore.key",
        "some.token",
        "client.secret",
    ],
)
def test_secrets_are_masked_and_masks_given_back_change_nothing(key):
    config = {key: "the secret", "topics": "orders"}
    shown = masked(config)
    assert shown == {key: MASK, "topics": "orders"}
    assert unmasked(shown, config) == config
    assert unmasked({**shown, "topics": "more"}, config) == {key: "the secret", "topics": "more"}


@pytest.mark.parametrize("value", ["${file:/secrets/west:password}", ""])
def test_references_are_no_secrets(value):
    assert masked({"ssl.key.password": value}) == {"ssl.key.password": value}


@pytest.mark.parametrize("value", ["x${file:/secrets/west:password}", "${env:A}${env:B}", "${"])
def test_what_only_holds_a_reference_is_masked(value):
    assert masked({"ssl.key.password": value}) == {"ssl.key.password": MASK}


def test_converters_are_no_keys():
    assert masked({"key.converter": "org.example.Bytes"}) == {"key.converter": "org.example.Bytes"}


def test_a_mask_for_what_was_never_there_stays():
    assert unmasked({"ssl.key.password": MASK}, {}) == {"ssl.key.password": MASK}
