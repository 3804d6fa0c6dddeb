#!/usr/bin/env bash
# Makes sure that this machine has a running Docker Engine, Compose v2 and buildx.
#
# What is already there is left alone. What is missing is installed from Debian's
# packages, and from nowhere else: the engine needs root, the two plugins do not
# (without root they go to ~/.docker/cli-plugins). On anything but Debian this only
# says what is missing.
#
# Debian 12 has no Compose v2 and no buildx. Those of Debian 13 are single static
# programs that run on Debian 12, so they are unpacked from its packages, through a
# private apt configuration: the machine's own package sources are not changed.
set -euo pipefail

readonly PLUGIN_RELEASE=trixie
readonly COMPOSE_OLDEST=2.20 # the first with `include:`

say() { printf '==> %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }
is_debian() { [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "$ID")" = debian ]; }

APT_UPDATED=
apt_install() {
    if [ -z "$APT_UPDATED" ]; then
        say "apt-get update"
        apt-get update -qq
        APT_UPDATED=yes
    fi
    say "apt-get install $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# --- engine ------------------------------------------------------------------

wait_for_engine() {
    local tries
    for tries in $(seq 60); do
        docker info >/dev/null 2>&1 && return 0
        sleep 0.5
    done
    return 1
}

start_engine() {
    say "starting the Docker Engine"
    if [ -d /run/systemd/system ]; then
        systemctl enable --now docker >/dev/null 2>&1 || true
    elif [ -x /etc/init.d/docker ]; then
        service docker start >/dev/null 2>&1 || true
    fi
    wait_for_engine && return 0
    local log=/var/log/fairway-dockerd.log
    say "no service manager started it: running dockerd in the background, log in $log"
    setsid nohup dockerd >"$log" 2>&1 </dev/null &
    wait_for_engine || { tail -n 20 "$log" >&2; return 1; }
}

ensure_engine() {
    if ! command -v docker >/dev/null; then
        is_debian && is_root || fail "the Docker Engine is missing: install it, or run this on Debian as root"
        # fuse-overlayfs and iptables: for kernels and containers where overlay2 is refused.
        apt_install docker.io iptables fuse-overlayfs ca-certificates
        # Since Debian 13 the command line is a package of its own.
        command -v docker >/dev/null || apt_install docker-cli
    fi
    docker info >/dev/null 2>&1 && return 0
    if [ -n "${DOCKER_HOST:-}" ]; then
        fail "the Docker Engine at $DOCKER_HOST does not answer"
    fi
    is_root || fail "the Docker Engine does not answer: start it, or join the group 'docker'"
    command -v dockerd >/dev/null || fail "there is a docker command but no engine (dockerd)"
    start_engine || fail "the Docker Engine does not start"
}

# --- plugins -----------------------------------------------------------------

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

has_compose() {
    local version
    version=$(docker compose version --short 2>/dev/null) || return 1
    at_least "$COMPOSE_OLDEST" "${version#v}"
}

has_buildx() { docker buildx version >/dev/null 2>&1; }

plugin_folder() {
    if is_root; then
        echo /usr/local/lib/docker/cli-plugins
    else
        echo "${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
    fi
}

# The mirror that this machine already uses for its own Debian packages.
debian_mirror() {
    apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(ORIGIN)|$(CODENAME)' |
        awk -F'|' '$1 == "Packages" && $3 == "Debian" && $4 !~ /-/ { print $2; exit }'
}

# Unpacks the plugins named ($@: package/plugin) of Debian's $PLUGIN_RELEASE.
unpack_plugins() {
    local folder=$1 mirror work
    shift
    mirror=$(debian_mirror)
    if [ -z "$mirror" ] && is_root; then
        apt-get update -qq
        mirror=$(debian_mirror)
    fi
    [ -n "$mirror" ] || fail "apt knows no Debian mirror: run apt-get update first"
    work=$(mktemp -d)
    trap "rm -rf '$work'" EXIT
    # apt's own user must be able to write there.
    chmod 755 "$work"
    mkdir -p "$work"/{lists/partial,cache/archives/partial,parts,debs,root}
    : >"$work/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        "$mirror" "$PLUGIN_RELEASE" >"$work/sources.list"
    local private=(
        -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
        -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status"
        -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User="
    )
    say "reading the package list of Debian $PLUGIN_RELEASE (private to this step)"
    apt-get "${private[@]}" update -qq
    mkdir -p "$folder"
    local pair package plugin
    for pair in "$@"; do
        package=${pair%/*} plugin=${pair#*/}
        say "unpacking $plugin from Debian's package $package into $folder"
        (cd "$work/debs" && apt-get "${private[@]}" download -qq "$package" >/dev/null)
        dpkg -x "$work"/debs/"${package}"_*.deb "$work/root"
        install -m 755 "$(find "$work/root" -path "*/cli-plugins/$plugin" -type f | head -n 1)" \
            "$folder/$plugin"
    done
}

ensure_plugins() {
    local missing=()
    has_compose || missing+=(docker-compose/docker-compose)
    has_buildx || missing+=(docker-buildx/docker-buildx)
    [ "${#missing[@]}" -gt 0 ] || return 0
    is_debian || fail "missing Docker plugins: ${missing[*]##*/} (Compose $COMPOSE_OLDEST or newer, and buildx)"
    unpack_plugins "$(plugin_folder)" "${missing[@]}"
    has_compose || fail "docker compose still does not work: $(docker compose version 2>&1 | tail -n 1)"
    has_buildx || fail "docker buildx still does not work: $(docker buildx version 2>&1 | tail -n 1)"
}

ensure_engine
ensure_plugins
say "Docker Engine $(docker version --format '{{.Server.Version}}'), Compose $(docker compose version --short), buildx $(docker buildx version | awk '{print $2}')"
