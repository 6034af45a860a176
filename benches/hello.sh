#!/usr/bin/env bash
# What a first program costs: crates, CPU seconds of a cold build, and the size of the stripped program.
#
#     bash benches/hello.sh                                        # with no feature, and beside `cached`
#     bash benches/hello.sh none cluster sentinel,tls-rustls cached
#
# The programs, one cached async function each, are written to `target/hello` and stay there. Their dependencies are built
# each time. Other programs on the machine hardly change the CPU seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
TIMEFORMAT='%U %S'

manifest() {
  cat <<TOML
[package]
name = "hello"
version = "0.0.0"
edition = "2024"

[dependencies]
$1
tokio = { version = "1", features = ["macros", "rt"] }

[profile.release]
strip = true

[workspace]
TOML
}

ours() {
  cat <<'RUST'
use redis_func_cache::{Cache, CacheExt as _, cache_impl};

struct Reports;

#[cache_impl(ttl = "5m")]
impl Reports {
    async fn revenue(&self, year: u16) -> Result<u64, String> {
        Ok(u64::from(year) * 1_000)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::builder("hello").redis("redis://127.0.0.1:6379").build()?;
    println!("{}", Reports.cached(&cache).revenue(2026).await?);
    Ok(())
}
RUST
}

cached() {
  cat <<'RUST'
use cached::macros::concurrent_cached;

#[concurrent_cached(redis = true, ttl_secs = 300, map_error = r##"|error| format!("{error:?}")"##)]
async fn revenue(year: u16) -> Result<u64, String> {
    Ok(u64::from(year) * 1_000)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", revenue(2026).await?);
    Ok(())
}
RUST
}

# CPU seconds of a cold build, in the folder of the program.
build() {
  rm -rf target
  { time cargo build --quiet --offline "$@" >&2; } 2>&1 | awk 'END { printf "%.0f", $1 + $2 }'
}

printf '%-28s %7s %9s %11s %8s\n' program crates 'debug s' 'release s' KB
[[ $# -gt 0 ]] || set -- none cached
for features; do
  folder=$root/target/hello/${features//,/-}
  mkdir -p "$folder/src"
  cd "$folder"
  if [[ $features == cached ]]; then
    manifest 'cached = { version = "4.1", features = ["redis_tokio"] }' >Cargo.toml
    cached >src/main.rs
  else
    list=$([[ $features == none ]] || sed 's/[^,]*/"&"/g' <<<"$features")
    manifest "redis-func-cache = { path = \"$root\", features = [$list] }" >Cargo.toml
    ours >src/main.rs
  fi
  cp "$root/Cargo.lock" .
  # What the lock file does not have yet, cargo fetches here.
  cargo fetch --quiet
  crates=$(cargo tree --offline --edges normal,build --prefix none | sed 's/ (\*)$//' | sort -u | wc -l)
  debug=$(build)
  release=$(build --release)
  printf '%-28s %7d %9d %11d %8d\n' "$features" "$crates" "$debug" "$release" $(($(stat -c %s target/release/hello) / 1000))
done
