R"sh(# What every server finds when its recipe runs: a machine of its own as far as files, processes
# and its name go. The variables name, address, folder, host and unpacked are set before this.
set -eu
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME="$folder" LC_ALL=C.UTF-8 TZ=UTC
unset DISPLAY XAUTHORITY TMPDIR
cd "$folder"
hostname "$host"

# Packages that lie unpacked appear where they would be installed.
layers() {
  found=
  for package in $unpacked; do
    [ -d "$unpacked_folder/$package$1" ] && found="$found$unpacked_folder/$package$1:"
  done
  [ -z "$found" ] || mount -t overlay overlay -o "lowerdir=$found$1" "$1"
}
for place in /usr /etc /lib /bin /sbin; do [ -L "$place" ] || layers "$place"; done

# Nothing of the machine's own state is seen, and nothing of it changes. The folder of the server
# is reached through the working directory while /run is covered.
for place in /tmp /dev/shm /var/lib /var/log /var/cache /var/spool /var/mail /var/tmp; do
  [ -d "$place" ] && [ ! -L "$place" ] && mount -t tmpfs -o mode=1777 tmpfs "$place"
done
chmod 755 /var/lib /var/log /var/cache /var/spool
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$folder" /run/lock
mount --no-canonicalize --bind . "$folder"
cd "$folder"

printf '127.0.0.1 localhost\n%s %s %s\n198.18.0.1 scanner.lab.test\n' "$address" "$host" \
  "${host%%.*}" >hosts
mount --bind hosts /etc/hosts
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >resolv.conf
[ ! -e /etc/resolv.conf ] || mount --bind resolv.conf /etc/resolv.conf

# own DIR: a copy of a folder takes its place, so that the recipe may write there.
own() {
  copy=copy$(echo "$1" | tr / -)
  mkdir -p "$copy"
  cp -a "$1/." "$copy/"
  mount --bind "$copy" "$1"
}

# user NAME...: makes sure that there is a user and a group of each name.
user() {
  for file in passwd group; do
    [ -e "$file" ] || { cp "/etc/$file" "$file" && mount --bind "$file" "/etc/$file"; }
  done
  id=900
  for one in "$@"; do
    while grep -q ":$id:" passwd group; do id=$((id + 1)); done
    grep -q "^$one:" group || echo "$one:x:$id:" >>group
    gid=$(sed -n "s/^$one:[^:]*:\([0-9]*\):.*/\1/p" group)
    grep -q "^$one:" passwd || echo "$one:x:$id:$gid::/nonexistent:/usr/sbin/nologin" >>passwd
  done
}

# folders USER DIR...: makes folders of that user.
folders() {
  owner=$1
  shift
  mkdir -p "$@"
  chown -R "$owner:$(id -gn "$owner")" "$@"
}

# as USER COMMAND...: runs or becomes a command as that user.
as() {
  who=$1
  shift
  setpriv --reuid "$who" --regid "$(id -g "$who")" --init-groups "$@"
}
become() {
  who=$1
  shift
  exec setpriv --reuid "$who" --regid "$(id -g "$who")" --init-groups "$@"
}

# certificate: makes tls.key, tls.crt and both in tls.pem.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj "/CN=$host" -addext "subjectAltName=DNS:$host" -keyout tls.key -out tls.crt 2>tls.log ||
    { cat tls.log; exit 1; }
  cat tls.key tls.crt >tls.pem
  chmod 644 tls.key tls.crt tls.pem
}

# stay: for servers that leave the foreground.
stay() { exec sleep infinity; }

# The recipe.
)sh"
