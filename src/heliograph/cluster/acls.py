"""ACLs of a cluster: read and created, never deleted. A cluster without an authorizer has none, which is no error."""

from collections.abc import Sequence

from heliograph.cluster.cluster import Cluster, raise_for
from heliograph.errors import BrokerError, HeliographError, ProtocolError
from heliograph.wire import errors as codes
from heliograph.wire.acls import Acl, Operation, PatternType, Permission, ResourceType

ACLS_A_REQUEST = 500


async def describe(cluster: Cluster, resource_type: int = ResourceType.ANY) -> tuple[Acl, ...] | None:
    """Return the ACLs of resources of one type, sorted; None: the cluster has no authorizer.

    Raises HeliographError; UNSUPPORTED_VERSION for brokers before 2.0, which know no prefixes.
    """
    await _must_know(cluster, "describe_acls")
    answer = await cluster.call(
        "describe_acls",
        {
            "resource_type_filter": int(resource_type),
            "resource_name_filter": None,
            "pattern_type_filter": int(PatternType.ANY),
            "principal_filter": None,
            "host_filter": None,
            "operation": int(Operation.ANY),
            "permission_type": int(Permission.ANY),
        },
    )
    if int(answer.error_code) == codes.SECURITY_DISABLED:
        return None
    raise_for(int(answer.error_code), f"read the ACLs on {cluster.alias}", "the cluster", right="Describe")
    return tuple(
        sorted(
            Acl(
                row.resource_type,
                row.resource_name,
                row.pattern_type,
                acl.principal,
                acl.host,
                acl.operation,
                acl.permission_type,
            )
            for row in answer.resources
            for acl in row.acls
        )
    )


async def create(cluster: Cluster, acls: Sequence[Acl]) -> dict[Acl, HeliographError | None] | None:
    """Create ACLs; returns each one's error, None where it was created or was there. None at all: no authorizer.

    Raises as :func:`describe` does, and NotAuthorized where none may be created at all.
    """
    await _must_know(cluster, "create_acls")
    done: dict[Acl, HeliographError | None] = {}
    for start in range(0, len(acls), ACLS_A_REQUEST):
        some = acls[start : start + ACLS_A_REQUEST]
        answer = await cluster.call("create_acls", {"creations": [_row(acl) for acl in some]})
        if len(answer.results) != len(some):
            raise ProtocolError(
                f"{cluster.alias} answers {len(answer.results)} ACLs where {len(some)} were to be created",
                remedy="Something between here and the broker damages answers, or it is not a Kafka broker",
            )
        for acl, row in zip(some, answer.results, strict=True):
            if int(row.error_code) == codes.SECURITY_DISABLED:
                return None
            if int(row.error_code) == codes.CLUSTER_AUTHORIZATION_FAILED:
                raise_for(int(row.error_code), f"create ACLs on {cluster.alias}", "the cluster", right="Alter")
            done[acl] = None
            try:
                raise_for(
                    int(row.error_code),
                    f"create the ACL {acl} on {cluster.alias}",
                    "the cluster",
                    right="Alter",
                    said=row.error_message,
                )
            except HeliographError as error:
                done[acl] = error
    return done


async def _must_know(cluster: Cluster, api: str) -> None:
    connection = await cluster.any_connection()
    if not connection.versions.knows(api, 1):
        raise BrokerError(
            f"{cluster.alias} is too old to be asked for ACLs by name and prefix",
            code=codes.UNSUPPORTED_VERSION,
            remedy="ACLs can be copied between brokers from Kafka 2.0 on",
        )


def _row(acl: Acl) -> dict[str, object]:
    return {
        "resource_type": int(acl.resource_type),
        "resource_name": acl.name,
        "resource_pattern_type": int(acl.pattern),
        "principal": acl.principal,
        "host": acl.host,
        "operation": int(acl.operation),
        "permission_type": int(acl.permission),
    }


async def scram_users(cluster: Cluster) -> tuple[str, ...] | None:
    """Return the names of the users with SCRAM passwords, sorted; None: the cluster cannot tell (before 2.7).

    Brokers never reveal passwords (KIP-554), so such users cannot be copied. Raises HeliographError.
    """
    connection = await cluster.any_connection()
    if not connection.versions.knows("describe_user_scram_credentials"):
        return None
    answer = await cluster.call("describe_user_scram_credentials", {"users": None})
    if int(answer.error_code) == codes.UNSUPPORTED_VERSION:
        return None
    what = f"read the names of SCRAM users on {cluster.alias}"
    raise_for(int(answer.error_code), what, "the cluster", right="Describe")
    return tuple(sorted(row.user for row in answer.results))
