"""Rules about a fleet as a whole: each wrong fact is one error, at its line."""

from pathlib import Path

import pytest

from fleets import HUB, MACHINE, errors, loaded, only_error

SHARED = "sign_in: {with: shared-password}\n"
GITHUB = "sign_in: {with: github, client_id: a, client_secret: {env: NOT_SET_HERE}}\n"
PUBLIC = {
    "fleet.yaml": "name: t\ndomain: example.org\n",
    "clusters/here.yaml": "kind: machine\nlisten: 0.0.0.0:443\nhttps: {acme: a@b.org}\n",
}


@pytest.mark.parametrize(
    ("hub", "line", "words"),
    [
        ("allow: {everyone: true}\n", 1, "`sign_in` is missing"),
        (SHARED, 1, "nobody can use the hub"),
        (GITHUB, 1, "nobody can use the hub"),
        (HUB + "cluster: hree\n", 4, "no cluster named 'hree'"),
        (HUB + "servers_on: [hree]\n", 4, "no cluster named 'hree'"),
        (HUB.replace("education", "reserch"), 1, "no preset named 'reserch'"),
        (SHARED + "allow: {groups: [staff]}\n", 2, "no group named 'staff'"),
        (HUB + "profiles: {big: {groups: [staff]}}\n", 4, "no group named 'staff'"),
        (HUB + "shared_folders: {pool: {writers: [staff]}}\n", 4, "no group named 'staff'"),
        (HUB + "groups: {staff: {from: sign_in}}\n", 4, "which tells no groups"),
        (SHARED + "allow: {people: [ana]}\nadmins:\n  - ana\n  - bob\n", 5, "the admin 'bob'"),
        (HUB + "profiles: {big: {clusters: [west]}}\n", 4, "may run on 'west'"),
        (HUB + "profiles: {big: {memory_gib: 1, memory_guarantee_gib: 2}}\n", 4, "more than `memory_gib: 1`"),
        (
            HUB + "profiles: {big: {cpu_guarantee: 1, options: {o: {choices: {c: {cpu: 0.5}}}}}}\n",
            4,
            "more than `cpu: 0.5`",
        ),
        (HUB + "culling: {idle_minutes: 5}\n", 4, "every 5 minutes"),
        (HUB + "branding: {logo: files/none.svg}\n", 4, "there is no file"),
        (HUB + "python_file: files/none.py\n", 4, "there is no file"),
        (HUB + "profiles: {big: {variables: {DB_PASSWORD: hunter2}}}\n", 4, "DB_PASSWORD looks like a secret"),
        (SHARED.replace("}", ", password: {secret: none}}") + "allow: {everyone: true}\n", 1, "no secret named 'none'"),
        (GITHUB.replace("}}", "}, organizations: [lab]}") + "staging: true\n", 2, "a client of its own"),
        (HUB + "profiles: {standard: null}\n", 4, "no profile"),
        (HUB + "features: {builds: {conda: somewhere}}\n", 4, "channels"),
    ],
)
def test_a_wrong_fact_is_one_error_at_its_line(tmp_path: Path, hub: str, line: int, words: str) -> None:
    """The rule says it once, at the line to change."""
    error = only_error(tmp_path, hub=hub)
    assert words in error.message
    assert error.where is not None
    assert (error.where.file, error.where.line) == ("hubs/sea.yaml", line)


@pytest.mark.parametrize(
    ("files", "place", "words"),
    [
        ({"clusters/here.yaml": MACHINE + "listen: 0.0.0.0:80\n"}, "clusters/here.yaml:2", "`https` is missing"),
        (
            {"clusters/here.yaml": MACHINE + "listen: 0.0.0.0:80\nhttps: off\n"},
            "clusters/here.yaml:3",
            "`https` is off",
        ),
        (
            {"clusters/here.yaml": MACHINE + "ceilings: {cpu: 0.5}\n"},
            "built-in presets/education.yaml:3",
            "above the 0.5",
        ),
        ({**PUBLIC, "fleet.yaml": "name: t\n"}, "hubs/sea.yaml:1", "no authority signs"),
        ({"hubs/two.yaml": HUB + "domain: sea.localhost\n"}, "hubs/two.yaml:4", "has the address of 'sea'"),
        ({"hubs/two.yaml": HUB + "domain: x.sea.localhost\n"}, "hubs/two.yaml:4", "where people of 'sea'"),
        ({"clusters/west.yaml": MACHINE}, "hubs/sea.yaml:1", "does not say on which cluster"),
        (
            {
                "secrets/x.age": "hunter2\n",
                "hubs/two.yaml": HUB.replace("password}", "password, password: {secret: x}}"),
            },
            "hubs/two.yaml:2",
            "not encrypted",
        ),
    ],
)
def test_a_wrong_fact_about_the_fleet_is_one_error(
    tmp_path: Path, files: dict[str, str], place: str, words: str
) -> None:
    """Rules over several files name the line to change."""
    error = only_error(tmp_path, files, hub=HUB)
    assert words in error.message
    assert str(error.where) == place


@pytest.mark.parametrize(
    ("files", "hub", "code"),
    [
        ({}, GITHUB + "allow: {everyone: true}\n", "open-to-all"),
        ({}, "sign_in: {with: native, approval: false}\nallow: {people: [ana]}\n", "open-sign-up"),
        (PUBLIC, HUB, "shared-origin"),
        ({"clusters/here.yaml": MACHINE + "network: shared\n"}, HUB, "shared-network"),
        ({}, HUB + "groups: {staff: []}\n", "empty-group"),
        ({}, HUB + "profiles: {tiny: {memory_gib: 0.1}}\n", "little-memory"),
    ],
)
def test_what_is_open_is_said_openly(tmp_path: Path, files: dict[str, str], hub: str, code: str) -> None:
    """What works but should be known is a warning."""
    assert [warning.code for warning in loaded(tmp_path, files, hub=hub).warnings] == [code]


def test_a_shared_password_of_a_class_is_not_open_to_all(tmp_path: Path) -> None:
    """The password is the fence."""
    assert loaded(tmp_path, hub=HUB).warnings == ()


def test_a_short_password_is_refused_without_showing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length is checked where it can be read, and nothing repeats it."""
    monkeypatch.setenv("SEA_PW", "hunter2")
    error = only_error(tmp_path, hub=HUB.replace("password}", "password, password: {env: SEA_PW}}"))
    assert "shorter than 8" in error.message
    assert "hunter2" not in f"{error} {error.hint}"


def test_a_secret_in_plain_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    """A password where a reference belongs is not repeated by the error."""
    error = only_error(tmp_path, hub=HUB.replace("password}", "password, password: hunter22}"))
    assert "a secret in plain text" in error.message
    assert "hunter22" not in f"{error} {error.hint}"


def test_a_broken_python_file_is_named_with_its_line(tmp_path: Path) -> None:
    """Python that cannot run is found before apply."""
    error = only_error(tmp_path, {"files/x.py": "a = 1\nb = (\n"}, hub=HUB + "python_file: files/x.py\n")
    assert str(error.where) == "files/x.py:2"


def test_a_twin_with_its_own_client_is_right(tmp_path: Path) -> None:
    """OAuth and staging go together with two clients."""
    hub = (
        GITHUB.replace("}}", "}, organizations: [lab]}")
        + "staging: {sign_in: {with: github, client_id: b, client_secret: {env: TWO}}}\n"
    )
    assert errors(tmp_path, hub=hub) == []


def test_a_long_name_leaves_no_room_for_a_twin(tmp_path: Path) -> None:
    """The twin's name must fit DNS too."""
    error = only_error(tmp_path, {f"hubs/{'a' * 25}.yaml": HUB + "staging: true\n"})
    assert "too long" in error.message
