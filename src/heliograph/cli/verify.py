"""``heliograph verify FILE``: proof that source and target hold the same records."""

import asyncio
import json
import os
import secrets
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

import heliograph
from heliograph.cli.address import is_address
from heliograph.cli.arguments import Json
from heliograph.cli.place import FileOrAddress, all_of
from heliograph.config.model import FlowConfig
from heliograph.connect.reading import read_flows
from heliograph.errors import ConfigError, HeliographError, ProofFailed, ProofIncomplete
from heliograph.mirror.patterns import Patterns
from heliograph.observe import text
from heliograph.observe.operations import Operations, Progress, VerifyOrder
from heliograph.observe.progress import Bar, bars
from heliograph.proof.document import Proof, document
from heliograph.proof.model import FlowProof, PartitionProof, Verdict
from heliograph.proof.progress import ProofProgress
from heliograph.proof.prover import IDLE_S, Request, prove
from heliograph.proof.report import page
from heliograph.proof.told import flow_proofs_of
from heliograph.proof.wishes import SHARE, pace_of, sample_of, since_of
from heliograph.proof.words import conclusion, context, counts, headline, record_line, remarks
from heliograph.wire.operations import kafka_release

_STYLES = {
    Verdict.PROVEN: "green",
    Verdict.DIFFERENT: "bold red",
    Verdict.BEHIND: "yellow",
    Verdict.UNPROVEN: "yellow",
}
_EXIT_CODES = {
    Verdict.PROVEN: 0,
    Verdict.DIFFERENT: ProofFailed.exit_code,
    Verdict.BEHIND: ProofIncomplete.exit_code,
    Verdict.UNPROVEN: ProofIncomplete.exit_code,
}
SHOWN_DIFFERENCES = 3
"""Differences of one partition that are printed; the report has more."""
_BANDWIDTH = f"{SHARE * 100:.0f}%"


def verify(  # noqa: PLR0917 - a command's options
    file: FileOrAddress,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="Compare only topics of this name on the source (regular expression, may be repeated)."),
    ] = None,
    flow: Annotated[
        list[str] | None, typer.Option(help="Compare only this flow, such as A->B (may be repeated).")
    ] = None,
    sample: Annotated[str, typer.Option(help="Compare only a part of each partition: 5% or 1000 (records).")] = "",
    seed: Annotated[
        int | None, typer.Option(help="Choose the same places as the sample with this seed.", min=0)
    ] = None,
    since: Annotated[str, typer.Option(help="Compare only records since then: 2h, 7d or 2026-07-01T12:00 (UTC).")] = "",
    bandwidth: Annotated[
        str, typer.Option(help="Read at most so many MB/s (20), or only in a share of the time (50%).")
    ] = _BANDWIDTH,
    wait: Annotated[float, typer.Option(help="Seconds to wait for records that have not arrived yet.", min=0)] = 30,
    report: Annotated[Path | None, typer.Option(help="Write a report: this name with .html and with .json.")] = None,
    digest: Annotated[bool, typer.Option("--digest", help="Compute digests; a report always has them.")] = False,
    as_json: Json = False,
) -> int:
    """Prove that source and target hold the same records; changes nothing, and may run beside the replication.

    Exit code 0: proven; 5: they differ; 6: nothing differs, but not all that was asked could be proven.
    """
    began = datetime.now(UTC)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    since_ms = since_of(since, began) if since else None
    request = Request(
        topics=Patterns(tuple(topic)) if topic else None,
        sample=sample_of(sample, seed) if sample else None,
        since_ms=since_ms,
        digest=digest or report is not None,
        pace=pace_of(bandwidth),
        wait_s=wait,
        idle_s=min(wait, IDLE_S),
    )
    console = Console(stderr=True)
    if is_address(file):
        place = all_of(file, ())
        _check_writable(report)
        order = VerifyOrder(
            topics=tuple(topic or ()),
            sample=sample,
            seed=seed,
            since="" if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(),
            bandwidth=bandwidth,
            wait_s=wait,
            digest=request.digest,
        )
        found = asyncio.run(_prove_there(place.operations, _chosen(place.flows, flow or ()), order, console))
    else:
        config = read_flows(Path(file), environ=os.environ)
        names = _chosen([each.name for each in config.flows], flow or ())
        _check_writable(report)
        found = asyncio.run(_prove([each for each in config.flows if each.name in names], request, console))
    proof = Proof(
        heliograph.__version__,
        shlex.join(["heliograph", *sys.argv[1:]]),
        began,
        datetime.now(UTC),
        tuple(topic or ()),
        sample,
        seed,
        None if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC),
        tuple(found),
    )
    if report is not None:
        _write(report, proof)
    if as_json:
        print(json.dumps(document(proof), indent=2, ensure_ascii=False))
    else:
        _print(proof, report)
    return _EXIT_CODES[proof.verdict]


def _chosen(flows: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the flows of these names, or all. Raises ConfigError for a name that is none."""
    unknown = [name for name in names if name not in flows]
    if unknown:
        raise ConfigError(f"There is no flow {unknown[0]}", remedy=f"There are: {', '.join(flows)}")
    return [name for name in flows if not names or name in names]


# --- progress --------------------------------------------------------------------------------------------------------


def _show(bar: Bar, progress: ProofProgress | Progress) -> None:
    bar.at(progress.done, max(progress.total, 1))
    bar.note(f"{text.size(progress.read_bytes)} read")


async def _prove(flows: Sequence[FlowConfig], request: Request, console: Console) -> list[FlowProof]:
    found = []
    with ExitStack() as stack:
        steps = stack.enter_context(bars(console, transient=True))
        for flow in flows:
            bar = steps.bar(f"comparing {flow.name}")
            progress = ProofProgress(partial(_show, bar))
            found.append(await prove(flow, request, progress.watch, kafka_release))
            bar.finish()
    return found


async def _prove_there(
    operations: Operations, flows: Sequence[str], order: VerifyOrder, console: Console
) -> list[FlowProof]:
    """Have a process prove them, one after the other."""
    found: list[FlowProof] = []
    with ExitStack() as stack:
        steps = stack.enter_context(bars(console, transient=True))
        for name in flows:
            bar = steps.bar(f"comparing {name}")
            found += flow_proofs_of(await operations.verify(name, order, partial(_show, bar)))
            bar.finish()
    return found


# --- what is said ----------------------------------------------------------------------------------------------------


def _print(proof: Proof, report: Path | None) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for flow in proof.flows:
        console.print(Text(f"{flow.flow}", style="bold"))
        for each in flow.partitions:
            _print_partition(console, each)
    if proof.sample:
        console.print(f"\nThe sample's seed is {proof.seed}")
    if report is not None:
        console.print(f"\nReport: {', '.join(map(str, _paths(report)))}")
    took = text.duration((proof.ended - proof.began).total_seconds())
    console.print(Text(f"\n{conclusion(proof)}, in {took}", style=_STYLES[proof.verdict]))


def _print_partition(console: Console, proof: PartitionProof) -> None:
    tally = proof.tally
    said = [text.plural(tally.records, "record") + " the same", *counts([proof]), *remarks(proof)]
    name = f"{proof.topic}-{proof.partition} -> {proof.copy}-{proof.copy_partition}"
    line = Text.assemble("  ", (f"{proof.verdict.value:<9}", _STYLES[proof.verdict]), f"  {name}: {'; '.join(said)}")
    console.print(line)
    for each in tally.differences[:SHOWN_DIFFERENCES]:
        console.print(Text(f"    {headline(each)}", style="red"))
        for side, mark, record in context(each):
            console.print(Text(f"    {mark} {side}  {record_line(record)}", style="" if mark == ">" else "dim"))
    left = sum(tally.kinds.values()) - min(len(tally.differences), SHOWN_DIFFERENCES)
    if left > 0 and tally.differences:
        console.print(Text(f"    and {text.plural(left, 'more difference')}", style="red"))


def _paths(report: Path) -> tuple[Path, Path]:
    """Return the two files of a report; the name may have either suffix already, or none."""
    stem = report.with_suffix("") if report.suffix in (".html", ".json") else report
    return stem.with_name(stem.name + ".html"), stem.with_name(stem.name + ".json")


def _check_writable(report: Path | None) -> None:
    """Find out before the work that the report has no place."""
    if report is not None and not (report.name and report.parent.is_dir() and os.access(report.parent, os.W_OK)):
        raise ConfigError(f"The report {report} cannot be written", remedy="Name a file in a folder that you may write")


def _write(report: Path, proof: Proof) -> None:
    html, values = _paths(report)
    try:
        html.write_text(page(proof), encoding="utf-8")
        values.write_text(json.dumps(document(proof), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise HeliographError(f"The report {report} cannot be written: {error.strerror}") from error
