#!/usr/bin/env bash
# Installs what system.txt lists and this machine lacks: on Debian and Ubuntu as root. Elsewhere it says what is missing and how to get it.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
[ "$(uname -s)" = Linux ] || exit 0  # Qt brings all it needs on macOS and Windows

missing() {
    local libraries need package
    libraries=$(ldconfig -p)
    while read -r need package; do
        case $need in
            "" | "#"*) ;;
            lib*) grep -qF "$need " <<<"$libraries" || echo "$need $package" ;;
            *) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || command -v "$need" >/dev/null || echo "$need $package" ;;  # for a virtual screen
        esac
    done <"$(dirname "$0")/system.txt"
}

lacking=$(missing)
[ -n "$lacking" ] || exit 0
packages=$(awk '{ printf "%s ", $2 }' <<<"$lacking")
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing the system libraries of Qt and a virtual screen: $packages"
    apt-get update -qq
    # shellcheck disable=SC2086  # one word per package
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
    exit 0
fi
{
    echo "These system libraries and commands for Qt and a virtual screen are missing: $(awk '{ printf "%s ", $1 }' <<<"$lacking")"
    if command -v apt-get >/dev/null; then
        echo "Get them with: sudo apt-get install $packages"
    else
        echo "Install the packages of your distribution that hold them (on Debian they are: $packages)"
    fi
} >&2
exit 1
