#!/usr/bin/env bash
# Makes .venv with all that hubfleet needs, from the lock file; does nothing where that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2; exit 1; }

python=""
for candidate in "${HUBFLEET_PYTHON:-}" /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
  [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python=$(command -v "$candidate"); break; fi
done
[ -n "$python" ] || fail "no Python 3.11 or newer is here" "install one: apt-get install python3, or name it in HUBFLEET_PYTHON"

# What was installed is marked with the lock's digest, so that a second call costs nothing.
wanted=$(cat uv.lock pyproject.toml scripts/setup.sh | sha256sum | cut -c1-32)-$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
[ "$(cat .venv/.hubfleet 2>/dev/null || true)" = "$wanted" ] && exit 0

echo "installing what hubfleet needs (first time: a minute or two)"
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  mkdir -p .cache
  [ -x .cache/uv/bin/python ] || "$python" -m venv .cache/uv >/dev/null 2>&1 ||
    fail "Python cannot make virtual environments here" "install its venv module: apt-get install python3-venv"
  .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.7"
  uv=.cache/uv/bin/uv
fi
env -u PYTHONDONTWRITEBYTECODE "$uv" sync --quiet --frozen --all-extras --compile-bytecode --python "$python" ||
  fail "the packages could not be installed" "read the lines above; the package index must be reachable"
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q src

# As root, each server gets a network of its own, for which the kernel's packet filter needs its command.
if [ "$(id -u)" = 0 ] && ! command -v nft >/dev/null && command -v apt-get >/dev/null; then
  echo "installing nftables, which keeps servers' networks apart"
  (apt-get install -y -qq --no-install-recommends nftables || { apt-get update -qq && apt-get install -y -qq --no-install-recommends nftables; }) >/dev/null 2>&1 ||
    echo "warning: nftables could not be installed; people's servers will share this machine's network" >&2
fi
echo "$wanted" > .venv/.hubfleet
