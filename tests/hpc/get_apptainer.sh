#!/bin/bash
# Puts Apptainer into a folder, without root: get_apptainer.sh FOLDER; then FOLDER/bin/apptainer runs.
#
# Debian 12 has no apptainer; that of Debian's unstable release needs a newer C library. So both are unpacked beside each
# other, and the programs are told to take the libraries of their folder. Packages come from where this machine's apt
# takes its own; apt's own lists stay as they are.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
architecture=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
# shellcheck source=/dev/null
. /etc/os-release
# shellcheck disable=SC2016 # apt fills these in
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
    awk -v release="$VERSION_CODENAME" '$2 == release { print $1; exit }')
[ -n "$mirror" ] || { echo "apt has no source for Debian $VERSION_CODENAME" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/packages"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
newer=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User= -o Acquire::Languages=none)
apt-get "${newer[@]}" update
cd "$work/packages"
apt-get "${newer[@]}" download apptainer libc6 libseccomp2 libsqlite3-0
apt-get -qq -o APT::Sandbox::User= download patchelf squashfs-tools squashfuse liblzo2-2 libfuse3-3

# The newer libraries and those of this release are kept apart: two of them cannot be in one process.
for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
libraries=$folder/usr/lib/$architecture
mkdir -p "$folder/old"
cp -a "$libraries"/liblzo2.so* "$folder/old" 2>/dev/null || cp -a "$folder/lib/$architecture"/liblzo2.so* "$folder/old"
cp -a "$libraries"/libfuse3.so* "$folder/old" 2>/dev/null || cp -a "$folder/lib/$architecture"/libfuse3.so* "$folder/old"
loader=$(find "$libraries" "$folder/lib" -name 'ld-linux-*' 2>/dev/null | head -n 1)
for program in "$folder/usr/bin/apptainer" "$libraries/apptainer/bin/starter"; do
    "$folder/usr/bin/patchelf" --set-interpreter "$loader" "$program"
    "$folder/usr/bin/patchelf" --force-rpath --set-rpath "$libraries" "$program"
done
for program in mksquashfs unsquashfs squashfuse_ll; do
    "$folder/usr/bin/patchelf" --force-rpath --set-rpath "$folder/old" "$folder/usr/bin/$program"
done

# apptainer and its starter look for files relative to themselves, each from another folder.
cp -r "$folder/etc" "$folder/usr/etc"
mkdir -p "$folder/usr/var/lib/apptainer/mnt/session" "$folder/bin"
ln -sfn ../etc "$folder/usr/lib/etc"
ln -sfn ../var "$folder/usr/lib/var"
sed -i "s|^# binary path.*|binary path = $folder/usr/bin:\$PATH:/usr/sbin:/usr/bin:/sbin:/bin|" \
    "$folder/usr/etc/apptainer/apptainer.conf"

# Root of a container of CI lacks capabilities that apptainer asks for; in a namespace of its own it has them all.
cat >"$folder/bin/apptainer" <<END
#!/bin/bash
if [ "\$(id -u)" = 0 ]; then
    exec unshare --user --map-root-user "$folder/usr/bin/apptainer" "\$@"
fi
exec "$folder/usr/bin/apptainer" "\$@"
END
chmod +x "$folder/bin/apptainer"
"$folder/bin/apptainer" --version
