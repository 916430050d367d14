"""How features are switched on, and with which settings."""

import pytest

from hubfleet.model.features import Builds, Features


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (True, Builds(conda="channels-or-pypi")),
        ({}, Builds(conda="channels-or-pypi")),
        ({"conda": "pypi"}, Builds(conda="pypi")),
        (False, None),
        (None, None),
    ],
)
def test_builds_are_on_or_off_or_on_with_settings(written: object, meant: Builds | None) -> None:
    """`true` means the defaults."""
    assert Features.model_validate({"builds": written}).builds == meant
