#!/bin/sh
# Builds the Arch package from this checkout's last commit and unpacks it into a folder:
#
#   test.sh TARGET      TARGET/*.pkg.tar.* and TARGET/root
#
# Works wherever makepkg does, also on Debian. PYTHON_BIN names the folder of a python that has
# build, installer and hatchling; without it the system's is used. makepkg will not run as root, so
# root becomes somebody else in a namespace of its own.
set -eu
cd "$(dirname "$0")/../.."
checkout=$(pwd)
mkdir -p "${1:?usage: test.sh TARGET}"
target=$(cd "$1" && pwd)

git clone -q --bare "$checkout" "$target/ruster.git"
sed "s|^source=.*|source=(\"\$pkgname::git+file://$target/ruster.git\")|" PKGBUILD >"$target/PKGBUILD"
mkdir -p "$target/root" "$target/home" "$target/tmp"

PATH=${PYTHON_BIN:+$PYTHON_BIN:}$PATH
HOME=$target/home TMPDIR=$target/tmp PKGDEST=$target PKGEXT=.pkg.tar.gz
export PATH HOME TMPDIR PKGDEST PKGEXT
cd "$target"
as_user=
[ "$(id -u)" != 0 ] || as_user='unshare --user --map-user=1000 --map-group=1000'
$as_user makepkg --nodeps --force --noconfirm
tar -xzf "$target"/ruster-*.pkg.tar.gz -C "$target/root"
