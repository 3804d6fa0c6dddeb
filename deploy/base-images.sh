#!/usr/bin/env bash
# Sees to it that the base images of deploy/Dockerfile are there.
#
# Where a registry can be reached, that is where they come from. Where none can,
# images of the same names are made here: Debian's by debootstrap from the mirror
# that this machine uses, the Rust one from that and this machine's Rust toolchain,
# each with this machine's CA bundle, so that builds inside trust what it trusts.
#
# An image that is there is kept; one that was made here is made again when the
# toolchain or the CA bundle it was made from has changed.
set -euo pipefail

# The names in deploy/Dockerfile.
readonly DEBIAN_IMAGE=debian:bookworm-slim
readonly RUST_IMAGE=rust:1-slim-bookworm
readonly SUITE=bookworm
readonly CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
readonly LABEL=fairway.made-from

say() { printf '==> %s\n' "$*"; }
fail() { printf 'base-images: %s\n' "$*" >&2; exit 1; }

WORK=
cleanup() { [ -z "$WORK" ] || rm -rf --one-file-system "$WORK"; }
trap cleanup EXIT

# --- what is there -----------------------------------------------------------

exists() { docker image inspect "$1" >/dev/null 2>&1; }

# "made-from" label of an image; empty for one that came from a registry.
made_from() { docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null || true; }

# An image is good when it came from a registry, or was made from what is here now.
good() {
    exists "$1" || return 1
    local from
    from=$(made_from "$1")
    [ -z "$from" ] || [ "$from" = "$2" ]
}

ca_digest() { if [ -r "$CA_BUNDLE" ]; then sha256sum "$CA_BUNDLE" | cut -c1-16; else echo none; fi; }

rustc_version() { command -v rustc >/dev/null && rustc --version | awk '{print $2}' || echo none; }

# --- Debian ------------------------------------------------------------------

ensure_debootstrap() {
    command -v debootstrap >/dev/null && return 0
    say "apt-get install debootstrap"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends debootstrap >/dev/null
}

debian_mirror() {
    apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(ORIGIN)|$(CODENAME)' |
        awk -F'|' '$1 == "Packages" && $3 == "Debian" && $4 !~ /-/ { print $2; exit }'
}

# What a container never reads: manuals, translations, package lists.
slim() {
    local root=$1
    find "$root/usr/share/doc" -mindepth 1 -not -name copyright -not -type d -delete
    find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
    rm -rf "$root"/usr/share/{man,info,locale,lintian,groff,linda}/* \
        "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* \
        "$root"/var/cache/debconf/*-old "$root"/debootstrap
}

# Makes one root file system ($1: folder, $2: extra packages, comma separated).
bootstrap() {
    local root=$1 extra=$2 mirror
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || fail "apt knows no Debian mirror: run apt-get update first"
    debootstrap --variant=minbase ${extra:+--include="$extra"} \
        "$SUITE" "$root" "$mirror" >"$WORK/debootstrap.log" 2>&1 ||
        { tail -n 20 "$WORK/debootstrap.log" >&2; fail "debootstrap failed"; }
    if [ -r "$CA_BUNDLE" ]; then
        install -D -m 644 "$CA_BUNDLE" "$root$CA_BUNDLE"
    fi
    # The folder that debootstrap was given is private to root; an image's / is not.
    chmod 755 "$root"
    slim "$root"
}

make_debian() {
    local from=$1 root=$WORK/debian
    say "making $DEBIAN_IMAGE with debootstrap (no registry can be reached)"
    bootstrap "$root" ""
    tar -C "$root" --numeric-owner --one-file-system -c . |
        docker import --change 'CMD ["bash"]' --change "LABEL $LABEL=$from" - "$DEBIAN_IMAGE" >/dev/null
    rm -rf --one-file-system "$root"
}

# --- Rust --------------------------------------------------------------------

# The parts of the toolchain that a build reads: no manuals, no formatter.
copy_toolchain() {
    local from=$1 to=$2
    mkdir -p "$to"/{bin,lib/rustlib,libexec}
    cp -a "$from"/bin/{cargo,rustc} "$to/bin/"
    cp -a "$from"/lib/*.so* "$to/lib/"
    cp -a "$from/lib/rustlib/$(rustc -vV | awk '/^host/ {print $2}')" "$to/lib/rustlib/"
    if [ -d "$from/libexec" ]; then cp -a "$from/libexec/." "$to/libexec/"; fi
}

make_rust() {
    local from=$1 root=$WORK/rust
    command -v rustc >/dev/null && command -v cargo >/dev/null ||
        fail "no registry can be reached and this machine has no Rust toolchain: cannot make $RUST_IMAGE"
    say "making $RUST_IMAGE with debootstrap and Rust $(rustc_version) of this machine"
    bootstrap "$root" gcc,libc6-dev,ca-certificates
    # Where the image of that name in the registry has its toolchain.
    copy_toolchain "$(rustc --print sysroot)" "$root/usr/local/rustup/toolchains/local"
    mkdir -p "$root/usr/local/cargo/bin"
    ln -s ../../rustup/toolchains/local/bin/{cargo,rustc} "$root/usr/local/cargo/bin/"
    tar -C "$root" --numeric-owner --one-file-system -c . |
        docker import \
            --change 'ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup' \
            --change 'ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            --change 'CMD ["bash"]' --change "LABEL $LABEL=$from" - "$RUST_IMAGE" >/dev/null
    rm -rf --one-file-system "$root"
    docker run --rm --network none "$RUST_IMAGE" rustc --version >/dev/null ||
        { docker image rm "$RUST_IMAGE" >/dev/null; fail "the toolchain copied into $RUST_IMAGE does not run"; }
}

# --- main --------------------------------------------------------------------

main() {
    local debian_from rust_from
    debian_from=ca-$(ca_digest)
    rust_from=rust-$(rustc_version)-ca-$(ca_digest)
    if good "$DEBIAN_IMAGE" "$debian_from" && good "$RUST_IMAGE" "$rust_from"; then
        say "base images are there: $DEBIAN_IMAGE, $RUST_IMAGE"
        return 0
    fi
    # The small one tells whether there is a registry; the build fetches the other.
    if timeout 180 docker pull --quiet "$DEBIAN_IMAGE" >/dev/null 2>&1; then
        say "a registry can be reached: nothing to make"
        return 0
    fi
    [ "$(id -u)" = 0 ] || fail "no registry can be reached: making $DEBIAN_IMAGE and $RUST_IMAGE needs root"
    ensure_debootstrap
    WORK=$(mktemp -d -p "${TMPDIR:-/var/tmp}" fairway-base.XXXXXX)
    good "$DEBIAN_IMAGE" "$debian_from" || make_debian "$debian_from"
    good "$RUST_IMAGE" "$rust_from" || make_rust "$rust_from"
    docker image ls --format '    {{.Repository}}:{{.Tag}} {{.Size}}' --filter "label=$LABEL"
}

main "$@"
