"""An environment as a container's recipe: for Docker and Podman, and for Apptainer. Pure.

The server's own software is apart from the notebooks', as on a hub, and the repository's files lie outside the home, so
that a home that is mounted does not hide them.
"""

import shlex
from importlib.resources import files as of_package
from string import Template

from hubfleet.agent.environments import locks
from hubfleet.agent.environments.datasets import hosts
from hubfleet.protocol.exports import ExportRequest

PYTHON_IMAGE = "docker.io/library/python:{python}-slim"
MICROMAMBA_IMAGE = "docker.io/mambaorg/micromamba:2"
_BASE, _ENVIRONMENT, _TOOLS, _REPOSITORY = "/opt/base", "/opt/environment", "/opt/tools", "/srv/repository"
_PIP = "--no-cache-dir --no-deps --require-hashes --only-binary :all:"


def files(asked: ExportRequest, lock: str, base_lock: str, python: str) -> dict[str, str]:
    """Return the files of a recipe by their names.

    Args:
        asked: what it shall hold.
        lock: canonical text.
        base_lock: of what serves notebooks.
        python: the exact version of the cluster's.
    """
    is_data = asked.content is not None and hosts.may_be(asked.content.repository, hosts.KNOWN)
    if is_data:
        # what git cannot fetch is put beside, as what needs a token
        asked = asked.model_copy(update={"private": True})
    image = PYTHON_IMAGE.format(python=".".join(python.split(".")[:2]))
    distribution, _, rest = locks.debian_release(lock).partition("-")
    if distribution == "debian":
        image += f"-{rest.rpartition('-')[0]}"
    of_pypi, of_channels = locks.requirements(lock), locks.conda_packages(lock)
    found = {"base.txt": locks.requirements(locks.canonical(base_lock)), "environment.txt": of_pypi}
    if of_channels:
        lines = [f"https://conda.anaconda.org/{item.channel}/{item.subdir}/{item.file_name}" for item in of_channels]
        hashes = [f"#sha256:{item.sha256}" for item in of_channels]
        found["conda.txt"] = "@EXPLICIT\n" + "".join(f"{line}{end}\n" for line, end in zip(lines, hashes, strict=True))
    if asked.content and locks.own(lock):
        found["tools.txt"] = locks.requirements(locks.tools(lock))
    told = {
        "digest": locks.digest(lock)[:12],
        "image": image,
        "micromamba": MICROMAMBA_IMAGE,
        "base": _BASE,
        "environment": _ENVIRONMENT,
        "repository": _REPOSITORY,
        "files": " ".join(found),
        "work": _REPOSITORY if asked.content else "/home/jovyan",
    }
    steps = _steps(asked, lock)
    return {
        "README.md": _filled("README.md", told | {"clone": _clone_beside(asked, is_data=is_data)}),
        "Dockerfile": _dockerfile(asked, told, steps, conda=bool(of_channels)),
        "apptainer.def": _apptainer(asked, told, steps, list(found), conda=bool(of_channels)),
        **found,
    }


def _steps(asked: ExportRequest, lock: str) -> list[str]:
    """Return what is run as root, after all files are there."""
    pip = f"{_BASE}/bin/pip"
    steps = ["useradd --create-home --uid 1000 --shell /bin/bash jovyan", *_of_debian(lock)]
    if asked.content and not asked.private:
        steps += [
            "apt-get update && apt-get install -y --no-install-recommends ca-certificates git "
            "&& rm -rf /var/lib/apt/lists/*",
            f"git init --quiet {_REPOSITORY} && cd {_REPOSITORY} "
            # servers may refuse commits and give only what has a name
            f"&& git remote add origin {shlex.quote(asked.content.repository)} "
            f"&& (git fetch --quiet --depth=1 origin {asked.content.commit} || git fetch --quiet --tags origin) "
            f"&& git checkout --quiet {asked.content.commit}",
        ]
    steps += [f"python3 -m venv {_BASE} && {pip} install {_PIP} -r /opt/base.txt"]
    if locks.conda_packages(lock):
        steps.append(f"micromamba create --yes --quiet --prefix {_ENVIRONMENT} --file /opt/conda.txt")
    else:
        steps.append(f"python3 -m venv --without-pip {_ENVIRONMENT}")
    if locks.requirements(lock):
        steps.append(f"{pip} --python {_ENVIRONMENT}/bin/python install {_PIP} -r /opt/environment.txt")
    if asked.content:
        steps += _own(lock)
    steps.append(f"{_ENVIRONMENT}/bin/python -m ipykernel install --prefix {_BASE} --name python3")
    if asked.content:
        steps.append(f"chown -R jovyan: {_REPOSITORY}")
    if asked.content and locks.post_build(lock):
        steps += [
            f"chown -R jovyan: {_ENVIRONMENT}",
            f"cd {_REPOSITORY} && for script in binder/postBuild .binder/postBuild postBuild; do "
            "if [ -f $script ]; then chmod +x $script; "
            "exec setpriv --reuid=jovyan --regid=jovyan --init-groups env HOME=/home/jovyan "
            f"PATH={_ENVIRONMENT}/bin:$PATH ./$script; fi; done",
        ]
    return steps


def _of_debian(lock: str) -> list[str]:
    """Return what installs Debian packages in the lock's versions, as long as the archives have them."""
    names = [*locks.of_system(lock), *(f"{item.name}={item.version}" for item in locks.debian_packages(lock))]
    if not names:
        return []
    return [
        "apt-get update && apt-get install -y --no-install-recommends --allow-downgrades "
        f"{' '.join(map(shlex.quote, names))} && rm -rf /var/lib/apt/lists/*"
    ]


def _own(lock: str) -> list[str]:
    """Return what builds the packages that the repository is itself, apart from its files."""
    folders = [item.folder for item in locks.own(lock)]
    if not folders:
        return []
    python, wheels = f"{_TOOLS}/bin/python", "/tmp/own/wheels"  # noqa: S108 - within the container
    return [
        f"python3 -m venv {_TOOLS} && {_BASE}/bin/pip --python {python} install {_PIP} -r /opt/tools.txt",
        f"cp -r {_REPOSITORY} /tmp/own && cd /tmp/own"
        + "".join(
            f" && {python} -m pip wheel --no-deps --no-build-isolation --wheel-dir {wheels} "
            + shlex.quote(f"./{folder}")
            for folder in folders
        )
        + f" && {_BASE}/bin/pip --python {_ENVIRONMENT}/bin/python install --no-cache-dir --no-deps {wheels}/*.whl"
        + " && rm -r /tmp/own",
    ]


def _dockerfile(asked: ExportRequest, told: dict[str, str], steps: list[str], *, conda: bool) -> str:
    micromamba = f"COPY --from={MICROMAMBA_IMAGE} /bin/micromamba /usr/local/bin/micromamba\n" if conda else ""
    beside = f"COPY repository {_REPOSITORY}\n" if asked.content and asked.private else ""
    run = "".join(f"RUN {step}\n" for step in steps)
    return _filled("Dockerfile", told | {"copies": micromamba + beside, "run": run})


def _apptainer(asked: ExportRequest, told: dict[str, str], steps: list[str], names: list[str], *, conda: bool) -> str:
    lines = [f"    {name} /opt/{name}" for name in names]
    if asked.content and asked.private:
        lines.append(f"    repository {_REPOSITORY}")
    stage = f"Bootstrap: docker\nFrom: {MICROMAMBA_IMAGE}\nStage: micromamba\n\n" if conda else ""
    of_stage = "%files from micromamba\n    /bin/micromamba /usr/local/bin/micromamba\n\n" if conda else ""
    run = "".join(f"    ({step})\n" for step in steps)
    more = {"stage": stage, "of_stage": of_stage, "copied": "\n".join(lines), "run": run}
    return _filled("apptainer.def", told | more)


def _clone_beside(asked: ExportRequest, *, is_data: bool) -> str:
    if not asked.content or not asked.private:
        return ""
    if is_data:
        return (
            f"\nThe files are a data set's, {asked.content.repository}: put them into a folder `repository` beside the "
            "Dockerfile first, as a server has them in its copy.\n"
        )
    return (
        "\nThe repository is private: put a clone of it beside the Dockerfile first.\n\n"
        f"    git clone {shlex.quote(asked.content.repository)} repository\n"
        f"    git -C repository checkout {asked.content.commit}\n"
    )


def _filled(name: str, told: dict[str, str]) -> str:
    text = of_package("hubfleet.agent.environments").joinpath("recipe", f"{name}.in").read_text()
    return Template(text).substitute(told)
