#!/usr/bin/env bash
# Sees to a Chromium for the browser tests: a given one (HUBFLEET_CHROMIUM), Debian's own as root, or its packages unpacked
# below .cache as an ordinary user. Writes its path to .cache/chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache

found=${HUBFLEET_CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$found" ] && [ "$(id -u)" = 0 ]; then
  echo "installing Chromium for the browser tests"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >.cache/chromium.log 2>&1 || {
    tail -n 5 .cache/chromium.log >&2
    printf 'error: Chromium could not be installed\n  hint: name one in HUBFLEET_CHROMIUM\n' >&2
    exit 1
  }
  found=$(command -v chromium)
elif [ -z "$found" ]; then
  root=$PWD/.cache/chromium-root
  if [ ! -x "$root/usr/lib/chromium/chromium" ]; then
    echo "unpacking Chromium for the browser tests below .cache"
    mkdir -p .cache/debs "$root"
    needed=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances chromium fonts-dejavu-core |
      grep '^[a-z0-9]' | sort -u)
    missing=""
    for package in $needed; do
      dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
    done
    (cd .cache/debs && apt-get download -qq $missing)
    for deb in .cache/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
  fi
  found=$PWD/.cache/chromium-run
  cat > "$found" <<END
#!/bin/sh
export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/aarch64-linux-gnu:\${LD_LIBRARY_PATH:-}"
export FONTCONFIG_PATH="$root/etc/fonts" XDG_DATA_DIRS="$root/usr/share:/usr/share"
exec "$root/usr/lib/chromium/chromium" "\$@"
END
  chmod +x "$found"
fi
echo "$found" > .cache/chromium
