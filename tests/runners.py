"""A composite GitHub Action, its steps run as a runner runs them.

https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax, and the page on variables beside it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hubfleet._kit import process
from hubfleet._kit.process import Finished

_EXPRESSION = re.compile(r"\$\{\{\s*(?P<inside>.*?)\s*\}\}")
_KNOWN = {"name", "id", "shell", "env", "run"}


@dataclass
class Runner:
    """One job on a machine that has no other."""

    action: Path
    """Folder of the action.yml."""
    workspace: Path
    temp: Path
    github: Mapping[str, str]
    """The `github` context, as far as the action reads it."""
    outputs: dict[str, str] = field(default_factory=dict)

    def run(self, **given: str) -> list[Finished]:
        """Run all steps up to the first that fails; return how each ended."""
        metadata: Any = YAML(typ="safe").load(self.action / "action.yml")
        inputs = self._inputs(metadata["inputs"], {name.replace("_", "-"): value for name, value in given.items()})
        assert metadata["runs"]["using"] == "composite"
        ended: list[Finished] = []
        for number, step in enumerate(metadata["runs"]["steps"]):
            assert set(step) <= _KNOWN, f"this runner does not know all of {sorted(step)}"
            ended.append(self._step(number, step, inputs))
            if ended[-1].status:
                return ended
        found = {name: self._filled(output["value"], {}) for name, output in metadata["outputs"].items()}
        self.outputs = found
        return ended

    def _inputs(self, described: Any, given: Mapping[str, str]) -> dict[str, str]:
        assert set(given) <= set(described), f"the action has no input {set(given) - set(described)}"
        found = {}
        for name, entry in described.items():
            assert name in given or not entry.get("required"), f"the input {name} is required"
            found[name] = given[name] if name in given else self._filled(str(entry.get("default", "")), {})
        return found

    def _step(self, number: int, step: Any, inputs: Mapping[str, str]) -> Finished:
        assert step["shell"] == "bash"
        assert not _EXPRESSION.search(step["run"]), "what an input says would be run as code"
        script, said = self.temp / f"step-{number}.sh", self.temp / f"output-{number}"
        script.write_text(step["run"])
        said.touch()
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HUBFLEET"))},
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(said),
            "GITHUB_STEP_SUMMARY": str(self.temp / f"summary-{number}"),
            "RUNNER_TEMP": str(self.temp),
            **{name: self._filled(str(value), inputs) for name, value in step.get("env", {}).items()},
        }
        # `shell: bash` is documented to run it like this
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = process.run(command, env=variables, cwd=self.workspace, check=False, timeout_s=900)
        for line in said.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step.get('id', '')}.outputs.{name}"] = value
        return done

    def _filled(self, text: str, inputs: Mapping[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            inside = found["inside"]
            kind, _, name = inside.partition(".")
            return {"inputs": inputs, "github": self.github}[kind][name] if kind != "steps" else self.outputs[inside]

        return _EXPRESSION.sub(value, text)
