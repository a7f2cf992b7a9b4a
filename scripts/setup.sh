#!/bin/sh
# Installs what building pipe needs and this machine lacks: C headers of three system libraries, and what SwiftPM itself calls.
# Says what it installs and why; does nothing, silently, when nothing is missing.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
has_library() { have pkg-config && pkg-config --exists "$1"; }
compiles() { printf '%s\n' "$2" | clang_for "$1" >/dev/null 2>&1; }
# The toolchain brings its own clang; it need not be on PATH under that name.
clang_for() {
  toolchain=$(dirname "$(command -v swift)")
  clang="$toolchain/clang"
  [ -x "$clang" ] || clang=clang
  "$clang" -x "$1" -fsyntax-only -
}

if ! have swift; then
  echo "setup: there is no \`swift\` on PATH; install Swift 6.0 or newer from https://www.swift.org/install and try again" >&2
  exit 2
fi
missing=""
reasons=""
need() { # package, why
  missing="$missing $1"
  reasons="$reasons  $1: $2
"
}

require_version() {
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\)\..*/\1/p' | head -1)
  if [ "${version:-0}" -lt 6 ]; then
    echo "setup: pipe needs Swift 6.0 or newer; this is ${version:-no Swift that starts}: $(swift --version 2>&1 | head -1)" >&2
    exit 2
  fi
}

case "$(uname -s)" in
Darwin)
  require_version
  have pkg-config || need pkgconf "finds the libraries below"
  has_library yaml-0.1 || need libyaml "reads manifests"
  PKG_CONFIG_PATH="${PKG_CONFIG_PATH:-}:/opt/homebrew/opt/libarchive/lib/pkgconfig:/usr/local/opt/libarchive/lib/pkgconfig" \
    has_library libarchive || need libarchive "reads compressed files and archives"
  [ -z "$missing" ] && exit 0
  printf 'setup: missing:\n%s' "$reasons" >&2
  if have brew; then
    echo "setup: brew install$missing"
    # shellcheck disable=SC2086
    brew install $missing
    exit 0
  fi
  echo "setup: install them with Homebrew: brew install$missing" >&2
  exit 2
  ;;
Linux) ;;
*)
  echo "setup: $(uname -s) is not supported; pipe builds on Linux and macOS" >&2
  exit 2
  ;;
esac

# A toolchain that was only unpacked may lack libraries of its own.
if have ldd; then
  tools=$(dirname "$(readlink -f "$(command -v swift)")")
  for library in $(ldd "$tools"/swift "$tools"/swift-package "$tools"/swift-driver "$tools"/lld 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\) => not found$/\1/p' | sort -u); do
    case "$library" in
    libncurses.so.6) need libncurses6 "the Swift toolchain uses it" ;;
    libsqlite3.so.0) need libsqlite3-0 "the Swift toolchain uses it" ;;
    libcurl.so.4) need libcurl4 "the Swift toolchain uses it" ;;
    libxml2.so.2) need libxml2 "the Swift toolchain uses it" ;;
    libedit.so.2) need libedit2 "the Swift toolchain uses it" ;;
    libz.so.1) need zlib1g "the Swift toolchain uses it" ;;
    libstdc++.so.6) need libstdc++6 "the Swift toolchain uses it" ;;
    esac
  done
fi
have ld.gold || need binutils "links programs"
have git || need git "fetches the Swift packages"
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates "fetches them over HTTPS"
have pkg-config || need pkg-config "finds the libraries below"
compiles c '#include <stdlib.h>' || need libc6-dev "C headers"
compiles c++ '#include <vector>' || need libstdc++-12-dev "C++ headers, for the cryptography package"
has_library yaml-0.1 || need libyaml-dev "reads manifests"
has_library libarchive || need libarchive-dev "reads compressed files and archives"
has_library sqlite3 || need libsqlite3-dev "keeps the lineage index, reads SQLite sources"
has_library zlib || need zlib1g-dev "is what libarchive decompresses with"
if [ -z "$missing" ]; then
  require_version
  exit 0
fi

printf 'setup: missing:\n%s' "$reasons" >&2
if ! have apt-get; then
  echo "setup: install them with your distribution's package manager (the names above are Debian's)" >&2
  exit 2
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! have sudo; then
    echo "setup: run as root: apt-get update && apt-get install -y$missing" >&2
    exit 2
  fi
  as_root=sudo
fi
echo "setup: ${as_root:+sudo }apt-get install$missing" >&2
install() {
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null >/tmp/pipe-setup.$$ 2>&1
}
# Fresh machines have no package lists; old lists name packages that are gone. Either way an update helps.
if [ -z "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null)" ] || ! install; then
  $as_root apt-get update -qq </dev/null >&2
  if ! install; then
    cat /tmp/pipe-setup.$$ >&2
    rm -f /tmp/pipe-setup.$$
    echo "setup: apt-get could not install$missing; the lines above say why" >&2
    exit 2
  fi
fi
rm -f /tmp/pipe-setup.$$
require_version
