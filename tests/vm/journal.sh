# Sourced by limits.sh in the guest: the log driver journald, with systemd's journal.

# journal FIELD=VALUE...: the messages of entries that have all of these, a line each
journal() { journalctl --quiet --no-pager --output=cat --all "$@"; }

check "journald gets every line with docker's fields, and logs reads them back"
journald() {
  local id
  tsbox run -d --name logged --log-driver journald --log-opt tag=t/{{.Name}} --log-opt labels=team -l team=red \
    $BOX sh -c 'echo one; echo two >&2; head -c 20000 /dev/zero | tr "\0" x; echo; printf last' >/dev/null &&
    is 0 "$(tsbox wait logged)" || return 1
  id=$(tsbox inspect -f '{{.Id}}' logged)
  eventually 20 journal_has_last "$id" || return 1
  is one "$(journal "CONTAINER_ID=${id:0:12}" CONTAINER_NAME=logged TEAM=red PRIORITY=6 | head -1)" &&
    is two "$(journal CONTAINER_NAME=logged CONTAINER_TAG=t/logged SYSLOG_IDENTIFIER=t/logged PRIORITY=3)" &&
    is 16384 "$(journal CONTAINER_NAME=logged CONTAINER_PARTIAL_MESSAGE=true | tr -d '\n' | wc -c)" &&
    is "3 20010" "$(tsbox logs logged 2>/dev/null | wc -l -c | xargs)" &&
    is two "$(tsbox logs logged 2>&1 >/dev/null)" && is last "$(tsbox logs -n 1 logged)" &&
    is "TEAM=red last" "$(tsbox logs --details -n 1 logged)" && tsbox rm logged
}
journal_has_last() { [ "$(journal "CONTAINER_ID_FULL=$1" | tail -1)" = last ]; }
run_check journald

check "logs -f of such a container ends with it, and after its last word"
followed() {
  tsbox run -d --name followed --log-driver journald $BOX sh -c 'echo begun; sleep 3; echo done' >/dev/null &&
    is "begun done" "$(timeout 60 /usr/local/bin/tsbox logs -f followed | xargs)" &&
    is "begun done" "$(timeout 60 /usr/local/bin/tsbox logs -f followed | xargs)" && tsbox rm -f followed
}
run_check followed
