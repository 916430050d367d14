"""From a repository's address to a notebook that has its packages, as the portal's API and the hub's tell it.

What one would use instead is an image of the same environment: here the very recipe that the portal hands out, built by
buildah from a Debian that is there already, without a push to a registry or a pull on another node.
"""

import io
import json
import statistics
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import images
from benchmarks import ours
from benchmarks.figure import Figure
from benchmarks.ours import Ours
from git_servers import GitServer, Repository, git_server
from hubfleet._kit import process

TYPICAL = "numpy\npandas\nmatplotlib\nipywidgets\n"
QUEUED = ("attrs", "boltons", "cachetools", "click", "decorator", "tomli", "filelock", "idna", "iniconfig", "joblib")
QUEUED += ("more-itertools", "networkx", "pluggy", "ply", "pyparsing", "pytz", "sortedcontainers", "tabulate", "toolz")
QUEUED += ("zipp",)
TIMES = 9
API = "/services/portal/api"


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, git_server(Path(folder)) as git, ours.real(builds=True) as mine:
        return [*_typical(mine, git, Path(folder)), *_known(mine, git), *_queue(mine, git)]


def _typical(mine: Ours, git: GitServer, folder: Path) -> list[Figure]:
    """Build and start what was never built, of packages that others have used before."""
    mine.hub.add(["ann"])
    mine.hub.start("ann")
    mine.hub.stop_all(["ann"])
    _built(mine, git.repository("before", {"requirements.txt": TYPICAL + "six\n"}).url)
    repository = git.repository("typical", {"requirements.txt": TYPICAL, "a.ipynb": "{}"})
    began = time.perf_counter()
    digest = _built(mine, repository.url)
    built = time.perf_counter() - began
    shared = mine.hub.send("PATCH", f"{API}/environments/{digest}", {"shared_with": "everybody"})
    assert shared.status == 200, shared.text
    mine.hub.start("ann", options={"environment": digest})
    launched = time.perf_counter() - began
    mine.hub.stop_all(["ann"])
    what = "a new environment (numpy, pandas, matplotlib, ipywidgets)"
    return [
        Figure(f"{what} and its server", round(launched, 2), "s", hold=8.0, note="packages were downloaded before"),
        Figure(f"{what}, built", round(built, 2), "s", _image_s(mine, digest, folder), "an image", hold=0.05),
    ]


def _image_s(mine: Ours, digest: str, folder: Path) -> float | None:
    """Return how long an image of an environment takes, without the pull of its base; None: none can be built here."""
    if not images.can_be_built():
        return None
    answer = mine.hub.get(f"{API}/environments/{digest}/exports/container")
    assert answer.status == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        archive.extractall(folder / "recipe")
    (recipe,) = (folder / "recipe").iterdir()
    store = images.Images(folder)
    store.base()
    began = time.perf_counter()
    store.build(recipe, "localhost/environment")
    return round(time.perf_counter() - began, 1)


def _known(mine: Ours, git: GitServer) -> list[Figure]:
    repository = git.repository("known", {"requirements.txt": "six\n"})
    _built(mine, repository.url)
    commit = repository.git("rev-parse", "HEAD")
    by_commit = [_seconds(mine, repository, ref=commit) for _ in range(TIMES)]
    by_branch = [_seconds(mine, repository, ref="main") for _ in range(TIMES)]
    notebooks = []
    for number in range(TIMES):
        repository.commit({"a.ipynb": f'{{"cells": [{number}]}}'})
        notebooks.append(_seconds(mine, repository, ref="main"))

    clone = round(statistics.median(_clone_s(repository) for _ in range(TIMES)), 3)

    def figure(what: str, seconds: list[float], hold: float, note: str = "") -> Figure:
        return Figure(what, round(statistics.median(seconds), 3), "s", hold=hold, note=note, samples=seconds)

    return [
        figure("a known commit", by_commit, 0.05, f"median of {TIMES}"),
        figure("a branch whose commit is known", by_branch, 0.1, "one question to the git server"),
        figure(
            "a commit that touches a notebook only", notebooks, 0.1, f"with its files; `git clone --depth=1`: {clone} s"
        ),
    ]


def _clone_s(repository: Repository) -> float:
    """Return how long git itself takes for a repository's files, from the same server."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process.run(["git", "clone", "--quiet", "--depth=1", repository.url, f"{folder}/files"], timeout_s=60)
        return time.perf_counter() - began


def _queue(mine: Ours, git: GitServer) -> list[Figure]:
    """Start servers while twenty different environments are built."""
    repositories = [git.repository(f"queued-{name}", {"requirements.txt": f"{name}\n"}) for name in QUEUED]
    people = mine.hub.add(["bob", "cyd", "dan"])
    alone = [mine.hub.start(person) for person in people]
    mine.hub.stop_all(people)
    with ThreadPoolExecutor(len(repositories)) as pool:
        began = time.perf_counter()
        building = [pool.submit(_built, mine, repository.url) for repository in repositories]
        beside = [mine.hub.start(person) for person in people]
        ends = []
        for build in building:
            build.result()
            ends.append(time.perf_counter() - began)
    mine.hub.stop_all(people)
    return [
        Figure(f"{len(QUEUED)} different builds at once (last ready)", round(ends[-1], 1), "s"),
        Figure(
            "server start while they are built (median of 3)",
            round(statistics.median(beside), 2),
            "s",
            round(statistics.median(alone), 2),
            "without builds",
            samples=[*beside, *alone],
        ),
    ]


def _seconds(mine: Ours, repository: Repository, *, ref: str) -> float:
    began = time.perf_counter()
    _built(mine, repository.url, ref=ref)
    return time.perf_counter() - began


def _built(mine: Ours, repository: str, *, ref: str = "HEAD") -> str:
    """Build, and return the digest."""
    asked = {"repository": repository, "ref": ref, "cluster": ours.CLUSTER}
    answer = mine.hub.send("POST", f"{API}/builds?wait_s=300", asked)
    found = json.loads(answer.text)
    assert answer.status == 200 and found["state"] == "ready", answer.text
    return str(found["digest"])
