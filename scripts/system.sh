#!/bin/sh
# Makes sure that the system packages are there: installs what is missing if it may (root on Debian
# or Ubuntu), else says which command does. Usage: scripts/system.sh lab|test|vm
set -eu

missing=""
want() { case " $missing " in *" $1 "*) ;; *) missing="$missing $1" ;; esac }
sbin="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
has() { PATH="$sbin" command -v "$1" >/dev/null 2>&1; }

python=$(sh scripts/python.sh || echo python3)
"$python" -c 'import ensurepip, venv' 2>/dev/null || want python3-venv
has curl || want curl

machine() {  # what a virtual machine takes, where there is no Docker, or none is wanted
    has "qemu-system-$(uname -m)" || want qemu-system-x86
    has qemu-img || want qemu-utils
    has fakeroot || want fakeroot
    has mke2fs || want e2fsprogs
}

# A Docker that runs already is all that the kit needs. Without one, root can run a private one, and
# anybody a virtual machine.
if [ "$1" = vm ] || [ "${LABKIT_ENGINE:-auto}" = vm ]
then
    machine
elif [ "$(uname -s)" = Linux ] && [ ! -S /var/run/docker.sock ] && [ -z "${LABKIT_HOST:-}${DOCKER_HOST:-}" ]
then
    if [ "$(id -u)" != 0 ] && has "qemu-system-$(uname -m)"
    then
        machine
    else
        has dockerd || want docker.io
        has iptables || want iptables
        has ip || want iproute2
    fi
fi
# Where no registry gives Debian's image, the engine image is made from Debian's packages.
if [ -e /etc/debian_version ]; then
    has mmdebstrap || want mmdebstrap
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || want debian-archive-keyring # Ubuntu
fi
if [ "$1" = test ]; then
    PATH="$sbin" ldconfig -p 2>/dev/null | grep -q libatomic || [ "$(uname -s)" != Linux ] || want libatomic1
    has chromium || has google-chrome || { want chromium; want fonts-dejavu-core; }
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "… Installing from Debian's packages (once, up to a minute):$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086  # one word a package
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    exit 0
fi

echo "Missing on this machine:$missing"
echo "What to do: sudo apt-get install --no-install-recommends$missing"
echo "(on another system, its packages of the same purpose), and run this again."
for one in $missing; do
    case $one in mmdebstrap | debian-archive-keyring) ;; *) exit 1 ;; esac
done # where a registry answers, these two are not needed
