"""``heliograph demo``: two real Kafka clusters on this machine, real records, replication, proof."""

import importlib.util
import json
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.cli.arguments import Json
from heliograph.errors import HeliographError, ProofFailed
from heliograph.observe import text

if TYPE_CHECKING:
    from heliograph.demo.play import Narrator, Outcome, Play

NEEDED = ("confluent_kafka", "jgo", "psutil")
"""Packages of the extra ``testbed``."""
RECORDS_MAX = 20_000_000


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False,
    records: Annotated[int, typer.Option(help="Orders to copy.", min=0, max=RECORDS_MAX)] = 200_000,
    as_json: Json = False,
) -> None:
    """Copy between two real Kafka clusters on this machine, and prove it.

    Starts the clusters, fills one, runs Heliograph with a file as written for MirrorMaker 2, reads both clusters with
    another client and compares every record. Exit code 0: all agree; 5: they do not.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise HeliographError(
            f"The demo needs what is not installed: {', '.join(missing)}",
            remedy='Install it with: pip install "heliograph[testbed]"',
        )
    from heliograph.demo.play import Narrator, Play  # noqa: PLC0415 - needs the extra

    # An end by SIGTERM takes the same way as one by Ctrl-C: everything that was started is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begin = time.monotonic()
    narrator = Narrator(quiet=as_json)
    try:
        with Play(records, narrator) as play:
            outcome = play.perform()
            if as_json:
                print(json.dumps(_document(outcome, time.monotonic() - begin), indent=2), flush=True)
            if keep:
                _keep(play, narrator)
            _stop(play, narrator)
    except KeyboardInterrupt:
        narrator.say("interrupted; nothing is left running")
        raise
    except ProofFailed as error:
        if as_json:
            print(json.dumps({"same": False, "difference": error.message}, indent=2), flush=True)
        raise
    narrator.say(f"done in {text.duration(time.monotonic() - begin)}; nothing is left running")


def _keep(play: "Play", narrator: "Narrator") -> None:
    try:
        narrator.title("Left running until Ctrl-C")
        for name, path in play.write_client_files().items():
            narrator.say(f"{name}: for Kafka's tools {path}")
        narrator.say("whatever you write to products or orders on the source arrives as source.products, source.orders")
        play.watch()
    except KeyboardInterrupt:
        narrator.say("interrupted")


def _stop(play: "Play", narrator: "Narrator") -> None:
    stop_s = play.stop_replicator()
    narrator.title("Stop")
    narrator.say(f"heliograph stopped within {text.duration(stop_s)} of SIGTERM, exit code 0")


def _document(outcome: "Outcome", total_s: float) -> dict[str, object]:
    """Return the outcome for a program; durations in seconds."""
    return {
        "same": True,
        "kafka": outcome.kafka,
        "records": outcome.records,
        "size_bytes": outcome.size_bytes,
        "first_s": round(outcome.copying.first_s, 3),
        "all_s": round(outcome.copying.all_s, 3),
        "cpu_s": round(outcome.copying.cpu_s, 2),
        "bytes_per_s": round(outcome.bytes_per_s),
        "total_s": round(total_s, 1),
        "topics": [
            {
                "topic": each.pair.topic,
                "copy": each.pair.copy,
                "partitions": each.pair.partitions,
                "records": each.records,
                "size_bytes": each.size_bytes,
                "source_sha256": each.source_sha256,
                "target_sha256": each.target_sha256,
            }
            for each in outcome.proofs
        ],
    }
