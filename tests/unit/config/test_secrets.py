"""Secrets are read at the last moment, and never shown."""

from pathlib import Path

import pyrage
import pytest

from hubfleet.config.secrets import read
from hubfleet.errors import SecretError
from hubfleet.model.secret import SecretReference


def _encrypted(folder: Path, text: str) -> Path:
    key = pyrage.x25519.Identity.generate()
    (folder / "secrets").mkdir()
    (folder / "secrets/github.age").write_bytes(pyrage.encrypt(text.encode(), [key.to_public()]))
    (folder / "key.txt").write_text(f"# made for a test\n{key}\n")
    return folder / "key.txt"


def test_an_encrypted_file_is_read_with_its_key(tmp_path: Path) -> None:
    """The line end that editors add is not part of the secret."""
    key = _encrypted(tmp_path, "hunter22\n")
    assert read(SecretReference(secret="github"), tmp_path, identity=key) == "hunter22"


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    """The error names key and secret, not what is in them."""
    _encrypted(tmp_path, "hunter22")
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(SecretError, match="does not open the secret 'github'"):
        read(SecretReference(secret="github"), tmp_path, identity=other)


def test_no_key_says_where_to_put_one(tmp_path: Path) -> None:
    """Without a key there is a hint."""
    _encrypted(tmp_path, "hunter22")
    with pytest.raises(SecretError, match="no key"):
        read(SecretReference(secret="github"), tmp_path)


def test_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other two places."""
    monkeypatch.setenv("GITHUB_SECRET", "from environment")
    (tmp_path / "given").write_text("from file\n")
    assert read(SecretReference(env="GITHUB_SECRET"), tmp_path) == "from environment"
    assert read(SecretReference(file="given"), tmp_path) == "from file"


@pytest.mark.parametrize(
    "reference",
    [SecretReference(env="NOT_SET_HERE"), SecretReference(file="none"), SecretReference(secret="none")],
)
def test_what_is_not_there_is_an_error(tmp_path: Path, reference: SecretReference) -> None:
    """Each place can lack its secret."""
    with pytest.raises(SecretError):
        read(reference, tmp_path)


def test_an_empty_secret_is_an_error(tmp_path: Path) -> None:
    """An empty password would let everybody in."""
    (tmp_path / "given").write_text("\n")
    with pytest.raises(SecretError, match="empty"):
        read(SecretReference(file="given"), tmp_path)
