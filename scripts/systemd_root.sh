#!/usr/bin/env bash
# Makes a small Debian of its own below .cache/systemd-root, in which tests boot a real systemd, and from which they
# build containers; only root can.
# Never boot systemd on the machine's own files: it cleans /tmp and sets the machine's sysctls.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=systemd,systemd-sysv,dbus,python3,python3-venv,iproute2,nftables,procps,util-linux,ca-certificates
root=$PWD/.cache/systemd-root

if [ "$(id -u)" != 0 ] || [ -d /run/systemd/system ] || ! command -v apt-get >/dev/null; then
  exit 0 # nobody may boot it, or tests use the machine's own, or no Debian
fi
# Python's version is part of the software's name, so the container has this machine's own
release=$(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")
[ "$(cat "$root/made" 2>/dev/null)" != "$packages $release" ] || exit 0
case $release in
  "debian "*) source="deb http://deb.debian.org/debian ${release#* } main" ;;
  "ubuntu "*) source="deb http://archive.ubuntu.com/ubuntu ${release#* } main universe" ;;
  *) exit 0 ;;
esac

echo "making a Debian for the tests of units below .cache"
mkdir -p "$root"
{
  rm -rf --one-file-system "$root/root"
  missing=""
  command -v mmdebstrap >/dev/null || missing="mmdebstrap"
  command -v systemd-nspawn >/dev/null || missing="$missing systemd-container"
  command -v buildah >/dev/null || missing="$missing buildah"
  [ -z "$missing" ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; }
  mmdebstrap --mode=root --variant=apt --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "${release#* }" "$root/root" "$source"
} >"$root/log" 2>&1 || {
  tail -n 5 "$root/log" >&2
  echo "note: no Debian could be made, so units are not tried under a real systemd" >&2
  exit 0
}
echo "$packages $release" >"$root/made"
