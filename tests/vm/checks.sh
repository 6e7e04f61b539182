# Sourced in the guest: checks with a name, each in a line.
FAILED=0
NAME=
BOX="--network none --rootfs $HOME/rootfs"

tsbox() { /usr/local/bin/tsbox "$@"; }

make_rootfs() {
  local applet
  mkdir -p ~/rootfs/bin ~/counter
  cp /bin/busybox ~/rootfs/bin/
  for applet in sh sleep cat tail true dd; do ln -sf busybox ~/rootfs/bin/$applet; done
}

check() { NAME=$1; }

# Runs a function as the check that was announced; what it prints is shown when it fails.
run_check() {
  local begin=$SECONDS said
  if said=$("$1" 2>&1); then
    echo "ok    $NAME ($((SECONDS - begin)) s)"
    case $said in *used*) echo "      $(grep used <<<"$said" | paste -sd' ')" ;; esac
  else
    echo "FAIL  $NAME ($((SECONDS - begin)) s)"
    uniq <<<"$said" | sed 's/^/      /'
    FAILED=1
  fi
}

is() { [ "$1" = "$2" ] || { echo "expected '$1', not '$2'"; return 1; }; }

# eventually SECONDS COMMAND...: until it succeeds
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "not within the time: $*"; return 1; }
    sleep 0.2
  done
}

finish_checks() { exit $FAILED; }
