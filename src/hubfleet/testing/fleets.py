"""Makes fleets of any size, for tests and benchmarks of everything that reads one."""

from pathlib import Path

_KINDS = (
    "sign_in: {with: github, client_id: client-%(number)d, client_secret: {secret: github}, organizations: [lab]}",
    "sign_in: {with: native}",
    "sign_in: {with: shared-password}\nallow: {everyone: true}",
    "sign_in:\n  with: cilogon\n  client_id: client-%(number)d\n  client_secret: {secret: github}\n"
    "  identity_providers: {https://idp.example.org: {domains: [example.org]}}",
)
_PRESETS = ("education", "research", "event", "lab")


def write_fleet(directory: Path, *, hubs: int, clusters: int, staging: bool = False) -> Path:
    """Write a fleet that is right, as varied as real ones, into a folder; return the folder."""
    for name in ("hubs", "clusters", "presets", "secrets"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / "fleet.yaml").write_text(
        "name: many\ndomain: hubs.example.org\noperators: [ada]\ndefaults: {culling: {max_age_hours: 48}}\n"
    )
    (directory / "presets/lab.yaml").write_text("extends: research\nhome: {quota_gib: 200}\nnamed_servers: 2\n")
    (directory / "secrets/github.age").write_text("age-encryption.org/v1\n")
    for number in range(clusters):
        (directory / f"clusters/cluster-{number}.yaml").write_text(
            f"kind: machine\nlisten: 10.0.{number}.1:443\nhttps: {{acme: ada@example.org}}\n"
            "ceilings: {cpu: 16, memory_gib: 64}\n"
        )
    for number in range(hubs):
        (directory / f"hubs/hub-{number}.yaml").write_text(_hub(number, f"cluster-{number % clusters}", staging))
    return directory


def _hub(number: int, cluster: str, staging: bool) -> str:
    own = "staging: true\n" if staging and number % 4 in (1, 2) else ""
    return f"""\
preset: {_PRESETS[number % len(_PRESETS)]}
title: Hub {number}
cluster: {cluster}
{_KINDS[number % len(_KINDS)] % {"number": number}}
admins: [admin-{number}]
groups: {{staff: [admin-{number}, ada]}}
profiles: {{large: {{title: Large, cpu: 8, memory_gib: 32, groups: [staff]}}}}
{own}"""
