#!/bin/sh
# Removes plimsoll-agent; its configuration, positions and what waits to be sent stay. Run by Systems
# Manager as root.
set -eu
if dpkg-query -W plimsoll-agent >/dev/null 2>&1; then
    dpkg --remove plimsoll-agent
elif rpm -q plimsoll-agent >/dev/null 2>&1; then
    rpm -e plimsoll-agent
fi
