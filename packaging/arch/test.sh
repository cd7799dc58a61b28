#!/bin/sh
# Builds the Arch package from this checkout's last commit and unpacks it into a folder:
#
#   test.sh TARGET      TARGET/*.pkg.tar.* and TARGET/root
#
# Works wherever makepkg does, also on Debian. PYTHON_BIN names the folder of a python that has
# build, installer and hatchling; without it the system's is used. Root steps down, as makepkg asks.
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
if [ "$(id -u)" = 0 ]; then
    chown -R nobody "$target"
    setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups makepkg --nodeps --force --noconfirm
else
    makepkg --nodeps --force --noconfirm
fi
tar -xzf "$target"/ruster-*.pkg.tar.gz -C "$target/root"
