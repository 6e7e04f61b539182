# Sourced: Debian packages, installed only when missing and only with consent.

# What the tests need. `make` itself and git are how the reader got here.
TEST_PACKAGES="ca-certificates curl procps iproute2 uidmap fuse-overlayfs passt slirp4netns docker-registry
  busybox-static binutils binutils-aarch64-linux-gnu qemu-user-static libc6-arm64-cross attr zstd skopeo
  apache2-utils openssl util-linux umoci podman tmux"
DEMO_PACKAGES="ca-certificates uidmap fuse-overlayfs passt docker-registry busybox-static util-linux"
VM_PACKAGES="mmdebstrap qemu-system-x86 qemu-utils e2fsprogs cpio"
BENCH_PACKAGES="$TEST_PACKAGES hyperfine crun bubblewrap"

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# Runs a command as root: directly, or through sudo once the user has said yes.
with_consent() {
  local why=$1 answer
  shift
  if [ "$(id -u)" = 0 ]; then
    "$@"
    return
  fi
  echo "To $why, this has to run as root:"
  echo "    sudo $*"
  [ -t 0 ] && [ -t 1 ] || die "not on a terminal, so nobody can be asked; run the command above, then this again"
  command -v sudo >/dev/null || die "sudo is not installed; run the command above as root, then this again"
  read -r -p "Run it now? [y/N] " answer
  case $answer in
    y | Y | yes) sudo "$@" ;;
    *) die "stopped: nothing was changed" ;;
  esac
}

# need_packages NAME...: makes sure that each is installed. Debian and Ubuntu only.
need_packages() {
  local names
  command -v dpkg-query >/dev/null || die "only Debian and Ubuntu are set up automatically; install by hand: $*"
  names=$(missing_packages "$@")
  [ -n "$names" ] || return 0
  names=$(echo "$names" | tr '\n' ' ')
  echo "Missing packages: $names"
  # shellcheck disable=SC2086
  with_consent "install them" sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update -qq
    apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install -y -qq --no-install-recommends "$@"
  ' apt $names
  names=$(missing_packages "$@")
  [ -z "$names" ] || die "still missing after apt-get install: $names"
}

# Node runs npm, which brings the pinned Bun; a newer one from elsewhere is as good as Debian's.
need_node() {
  local wanted=""
  command -v node >/dev/null || wanted="nodejs"
  command -v npm >/dev/null || wanted="$wanted npm"
  # shellcheck disable=SC2086
  [ -z "$wanted" ] || need_packages $wanted
}
