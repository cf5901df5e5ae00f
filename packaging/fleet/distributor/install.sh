#!/bin/sh
# Installs or upgrades plimsoll-agent from the package beside this file. Run by Systems Manager as root.
set -eu
cd "$(dirname "$0")"
for package in *.deb *.rpm; do
    case $package in
        '*'*) ;;
        *.deb) dpkg --force-confold -i "$package" ;;
        *.rpm) rpm -U --oldpackage --replacepkgs "$package" ;;
    esac
done
plimsoll-agent version
