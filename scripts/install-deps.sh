#!/usr/bin/env bash
# Installs what the named sections of apt-packages.txt list, and Rust where there is none.
#
#   scripts/install-deps.sh build window tests
#
# Touches nothing when everything is there already: no apt run, no sudo prompt. Where there is no apt it says in a
# sentence what to install and goes on, because the packages may be there under other names.
set -euo pipefail

cd "$(dirname "$0")/.."
list=scripts/apt-packages.txt
export PATH="$HOME/.cargo/bin:$PATH"

say() { printf '%s\n' "$*" >&2; }

# The packages of one section, one a line. Fails on a section that the file does not have.
section() {
    awk -v want="[$1]" '
        /^\[/ { in_section = ($1 == want); found = found || in_section; next }
        in_section { sub(/#.*/, ""); if (NF) print $1 }
        END { exit !found }
    ' "$list" || { say "$list has no section [$1]"; return 1; }
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "Installing packages needs root, and there is no sudo here. As root, run: $*"
        return 1
    fi
}

# Prints those of its arguments that dpkg does not know as installed.
missing_of() {
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | awk '$1 == "installed" { print $2 }' || true)
    comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed")
}

apt_updated=no
apt_install() {
    if [[ $apt_updated = no ]]; then
        as_root apt-get update -qq
        apt_updated=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install_packages() {
    local wanted=() missing=() name names
    for name in "$@"; do
        names=$(section "$name")
        mapfile -t -O "${#wanted[@]}" wanted <<<"$names"
    done
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        [[ $(uname) = Linux ]] || return 0
        say "There is no apt here. Please install what these Debian packages hold, under the names of your system: ${wanted[*]}"
        return 0
    fi
    mapfile -t missing < <(missing_of "${wanted[@]}")
    if [[ ${#missing[@]} -gt 0 ]]; then
        say "Installing: ${missing[*]}"
        apt_install "${missing[@]}"
    fi
}

install_rust() {
    local want have
    want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null; then
        if command -v apt-get >/dev/null && apt-cache show rustup >/dev/null 2>&1; then
            say "Installing Rust through rustup"
            apt_install rustup
            rustup default stable
        else
            say "Veche is written in Rust $want or newer, and there is no cargo here. Please install it as https://rustup.rs tells and run this again."
            return 1
        fi
    fi
    have=$(cargo --version | awk '{ print $2 }')
    if [[ $(printf '%s\n' "$want" "${have%%-*}" | sort -V | head -n 1) != "$want" ]]; then
        say "Veche needs Rust $want or newer, and cargo here is $have. With rustup, \`rustup update stable\` brings it; a distribution's own cargo is often older."
        return 1
    fi
}

install_packages "$@"
install_rust
