# packages.sh: the distribution packages that building, testing and the demo need. Sourced, not run.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One list serves Debian 12, Debian 13 and Ubuntu 24.04: the names are the same there. Where a name differs, the first
# of the alternatives (a|b) that the archive knows is taken.

pkgs_build='gcc meson ninja-build pkg-config libc6-dev linux-libc-dev liburing-dev libvncserver-dev zlib1g-dev
	libpng-dev libjansson-dev seabios acpica-tools'
pkgs_guest='qemu-utils grub-pc-bin grub-common xorriso mtools nasm e2fsprogs busybox-static kmod dmidecode
	util-linux systemd zstd xz-utils dpkg python3 pciutils udev'
pkgs_unit='check dmidecode qemu-utils pciutils'
pkgs_fuzz='clang'
pkgs_pytest='python3 python3-pytest python3-pil'
pkgs_lab='qemu-system-x86 memtest86+ libc6-dev gcc'
pkgs_bochs='bochs bochs-term bochsbios vgabios'
pkgs_clients='gvncviewer tigervnc-viewer xvfb xdotool xauth systemd'

pkg_distribution()
{
	( . /etc/os-release 2>/dev/null && printf '%s %s\n' "${ID:-unknown}" "${VERSION_ID:-?}" )
}

pkg_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints which of the packages (and alternatives) named in the arguments are not installed.
pkg_missing()
{
	local item name wanted
	for item in "$@"; do
		wanted=
		for name in ${item//|/ }; do
			pkg_installed "$name" && continue 2
			[ -z "$wanted" ] && apt-cache show "$name" >/dev/null 2>&1 && wanted=$name
		done
		printf '%s\n' "${wanted:-${item%%|*}}"
	done | sort -u
}

pkg_as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "these packages are missing and only root can install them: $missing" >&2
		return 1
	fi
}

# Installs what is missing; silent when nothing is. The package manager's own words go to a log that is shown when it fails.
pkg_install()
{
	local missing log
	case "$(pkg_distribution)" in
	'debian 12' | 'debian 13' | 'ubuntu 24.04') ;;
	*)
		echo "note: this is $(pkg_distribution), not Debian 12 or 13 or Ubuntu 24.04: trying the same package names" >&2 ;;
	esac
	command -v dpkg-query >/dev/null || {
		echo "no dpkg here: install these by hand: $*" >&2
		return 1
	}
	missing=$(pkg_missing "$@" | tr '\n' ' ')
	[ -n "${missing// /}" ] || return 0
	log=$(mktemp)
	echo "installing: $missing" >&2
	if ! { pkg_as_root apt-get -q update &&
	       pkg_as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing; } >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		echo "installing failed: see the lines above" >&2
		return 1
	fi
	rm -f "$log"
}
