# Sourced: the account that runs tsbox. Started by root that is the ordinary user `tsbox`, made here;
# started by anyone else it is their own. Nothing of tsbox ever runs as root.

if [ "$(id -u)" = 0 ]; then ACCOUNT=tsbox; else ACCOUNT=$(id -un); fi

has_subordinate_ids() {
  grep -q "^$ACCOUNT:" /etc/subuid 2>/dev/null && grep -q "^$ACCOUNT:" /etc/subgid 2>/dev/null
}

# The first range of 65536 ids above every one handed out.
next_subordinate_id() {
  cat /etc/subuid /etc/subgid 2>/dev/null |
    awk -F: 'BEGIN { next_id = 100000 } $2 + $3 > next_id { next_id = $2 + $3 } END { print next_id }'
}

# What every desktop's udev rules do, and a bare container or build machine does not.
open_device() {
  [ -c "$1" ] || return 0
  [ "$(stat -c %a "$1")" = 666 ] || with_consent "let ordinary users open $1" chmod 0666 "$1"
}

# Ubuntu 24.04 takes capabilities in user namespaces from unconfined programs; Debian 10 forbids them.
allow_user_namespaces() {
  local knob=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
  if [ "$(cat $knob 2>/dev/null)" = 1 ]; then
    with_consent "allow user namespaces until the next boot" sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=0
  fi
  knob=/proc/sys/kernel/unprivileged_userns_clone
  if [ "$(cat $knob 2>/dev/null)" = 0 ]; then
    with_consent "allow user namespaces until the next boot" sysctl -q -w kernel.unprivileged_userns_clone=1
  fi
}

prepare_account() {
  local start
  if [ "$(id -u)" = 0 ] && ! id "$ACCOUNT" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash "$ACCOUNT"
  fi
  if ! has_subordinate_ids; then
    start=$(next_subordinate_id)
    with_consent "give $ACCOUNT subordinate ids" usermod \
      --add-subuids "$start-$((start + 65535))" --add-subgids "$start-$((start + 65535))" "$ACCOUNT"
  fi
  open_device /dev/fuse
  open_device /dev/net/tun
  allow_user_namespaces
  prepare_runtime_dir
}

# /run/user/UID, which logind makes at log-in; a fresh 0700 folder where there is no logind.
prepare_runtime_dir() {
  if [ "$(id -u)" != 0 ]; then
    RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
    return
  fi
  RUNTIME_DIR=/run/user/$(id -u "$ACCOUNT")
  mkdir -p /run/user
  install -d -m 0700 -o "$ACCOUNT" -g "$(id -gn "$ACCOUNT")" "$RUNTIME_DIR"
}

account_home() {
  getent passwd "$ACCOUNT" | cut -d: -f6
}

# A control group of the account's own, where root may make one, as systemd gives every user who logs in; the
# tests of pause need it and pass over themselves without. Sets GROUP to its directory, or to nothing.
delegate_group() {
  local mount
  GROUP=
  [ "$(id -u)" = 0 ] || return 0
  for mount in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ -e "$mount/cgroup.controllers" ] || continue
    mkdir "$mount/tsbox-tests-$$" "$mount/tsbox-tests-$$/tests" 2>/dev/null || return 0
    GROUP=$mount/tsbox-tests-$$
    chown "$ACCOUNT:" "$GROUP" "$GROUP"/cgroup.{procs,threads,subtree_control} \
      "$GROUP/tests" "$GROUP"/tests/cgroup.{procs,threads,subtree_control}
    return 0
  done
}

drop_group() {
  [ -n "${GROUP:-}" ] || return 0
  echo 1 >"$GROUP/cgroup.kill"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$GROUP" -depth -type d -exec rmdir {} + 2>/dev/null && return 0
    sleep 0.1
  done
}

# as_account DIR CMD...: runs it there as the account, with nothing of root's environment.
as_account() {
  local dir=$1
  shift
  if [ "$(id -u)" != 0 ]; then
    (cd "$dir" && XDG_RUNTIME_DIR=$RUNTIME_DIR "$@")
    return
  fi
  (cd "$dir" && { [ -z "${GROUP:-}" ] || echo $BASHPID >"$GROUP/tests/cgroup.procs"; } && setpriv --reuid="$ACCOUNT" --regid="$ACCOUNT" --init-groups --inh-caps=-all \
    env -i HOME="$(account_home)" USER="$ACCOUNT" LOGNAME="$ACCOUNT" SHELL=/bin/bash LANG=C.UTF-8 \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin TERM="${TERM:-dumb}" CI="${CI:-}" \
    XDG_RUNTIME_DIR="$RUNTIME_DIR" "$@")
}

# share_tree: sets TREE to a copy of this tree that the account can read and write (root), or to this
# tree itself. node_modules is copied once per lock file. Removed by drop_tree.
share_tree() {
  TREE=$ROOT
  [ "$(id -u)" = 0 ] || return 0
  local home shared key
  home=$(account_home)
  [ -n "$home" ] && [ -d "$home" ] || die "the account $ACCOUNT has no home directory"
  key=$(sha256sum "$ROOT/package-lock.json" | cut -c1-16)
  shared=$home/.cache/tsbox-tests/node_modules-$key
  as_account / mkdir -p "$home/.cache/tsbox-tests"
  if [ ! -d "$shared" ]; then
    rm -rf "$shared.part"
    cp -a --reflink=auto "$ROOT/node_modules" "$shared.part"
    chown -R "$ACCOUNT:" "$shared.part"
    mv -T "$shared.part" "$shared"
  fi
  TREE=$(as_account / mktemp -d "$home/.cache/tsbox-tests/tree.XXXXXX")
  tar -C "$ROOT" --exclude=./node_modules --exclude=./.git -cf - . |
    as_account "$TREE" tar -xf - --no-same-owner
  ln -s "$shared" "$TREE/node_modules"
}

drop_tree() {
  if [ "$(id -u)" = 0 ] && [ "${TREE:-$ROOT}" != "$ROOT" ]; then rm -rf "$TREE"; fi
}
