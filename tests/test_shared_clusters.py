import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from heliograph.errors import HeliographError
from shared_clusters import Clusters

LIMIT_S = 60

ASK = """
import pickle, sys
from shared_clusters import Address
cluster = pickle.loads(bytes.fromhex(sys.argv[1])).ask("mine", {})
print(cluster.bootstrap(), cluster.tool("kafka-topics", "--list").exit_code)
"""

OWN = """
import signal
from shared_clusters import Clusters
clusters = Clusters()
print(clusters.get("mine", {}).brokers[0].pid, flush=True)
signal.pause()
"""


def python(program, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, env=environment, **options
    )


@pytest.mark.brokers
def test_processes_and_threads_share_one_cluster_which_they_cannot_end(unique):
    import pickle

    clusters = Clusters()
    try:
        with ThreadPoolExecutor(4) as pool:
            got = list(pool.map(lambda _: clusters.get("mine", {}), range(4)))
        assert len({id(each) for each in got}) == 1
        with python(ASK, pickle.dumps(clusters.address()).hex()) as other:
            assert other.communicate(timeout=LIMIT_S)[0].split() == [got[0].bootstrap(), "0"]
        view = clusters.address().ask("mine", {})
        for harm in (view.stop, view.close, view.start, view.brokers[0].kill, view.brokers[0].stop):
            with pytest.raises(HeliographError, match="belongs to another process"):
                harm()
        pid = got[0].brokers[0].pid
    finally:
        clusters.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.brokers
def test_an_owner_that_is_killed_leaves_nothing_running():
    with python(OWN) as owner:
        process = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
        process.wait(LIMIT_S)


def test_what_cannot_start_is_told_to_who_asked():
    clusters = Clusters()
    try:
        with pytest.raises(HeliographError, match="cannot have 10 brokers"):
            clusters.address().ask("mine", {"brokers": 10})
        with pytest.raises(HeliographError, match="cannot have 10 brokers"):
            clusters.get("mine", {"brokers": 10})
    finally:
        clusters.close()
