"""A proof as a page that stands alone: no script, nothing loaded from elsewhere, everything from outside escaped."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from heliograph.proof.document import Proof, moment
from heliograph.proof.model import ClusterFacts, FlowProof, PartitionProof, Verdict, verdict_of
from heliograph.proof.words import conclusion, context, counts, headline, record_line, remarks

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: 12.5px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid var(--line); }
.verdict { font-size: 1.15rem; padding: .7rem 1rem; border-left: .4rem solid; } .proven { color: var(--good); }
.different { color: var(--bad); } .behind, .unproven { color: var(--open); } .wrap { overflow-wrap: anywhere; }
"""
_LIMITS = """
Equal means: for each partition the same records in the same order, with key, value, headers and timestamp, within the
ranges of offsets given above. They end where the source ended when the proof began.

Of a compacted topic the latest record of each key was compared, and the order of those; a key whose latest record is a
tombstone may be gone.

A digest is SHA-256 over all compared records in canonical form: for each record the timestamp (8 bytes; left out where
timestamps were not compared), key, value, the number of headers (4 bytes), and name and value of each header; a field
has its length in 4 bytes in front, -1 for null; numbers are big-endian. Anyone who reads the same range can compute it.
Of a compacted topic it is the sum, modulo 2^256, of the SHA-256 of each key's latest record, but for tombstones.

The proof says nothing about records that the source no longer held when it began, nor about what happened later.
"""


def page(proof: Proof) -> str:
    """Return the whole page."""
    title = f"Proof of replication, {moment(proof.began)}"
    body = "\n".join(_body(proof, title))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _body(proof: Proof, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="verdict {proof.verdict.value}">{escape(conclusion(proof))}</p>'
    yield _table((), _facts(proof))
    for flow in proof.flows:
        yield from _flow(flow)
    yield "<h2>What this says</h2>"
    yield from (f"<p>{escape(text.strip())}</p>" for text in _LIMITS.split("\n\n"))


def _facts(proof: Proof) -> Iterator[tuple[str, str]]:
    yield "Program", f"Heliograph {proof.version}"
    yield "Command", proof.command
    yield "Time", f"{moment(proof.began)} to {moment(proof.ended)}"
    yield "Topics", ", ".join(proof.topics) or "all of the flows"
    yield "Compared", f"sample of {proof.sample} (seed {proof.seed})" if proof.sample else "all records"
    if proof.since is not None:
        yield "From", moment(proof.since)
    yield "Records the same", f"{proof.records:,} ({proof.size_bytes:,} bytes)"
    yield "Differences", ", ".join(counts(proof.partitions)) or "none"


def _flow(flow: FlowProof) -> Iterator[str]:
    yield f"<h2>{escape(flow.flow)}: {verdict_of(flow.partitions).value}</h2>"
    yield _table(("", "alias", "cluster id", "bootstrap servers", "brokers"), _clusters(flow.source, flow.target))
    yield f"<p>Policy for names: {escape(flow.policy)}. Of the source's transactions: {escape(flow.isolation)}.</p>"
    heading = ("topic", "copy", "verdict", "source offsets", "target offsets", "#records", "remarks")
    yield _table(heading, (_row(each) for each in flow.partitions))
    digests = [each for each in flow.partitions if each.source_sha256]
    if digests:
        yield "<h3>Digests</h3>"
        yield _table(("partition", "source", "target"), map(_digest, digests))
    for each in flow.partitions:
        if each.tally.differences:
            yield from _differences(each)


def _clusters(*facts: ClusterFacts) -> Iterator[Sequence[str]]:
    for role, each in zip(("source", "target"), facts, strict=True):
        yield role, each.alias, each.cluster_id or "-", each.bootstrap, each.release or "-"


def _row(proof: PartitionProof) -> Sequence[str]:
    said = [*counts([proof]), *remarks(proof)]
    return (
        f"{proof.topic}-{proof.partition}",
        f"{proof.copy}-{proof.copy_partition}",
        proof.verdict.value,
        _span(proof.source.first, proof.source.next),
        _span(proof.target.first, proof.target.next),
        f"{proof.tally.records:,}",
        "; ".join(said),
    )


def _span(first: int, following: int) -> str:
    return f"{first} to {following - 1}" if following > first else "none"


def _digest(proof: PartitionProof) -> Sequence[str]:
    same = proof.source_sha256 == proof.target_sha256
    return f"{proof.topic}-{proof.partition}", proof.source_sha256, "the same" if same else proof.target_sha256


def _differences(proof: PartitionProof) -> Iterator[str]:
    total = sum(proof.tally.kinds.values())
    shown = len(proof.tally.differences)
    more = f" (the first {shown} of {total:,})" if total > shown else ""
    yield f"<h3>{escape(proof.topic)}-{proof.partition}: differences{more}</h3>"
    for each in proof.tally.differences:
        lines = [f"{mark} {side}  {record_line(record)}" for side, mark, record in context(each)]
        yield f'<p class="different">{escape(headline(each))}</p>'
        yield f"<pre>{escape(chr(10).join(lines))}</pre>"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    numeric = {number for number, name in enumerate(heading) if name.startswith("#")}
    verdicts = {each.value for each in Verdict}

    def cell(tag: str, number: int, text: str) -> str:
        classes = ["n"] if number in numeric else ["wrap"]
        if text in verdicts:
            classes.append(text)
        return f'<{tag} class="{" ".join(classes)}">{escape(text)}</{tag}>'

    head = "".join(cell("th", number, name.lstrip("#")) for number, name in enumerate(heading))
    lines = ["".join(cell("td", number, text) for number, text in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f"<table>\n{f'<tr>{head}</tr>' if heading else ''}\n{body}</table>"
