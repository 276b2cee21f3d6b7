"""What a file says about topic names: MM2's ``replication.policy.class``, and Java classes that stand for it.

MM2 has two policies. People add others, nearly all of which keep names as IdentityReplicationPolicy has done since
Kafka 3.0, and were written because it did not exist yet. The public ones are known by name; of any other class
``heliograph.replication.policy`` says which of the two it means. One thing differs from most of them: heartbeats get
the source's alias, as with MM2's own identity policy, so that they do not mix with the heartbeats of the target.
"""

from heliograph.config.mirror_options import DEFAULT_POLICY, IDENTITY_POLICY
from heliograph.config.model import Policy, Warned
from heliograph.config.resolve import Found
from heliograph.errors import ConfigError

OWN = {DEFAULT_POLICY: Policy.DEFAULT, IDENTITY_POLICY: Policy.IDENTITY}
"""MM2's policies."""
KEEPING_NAMES = ("IdentityReplicationPolicy", "PrefixlessReplicationPolicy")
"""Public classes that do nothing but keep names, whatever package they were copied to."""
KEEPING_NAMES_IN_FULL = ("com.amazonaws.kafka.samples.CustomMM2ReplicationPolicy",)
"""The same, where the name alone would say too little."""
MEANING = "heliograph.replication.policy"
"""The option that says what a class means."""


def stands_for(name: str) -> Policy | None:
    """Return the policy that a Java class is known to be; None: something must say what it means."""
    if name in KEEPING_NAMES_IN_FULL or name.rpartition(".")[2] in KEEPING_NAMES:
        return Policy.IDENTITY
    return OWN.get(name)


def policy_of(java_class: Found, meaning: Found) -> tuple[Policy, tuple[Warned, ...]]:
    """Return the policy that the two options ask for, and what their author should be told.

    Raises ConfigError where a class is not known and nothing says what it means, or where the two contradict.
    """
    name = java_class.text
    own = OWN.get(name)
    if meaning.text:
        policy = Policy(meaning.text)
        if own is not None and own is not policy and java_class.entry is not None:
            raise ConfigError(
                f"{meaning.where}={meaning.text} contradicts {java_class.key}={name} "
                f"(line {java_class.entry.line}), which is the {own} policy",
                remedy="Remove one of them",
            )
        return policy, ()
    if own is not None:
        return own, ()
    if stands_for(name) is not None:
        assert java_class.entry is not None, "the default is a policy of MM2's"
        message = (
            f"{java_class.key} names {name}, which is taken for the identity policy: topics keep their names, and "
            f"heartbeats get the source's alias; {MEANING}=identity confirms it"
        )
        return Policy.IDENTITY, (Warned(java_class.key, message, java_class.entry.line),)
    raise ConfigError(
        f"{java_class.where} names {name or 'no class'}, Java code that cannot run here",
        remedy=f"If it keeps topic names, add {MEANING}=identity; if it puts the source's alias before them, "
        f"{MEANING}=default",
    )
