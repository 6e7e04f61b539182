#!/bin/bash
# In the guest, after it was restarted: what restart policies promise.
. /test/checks.sh

state() { tsbox inspect -f '{{.State.Status}}' "$1"; }

check "containers with always, and unless-stopped if they were not, run again"
back() {
  eventually 60 runs always && eventually 60 runs stopped && eventually 60 runs unless &&
    is exited "$(state left)" && is exited "$(state plain)" && is created "$(state never)"
}
runs() { [ "$(state "$1")" = running ]; }
run_check back

check "they have their limits again"
limited() { is 33554432 "$(tsbox exec unless cat /sys/fs/cgroup/memory.max)"; }
run_check limited

check "the unit can be taken away"
uninstall() {
  tsbox system uninstall >/dev/null && [ ! -e ~/.config/systemd/user/tsbox.service ] &&
    ! systemctl --user is-enabled tsbox.service 2>/dev/null
}
run_check uninstall

tsbox rm -f always stopped unless left plain never >/dev/null
finish_checks
