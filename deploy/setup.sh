#!/bin/sh
# Sets up a checkout: .venv with the locked packages and this project, redis-server,
# rabbitmq-server, strace, libfaketime.
# Does nothing the second time, until requirements/dev.txt or pyproject.toml changes.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Installs Debian packages as root or with sudo that asks nothing; otherwise says what to install.
install_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "please install $*, then run this again"
    fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root=sudo
    else
        fail "please run: sudo apt-get install $*"
    fi
    say "installing $*"
    # The list of packages may be missing or old; a second try comes after it is brought.
    apt_install "$@" || { $as_root apt-get update -q >&2 && apt_install "$@"; } ||
        fail "apt-get could not install $*"
}

apt_install() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >&2
}

# A Python of at least 3.11, the newest first; PYTHON names another.
find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

if ! PATH="$PATH:/usr/local/bin:/usr/bin" command -v redis-server >/dev/null 2>&1; then
    # Debian's package may start a service on port 6379. Nothing here uses or stops it.
    install_packages redis-server
fi
if ! [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then
    # The same, on port 5672 and with a port mapper on 4369; the local stack has ports of its own.
    install_packages rabbitmq-server
fi
if ! command -v strace >/dev/null 2>&1; then
    # Tells the power cut's test which bytes Redis had made durable.
    install_packages strace
fi
if ! ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1; then
    # Sets the clocks of the fault campaign's processes an hour apart.
    install_packages libfaketime
fi

stamp=.venv/.setup-stamp
wanted=$(cat requirements/dev.txt pyproject.toml | sha256sum | cut -d ' ' -f 1)
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

python=$(find_python) || { install_packages python3; python=$(find_python); } ||
    fail "Python 3.11 or newer is needed: install it, or name it in PYTHON"

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        install_packages python3-venv
    fi
    say "making .venv with $python"
    "$python" -m venv --clear .venv
fi

say "installing the locked packages"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r requirements/dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation -e .
printf '%s\n' "$wanted" > "$stamp"
say "done"
