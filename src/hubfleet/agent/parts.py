"""The parts of an agent that its settings choose: launcher, environments, and the label of all that it makes."""

import hashlib
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hubfleet._kit import plugins
from hubfleet._kit.clock import Clock
from hubfleet.agent.environments.builds import Builds
from hubfleet.agent.environments.conda import CHANNELS
from hubfleet.agent.environments.contents import Contents
from hubfleet.agent.environments.datasets.hosts import host as data_host
from hubfleet.agent.environments.reader import Reader
from hubfleet.agent.environments.realise import Builder
from hubfleet.agent.environments.repositories import Repositories
from hubfleet.agent.environments.resolve import Resolver
from hubfleet.agent.environments.software import Environments, packaged_base_lock
from hubfleet.agent.environments.tidying import Tidying
from hubfleet.agent.environments.workshop import PASSED_ON, Workshop
from hubfleet.agent.homes.taking import Taking
from hubfleet.agent.launchers import bubblewrap, limiting, networking
from hubfleet.agent.launchers.base import Launcher
from hubfleet.agent.launchers.in_process import InProcessLauncher
from hubfleet.agent.launchers.process import ProcessLauncher, ProcessOptions
from hubfleet.agent.store import Store
from hubfleet.errors import LaunchError
from hubfleet.model.settings.agent import AgentSettings


def label(settings: AgentSettings) -> str:
    """Return what marks all that this agent makes on the machine; agents with other data have another one."""
    return f"hubfleet-{hashlib.sha256(os.fsencode(settings.data.resolve())).hexdigest()[:8]}"


def make_launcher(settings: AgentSettings) -> Launcher:
    """Return the launcher that the settings name.

    Raises:
        LaunchError: it cannot be had here.
    """
    if settings.launcher == "in-process":
        return InProcessLauncher()
    if settings.launcher != "process":
        made = plugins.load("hubfleet.launchers", settings.launcher)
        assert callable(made)
        launcher = made(settings)
        assert isinstance(launcher, Launcher)
        return launcher
    if settings.sandbox == "none":
        raise LaunchError(
            "servers without a sandbox are not supported on this cluster yet", hint="write `sandbox: bubblewrap`"
        )
    options = ProcessOptions(
        label=label(settings),
        folder=settings.data / "servers",
        python_prefix=_python_prefix(settings.python),
        processes=settings.ceilings.processes,
        variables=_for_servers(os.environ),
    )
    cgroups = limiting.choose(options.label)
    return ProcessLauncher(options, network=networking.choose(settings, options.label), cgroups=cgroups)


async def make_environments(settings: AgentSettings, store: Store) -> Environments:
    """Return what makes environments here."""
    lock = settings.base_lock.read_text() if settings.base_lock else packaged_base_lock()
    folder = settings.software_folder
    uid = None
    if os.geteuid() == 0:
        uid = await store.run(lambda tables: tables.uid("", "builder", settings.uids))
    workshop = Workshop(
        python=settings.python,
        variables=to_the_index(),
        uid=uid,
        bwrap=bubblewrap.find() if settings.sandbox == "bubblewrap" else None,
    )
    builder = Builder(
        folder=folder / "environments",
        cache=folder / "cache",
        workshop=workshop,
        indexes=settings.indexes,
        channels=settings.channels or CHANNELS,
        debian=settings.debian,
    )
    return Environments(builder, base_lock=lock, contents=_contents(settings, workshop))


def make_builds(settings: AgentSettings, environments: Environments, clock: Clock) -> Builds:
    """Return what turns repositories into environments here."""
    workshop, folder = environments.builder.workshop, settings.data / "builds"
    return Builds(
        repositories=_repositories(settings, workshop),
        reader=Reader(workshop, environments.builder.conda.channels),
        contents=_contents(settings, workshop),
        resolver=Resolver(
            folder,
            environments.builder.cache,
            workshop,
            clock,
            conda=environments.builder.conda,
            indexes=settings.indexes,
        ),
        environments=environments,
        clock=clock,
    )


def _repositories(settings: AgentSettings, workshop: Workshop) -> Repositories:
    return Repositories(
        settings.data / "builds" / "repositories",
        workshop,
        private_hosts=settings.git_hosts,
        data_hosts={name: data_host(name, told.kind, told.api) for name, told in settings.data_hosts.items()},
    )


def _contents(settings: AgentSettings, workshop: Workshop) -> Contents:
    return Contents(settings.data / "builds" / "contents", _repositories(settings, workshop))


def make_tidying(settings: AgentSettings, environments: Environments, store: Store, clock: Clock) -> Tidying:
    """Return what keeps software below its ceiling."""

    async def in_use() -> frozenset[str]:
        live = await store.run(lambda tables: tables.servers(live=True))
        wanted = {environments.base_digest, *(record.request.environment for record in live)}
        return frozenset({*wanted, *filter(None, map(environments.layer_digest, wanted))})

    return Tidying(
        environments.builder,
        [settings.data / "builds" / "repositories", settings.data / "builds" / "contents"],
        # who shares a folder does not see whose servers use what is in it
        ceiling_gib=math.inf if settings.software else settings.ceilings.software_gib,
        in_use=in_use,
        clock=clock,
    )


def make_taking(settings: AgentSettings, environments: Environments, store: Store) -> Taking:
    """Return what takes folders out of homes."""
    return Taking(settings, store, environments.builder.workshop)


def to_the_index() -> dict[str, str]:
    """Return the agent's own variables that say how to reach a package index."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


class NoSoftware:
    """For servers that are only pretended."""

    async def prefix(self, environment: str, progress: object) -> Path:
        """Return any folder."""
        return Path(sys.prefix)

    def layer(self, environment: str) -> None:
        """Nothing lies over the system."""


def _for_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's variables that servers need too: proxies, and certificates where servers see them."""
    proxies = {name: environment[name] for name in PASSED_ON if name.lower().endswith("_proxy") and name in environment}
    certificates = {
        name: environment[name]
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
        if environment.get(name, "").startswith(("/etc/ssl/certs", "/usr/"))
    }
    return proxies | certificates


def _python_prefix(python: Path) -> Path:
    return python.resolve().parent.parent
