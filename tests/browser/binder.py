"""BinderHub's own client from npm, bundled for a page as its users bundle it."""

from pathlib import Path

from hubfleet._kit import process

CLIENT, ESBUILD = "0.5.0", "0.25.12"
_CACHE = Path(__file__).parents[2] / ".cache" / "binderhub-client"
_ENTRY = 'export { BinderRepository } from "@jupyterhub/binderhub-client/client.js";\n'


def client() -> Path:
    """Return a script after which a page has `binder.BinderRepository`; made at first use."""
    bundle = _CACHE / "bundle.js"
    if not bundle.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        packages = [f"@jupyterhub/binderhub-client@{CLIENT}", f"esbuild@{ESBUILD}"]
        install = ["npm", "install", "--no-audit", "--no-fund", f"--prefix={_CACHE}", *packages]
        process.run(install, timeout_s=300)
        (_CACHE / "entry.js").write_text(_ENTRY)
        esbuild = [str(_CACHE / "node_modules" / ".bin" / "esbuild"), "entry.js", "--bundle", "--format=iife"]
        process.run([*esbuild, "--global-name=binder", f"--outfile={bundle}"], cwd=_CACHE, timeout_s=100)
    return bundle
