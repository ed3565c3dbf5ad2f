#!/bin/sh
# iaaskit-payload: gives an instance its payload at its first boot, in an image without cloud-init.
#
# Install it as /usr/local/sbin/iaaskit-payload and let iaaskit-payload.service start it at every boot. It takes the
# first payload that there is:
#
#   1. the files /etc/iaaskit/payload.0 to payload.9, joined
#   2. openstack/latest/user_data on a config drive (a disk with the label config-2)
#   3. latest/user-data of the metadata service: EC2 (with a token, where it gives one), OpenStack
#
# unpacks it (gzip, or gzip in base64) and runs it as a shell script, once for each instance: a copy of the disk in
# another instance gets that instance's payload. The payload puts its pairs into /etc/iaaskit/payload.env, for shells
# and for systemd's EnvironmentFile, writes its files, runs its scripts, and leaves /etc/iaaskit/payload.report.
# Ends with 0 when all of that succeeded, or there was nothing to do.
#
# Needs sh, mktemp, sha256sum, gzip, base64, and curl or wget. For tests: IAASKIT_DIR instead of /etc/iaaskit,
# IAASKIT_STATE instead of /var/lib/iaaskit, IAASKIT_METADATA instead of http://169.254.169.254, IAASKIT_INSTANCE
# instead of the machine's UUID.

dir=${IAASKIT_DIR:-/etc/iaaskit}
state=${IAASKIT_STATE:-/var/lib/iaaskit}
metadata=${IAASKIT_METADATA:-http://169.254.169.254}

umask 077
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
payload=$work/payload

from_files() {
  [ -e "$dir/payload.0" ] || return 1
  for number in 0 1 2 3 4 5 6 7 8 9; do
    [ ! -e "$dir/payload.$number" ] || cat "$dir/payload.$number" || return 1
  done >"$payload"
}

from_config_drive() {
  device=$(blkid -L config-2 2>/dev/null) && [ -n "$device" ] && mkdir "$work/drive" &&
    mount -o ro "$device" "$work/drive" || return 1
  cp "$work/drive/openstack/latest/user_data" "$payload" 2>/dev/null
  found=$?
  umount "$work/drive"
  return "$found"
}

from_metadata() {
  if command -v curl >/dev/null; then
    token=$(curl -fsm 5 --connect-timeout 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token") || token=
    curl -fsm 30 --connect-timeout 2 -H "X-aws-ec2-metadata-token: $token" -o "$payload" "$metadata/latest/user-data"
  else
    wget -qO "$payload" "$metadata/latest/user-data"
  fi
}

find_payload() {
  for pause in 0 1 2 4 8 15; do
    sleep "$pause"
    from_files || from_config_drive || from_metadata || continue
    [ -s "$payload" ] && return 0
  done
  return 1
}

unpack() {
  case $(head -c 4 "$payload" | tr -d '\0') in
  H4sI) base64 -d <"$payload" >"$work/packed" && mv "$work/packed" "$payload" ;;
  esac
  if gzip -t <"$payload" 2>/dev/null; then
    gzip -dc <"$payload" >"$work/unpacked" && mv "$work/unpacked" "$payload"
  fi
}

if ! find_payload; then
  echo 'iaaskit: this instance has no payload'
  exit 0
fi
instance=${IAASKIT_INSTANCE:-$(cat /sys/class/dmi/id/product_uuid 2>/dev/null)}
[ -n "$instance" ] || instance=$(sha256sum <"$payload")
if [ "$(cat "$state/instance" 2>/dev/null)" = "$instance" ]; then
  echo 'iaaskit: this instance has had its payload'
  exit 0
fi
unpack || exit 1
if [ "$(head -c 2 "$payload" | tr -d '\0')" != '#!' ]; then
  echo 'iaaskit: the payload is no script' >&2
  exit 1
fi
mkdir -p "$state" && printf '%s\n' "$instance" >"$state/instance" || exit 1
umask 022
sh "$payload"
