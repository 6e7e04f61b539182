#!/bin/bash
# In the guest, as an ordinary user who has logged in: limits, pause and update are what the kernel does, not what
# is written down. Prints a line for each check; ends with 1 when one failed.
. /test/checks.sh

# A directory of the container's control group. ps and inspect do not show it: it is in the record.
group() {
  local record
  record=$(cat "$HOME/.local/share/tsbox/containers/$(tsbox inspect -f '{{.Id}}' "$1")/container.json")
  record=${record##*\"cgroup\":\"}
  echo "${record%%\"*}"
}

# How many times `events` says that a container ran out of memory.
oom_events() { tsbox events --since 10m --until 0s --filter event=oom --filter "container=$1" | wc -l; }

make_rootfs

check "without a bus and without a group of ours a limit is an error, and nothing is left"
refused_without_bus() {
  local said
  said=$(env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS tsbox run -d -m 32m $BOX true 2>&1) && return 1
  case $said in *"none is delegated to this user"*linger*) ;; *) echo "$said"; return 1 ;; esac
  [ -z "$(tsbox ps -aq)" ]
}
run_check refused_without_bus

check "doctor knows what is delegated, in a log-in whose own group is not"
delegated() { tsbox doctor | grep '^[a-z]* *cgroups' | grep '^ok.*delegated: cpuset, cpu, io, memory, pids'; }
run_check delegated

check "a container over its memory limit is killed and says so"
oom() {
  tsbox run -d --name oom -m 32m --memory-swap 32m $BOX tail /dev/zero >/dev/null &&
    is 137 "$(tsbox wait oom)" && is true "$(tsbox inspect -f '{{.State.OOMKilled}}' oom)" &&
    is 1 "$(oom_events oom)" && tsbox rm oom
}
run_check oom

check "also when it was a child that was killed, and the container goes on"
oom_child() {
  tsbox run -d --name child -m 32m --memory-swap 32m $BOX sh -c 'tail /dev/zero; exec sleep 1000' >/dev/null &&
    eventually 60 oom_is_seen child && eventually 10 oom_is_told child &&
    is running "$(tsbox inspect -f '{{.State.Status}}' child)" && tsbox rm -f child && is 1 "$(oom_events child)"
}
oom_is_told() { [ "$(oom_events "$1")" = 1 ]; }
oom_is_seen() { [ "$(tsbox inspect -f '{{.State.OOMKilled}}' "$1")" = true ]; }
run_check oom_child

check "--oom-kill-disable changes nothing, as it says"
oom_anyway() {
  local said
  said=$(tsbox run --rm -m 32m --memory-swap 32m --oom-kill-disable $BOX tail /dev/zero 2>&1)
  is 137 $? && is "WARNING: Your kernel does not support OomKillDisable. OomKillDisable discarded." "$said"
}
run_check oom_anyway

check "attached with --rm the exit status tells"
oom_attached() {
  tsbox run --rm -m 32m --memory-swap 32m $BOX tail /dev/zero
  is 137 $?
}
run_check oom_attached

check "--cpus .5 holds within 10 % over 10 s"
half() {
  tsbox run -d --name half --cpus .5 $BOX sh -c 'while :; do :; done' >/dev/null || return 1
  sleep 1
  measure half 475 525 # of 1000; the kernel gives quotas out in periods of 100 ms
}
measure() { # CONTAINER FROM TO: thousandths of a processor over 10 s
  local file before after begin end used
  file=$(group "$1")/cpu.stat
  # No process between the clock and the count: on a busy host that alone can take a second.
  begin=${EPOCHREALTIME/./}
  read -r _ before <"$file"
  sleep 10
  end=${EPOCHREALTIME/./}
  read -r _ after <"$file"
  used=$(((after - before) * 1000 / (end - begin)))
  echo "used $used/1000 of a processor"
  [ "$used" -ge "$2" ] && [ "$used" -le "$3" ]
}
run_check half

check "stats reads the same group"
stats() {
  local line cpu
  line=$(tsbox stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' half)
  echo "$line"
  cpu=${line#half }
  cpu=${cpu%%.*}
  [ "$cpu" -ge 40 ] && [ "$cpu" -le 60 ] && [[ $line == *iB\ /\ *iB\ 1 ]]
}
run_check stats

check "update changes a running container, and lasts over a restart"
updated() {
  tsbox update --cpus .25 -m 64m --memory-swap 64m --pids-limit 30 half >/dev/null &&
    is "25000 100000" "$(cat "$(group half)/cpu.max")" && measure half 225 275 &&
    tsbox restart -t 0 half >/dev/null &&
    is "25000 100000" "$(cat "$(group half)/cpu.max")" && is 67108864 "$(cat "$(group half)/memory.max")" &&
    is 0 "$(cat "$(group half)/memory.swap.max")" && is 30 "$(cat "$(group half)/pids.max")"
}
run_check updated

check "a value that the kernel refuses changes nothing"
refused_value() {
  tsbox update --cpus 1 --cpuset-cpus 77 half && return 1
  is "25000 100000" "$(cat "$(group half)/cpu.max")" && is 250000000 "$(tsbox inspect -f '{{.HostConfig.NanoCpus}}' half)"
}
run_check refused_value

check "update changes every limit of a running container"
updated_all() {
  local dir
  tsbox run -d --name every -m 64m $BOX sleep 1000 >/dev/null || return 1
  dir=$(group every)
  is 67108864 "$(cat "$dir/memory.swap.max")" &&
    tsbox update -m 96m --memory-swap 128m --memory-reservation 48m -c 2048 --cpuset-cpus 1 --cpuset-mems 0 \
      --cpu-period 20000 --cpu-quota 5000 --pids-limit 9 --blkio-weight 10 every >/dev/null &&
    is 100663296 "$(cat "$dir/memory.max")" && is 33554432 "$(cat "$dir/memory.swap.max")" &&
    is 50331648 "$(cat "$dir/memory.low")" && is 79 "$(cat "$dir/cpu.weight")" &&
    is 1 "$(cat "$dir/cpuset.cpus")" && is "5000 20000" "$(cat "$dir/cpu.max")" && is 9 "$(cat "$dir/pids.max")" &&
    is "default 1" "$(cat "$dir/io.weight")" &&
    tsbox update --memory-swap -1 --pids-limit -1 --cpu-quota -1 every >/dev/null &&
    is max "$(cat "$dir/memory.swap.max")" && is max "$(cat "$dir/pids.max")" && is "max 20000" "$(cat "$dir/cpu.max")" &&
    [[ $(tsbox stats --no-stream --format '{{.MemUsage}}' every) == *"iB / 96MiB" ]] && tsbox rm -f every
}
run_check updated_all

check "what is executed in it counts as part of it"
executed() {
  is "0::/" "$(tsbox exec half cat /proc/self/cgroup)" &&
    tsbox exec -d half sleep 1000 && eventually 10 two_in_it && tsbox rm -f half
}
two_in_it() { [ "$(wc -l <"$(group half)/cgroup.procs")" = 2 ]; }
run_check executed

check "a fork bomb stops at --pids-limit"
bomb() {
  tsbox run -d --name bomb --pids-limit 20 $BOX sh -c 'f() { f | f & f; }; f 2>/dev/null & exec sleep 1000' >/dev/null || return 1
  eventually 60 limit_was_hit || return 1
  [ "$(cat "$(group bomb)/pids.peak" 2>/dev/null || cat "$(group bomb)/pids.current")" -le 20 ] && tsbox rm -f bomb
}
limit_was_hit() { grep -q '^max [1-9]' "$(group bomb)/pids.events"; }
run_check bomb

check "pause stops a counter, and unpause lets it go on"
paused() {
  local before
  tsbox run -d --name count -v "$HOME/counter:/out" $BOX \
    sh -c 'i=0; while :; do i=$((i+1)); echo $i >/out/t; mv /out/t /out/n; done' >/dev/null &&
    eventually 20 grep -q . "$HOME/counter/n" && tsbox pause count >/dev/null || return 1
  before=$(cat "$HOME/counter/n")
  sleep 3
  is "$before" "$(cat "$HOME/counter/n")" && is paused "$(tsbox inspect -f '{{.State.Status}}' count)" || return 1
  tsbox exec count true 2>&1 | grep -q 'is paused, unpause the container before exec' || return 1
  tsbox unpause count >/dev/null
  eventually 20 counts_on "$before" && tsbox pause count >/dev/null && tsbox stop -t 1 count >/dev/null &&
    is 137 "$(tsbox inspect -f '{{.State.ExitCode}}' count)" && tsbox rm count
}
counts_on() { [ "$(cat "$HOME/counter/n")" -gt "$1" ]; }
run_check paused

check "every limit is where the kernel obeys it"
files() {
  local dir
  tsbox run -d --name all -m 64m --memory-swap 96m --memory-reservation 32m -c 512 --cpu-period 50000 \
    --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 50 --blkio-weight 500 \
    --device-read-bps /dev/vda:1mb --device-write-iops /dev/vda:100 --oom-score-adj 500 \
    $BOX sleep 1000 >/dev/null || return 1
  dir=$(group all)
  is 67108864 "$(cat "$dir/memory.max")" && is 33554432 "$(cat "$dir/memory.swap.max")" &&
    is 33554432 "$(cat "$dir/memory.low")" && is 20 "$(cat "$dir/cpu.weight")" &&
    is "20000 50000" "$(cat "$dir/cpu.max")" && is 0 "$(cat "$dir/cpuset.cpus")" && is 50 "$(cat "$dir/pids.max")" &&
    is "default 4950" "$(cat "$dir/io.weight")" && [ "$(cat "$dir/cpuset.mems")" = 0 ] &&
    is 500 "$(tsbox exec all cat /proc/1/oom_score_adj)" && grep -q 'rbps=1048576.*wiops=100' "$dir/io.max" &&
    tsbox rm -f all
}
run_check files

check "--cpuset-cpus is where its processes run, and those that are executed in it"
pinned() {
  tsbox run -d --name pinned --cpuset-cpus 1 $BOX sleep 1000 >/dev/null &&
    is 1 "$(tsbox exec pinned cat /proc/self/status | allowed)" && tsbox update --cpuset-cpus 0 pinned >/dev/null &&
    is 0 "$(tsbox exec pinned cat /proc/1/status | allowed)" && tsbox rm -f pinned >/dev/null || return 1
  tsbox run --rm --cpuset-cpus 77 $BOX true 2>&1 | grep -q 'the processors must exist'
}
allowed() { sed -n 's/^Cpus_allowed_list:\t//p'; }
run_check pinned

check "--device-write-bps holds"
rated() {
  local free slow
  free=$(written) && slow=$(written --device-write-bps /dev/vda:1mb) || return 1
  echo "used $slow ms for 6 MB, else $free ms"
  [ "$slow" -ge 5000 ] && [ "$slow" -le 12000 ] && [ "$free" -lt $((slow / 2)) ]
}
# Milliseconds that 6 MB take to be on the disk, without the start of the container.
written() {
  local real
  real=$(tsbox run --rm "$@" $BOX sh -c 'time dd if=/dev/zero of=/written bs=64k count=96 conv=fsync' 2>&1) || return 1
  rm ~/rootfs/written
  real=$(sed -n 's/^real\t0m \([0-9]*\)\.\([0-9]*\)s$/\1\20/p' <<<"$real")
  echo $((10#$real))
}
run_check rated

check "a slice can be its parent, anything else is refused"
parent() {
  local wrong
  tsbox run -d --name sliced --cgroup-parent tsbox-test.slice $BOX sleep 1000 >/dev/null &&
    [[ $(group sliced) == */tsbox-test.slice/*/container ]] && tsbox rm -f sliced >/dev/null || return 1
  for wrong in /elsewhere 'two words.slice'; do
    tsbox run --rm --cgroup-parent "$wrong" $BOX true 2>&1 | grep -q 'should be a valid slice' || return 1
  done
}
run_check parent

check "without a bus a group of the caller's own does as well, and paths below it"
own_subtree() {
  local said
  said=$(systemd-run --user --scope --quiet -p Delegate=yes env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS \
    bash -c '. /test/checks.sh
      tsbox run -d --name own -m 32m --memory-swap 32m --cgroup-parent kids/deep $BOX tail /dev/zero >/dev/null
      tsbox wait own; tsbox inspect -f "{{.State.OOMKilled}} {{.HostConfig.CgroupParent}}" own; tsbox rm own')
  is "137,true kids/deep,own" "${said//$'\n'/,}"
}
run_check own_subtree

check "--cgroupns host shows where it is, and private does not"
namespaces() {
  is "0::/" "$(tsbox run --rm -m 32m $BOX cat /proc/self/cgroup)" &&
    [[ $(tsbox run --rm -m 32m --cgroupns host $BOX cat /proc/self/cgroup) == */tsbox-*.scope/container ]]
}
run_check namespaces

check "nothing is left when a monitor is killed"
killed() {
  local pid dir
  tsbox run -d --name dead -m 32m $BOX sleep 1000 >/dev/null || return 1
  dir=$(group dead)
  for pid in $(cat "${dir%/container}/tsbox-engine/cgroup.procs"); do
    case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *@monitor*) kill -9 "$pid" ;; esac
  done
  eventually 20 is_gone "$dir" && is exited "$(tsbox inspect -f '{{.State.Status}}' dead)" && tsbox rm dead
}
is_gone() { [ ! -e "$1" ]; }
run_check killed

check "no scope is left"
eventually_no_scope() { eventually 20 no_scope; }
no_scope() {
  local scopes
  scopes=$(systemctl --user list-units --plain --no-legend 'tsbox-*.scope')
  [ -z "$scopes" ] || { systemd-cgls --no-pager -u "${scopes%% *}" || echo "$scopes"; return 1; }
}
run_check eventually_no_scope

. /test/journal.sh

check "containers for the next boot"
wanted() {
  tsbox system install >/dev/null || return 1
  tsbox run -d --restart always --name always $BOX sleep 1000 >/dev/null &&
    tsbox run -d --restart always --name stopped $BOX sleep 1000 >/dev/null && tsbox stop -t 0 stopped >/dev/null &&
    tsbox run -d --restart unless-stopped -m 32m --name unless $BOX sleep 1000 >/dev/null &&
    tsbox run -d --restart unless-stopped --name left $BOX sleep 1000 >/dev/null && tsbox stop -t 0 left >/dev/null &&
    tsbox run -d --name plain $BOX sleep 1000 >/dev/null &&
    tsbox create --restart always --name never $BOX sleep 1000 >/dev/null
}
run_check wanted

finish_checks
