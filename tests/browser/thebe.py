"""thebe from npm, as its authors bundle it, and a static page that uses it, on an origin of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hubfleet._kit import process

VERSION = "0.9.3"
_CACHE = Path(__file__).parents[2] / ".cache" / "thebe"
PAGE = """\
<!doctype html>
<meta charset="utf-8">
<title>A lesson</title>
<link rel="stylesheet" href="thebe/lib/thebe.css">
<script type="text/x-thebe-config">
{{
  "bootstrap": true, "requestKernel": true,
  "useBinder": true,
  "binderOptions": {{
    "repo": "{repository}", "ref": "main", "repoProvider": "git", "binderUrl": "{hub}/services/binder",
    "savedSession": {{"enabled": false}}
  }},
  "kernelOptions": {{"name": "python3"}}
}}
</script>
<script src="thebe/lib/index.js"></script>
<h1>A lesson</h1>
<div class="thebe-status"></div>
<pre data-executable="true" data-language="python">import six; print("six is", six.__version__, 6 * 7)</pre>
"""


def package() -> Path:
    """Return the folder of the unpacked package; fetched at first use."""
    folder = _CACHE / "package"
    if not (folder / "package.json").exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        process.run(["npm", "pack", "--silent", f"thebe@{VERSION}"], cwd=_CACHE, timeout_s=300)
        process.run(["tar", "-xzf", f"thebe-{VERSION}.tgz"], cwd=_CACHE, timeout_s=100)
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files without telling of each."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the base class has it
        """Say nothing."""


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve a folder with thebe in it as a site of its own; give its origin."""
    (folder / "thebe").symlink_to(package())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://docs.localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
