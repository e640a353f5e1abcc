#!/usr/bin/env bash
# Builds the Dockerfile and runs what came of it, without a daemon and without a registry: `make container-check`.
# The base is made by debootstrap and tagged as the FROM image, so this proves the Dockerfile's logic, its size above the
# base, and how the service behaves in it; not the content of the base that a registry would give.
#
#   deploy/container_check.sh BUNDLE [PICTURE]
set -euo pipefail
cd "$(dirname "$0")/.."

bundle=${1:?name a bundle, such as RUN/bundle}
picture=${2:-}
base=docker.io/library/python:3.11-slim-bookworm
most_megabytes=390
for tool in buildah debootstrap curl setpriv; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: debootstrap and chroot isolation need root"; exit 0; }

work=${CONTAINER_CHECK_DIR:-$(mktemp -d)}
mkdir -p "$work"
export BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF="$work/storage.conf"
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$work" "$work" > "$work/storage.conf"

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    # From wherever this machine's own packages come.
    mirror=$(grep -rhoE '^(URIs: *|deb +)(\[[^]]*\] *)?https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d |
        grep -oE 'https?://[^ ]+' | head -n 1)
    [ -d "$work/rootfs" ] || debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
        bookworm "$work/rootfs" "$mirror" > "$work/debootstrap.log"
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/rootfs" /
    buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit -q "$container" "$base" > /dev/null
    buildah rm "$container" > /dev/null
fi

certificates=/etc/ssl/certs/ca-certificates.crt
buildah build --pull-never --layers --format docker -v "$certificates:$certificates:ro" --env "PIP_CERT=$certificates" \
    -t fairlead-service:check . > "$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }

bytes() { buildah images --json "$1" |
    python3 -c 'import json, re, sys; n, unit = re.match(r"([\d.]+) (\w+)", json.load(sys.stdin)[0]["size"]).groups(); print(int(float(n) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit]))'; }
above=$(( ($(bytes fairlead-service:check) - $(bytes "$base")) / 1000000 ))
echo "size        $above MB above the base, at most $most_megabytes"
[ "$above" -le "$most_megabytes" ]

user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' fairlead-service:check)
echo "user        $user"
[[ "$user" =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]]

container=$(buildah from --pull-never localhost/fairlead-service:check)
root=$(buildah mount "$container")
place=$(mktemp -d)
clean() { [ -z "${service:-}" ] || { kill -TERM "$service" && wait "$service"; } 2>/dev/null || true; umount -R "$place" 2>/dev/null || true; rmdir "$place"; buildah rm "$container" > /dev/null; }
trap clean EXIT
mkdir -p "$root/bundle"
printf '127.0.0.1 localhost\n' > "$root/etc/hosts"  # a container runtime writes it
mount --bind "$root" "$place"
mount --bind "$(realpath "$bundle")" "$place/bundle"
mount -o remount,bind,ro "$place/bundle"
mount -o remount,bind,ro "$place"
mount -t tmpfs tmpfs "$place/tmp"
mount -t proc proc "$place/proc"
mount --bind /dev "$place/dev"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
begun=$(date +%s%N)
mapfile -t environment < <(buildah inspect --type image --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' fairlead-service:check | grep .)
env -i "${environment[@]}" FAIRLEAD_NO_API_KEY=true FAIRLEAD_OVERRIDE=check FAIRLEAD_OVERRIDE_BY=container-check \
    chroot --userspec="$user" "$place" /opt/fairlead/bin/fairlead serve /bundle --host 0.0.0.0 --port "$port" \
    > "$work/service.log" 2>&1 &
service=$!
until curl -sf "http://127.0.0.1:$port/readyz" > /dev/null; do
    kill -0 "$service" 2>/dev/null || { cat "$work/service.log"; exit 1; }
    sleep 0.1
done
echo "ready       after $(( ($(date +%s%N) - begun) / 1000000 )) ms, on a read-only root"
grep -q "^Uid:[[:space:]]*${user%%:*}[[:space:]]" "/proc/$service/status"
if chroot --userspec="$user" "$place" /bin/sh -c ': > /opt/fairlead/written' 2>/dev/null; then echo "the root can be written"; exit 1; fi
chroot "$place" /opt/fairlead/bin/python -c 'import importlib.util as u, tokenizers; bad = [n for n in ("torch", "transformers", "huggingface_hub", "hf_xet", "pandas", "pyarrow", "numba", "shap") if u.find_spec(n)]; raise SystemExit(", ".join(bad) or 0)'
python3 -c 'import json, sys; found = json.load(open(sys.argv[1])); print("sbom       ", len(found["components"]), "components")' "$root/opt/fairlead/sbom.cdx.json"
[ -z "$picture" ] || curl -sf -F "image=@$picture" "http://127.0.0.1:$port/predict" | cut -c1-160
begun=$(date +%s%N)
kill -TERM "$service"
wait "$service"
echo "stopped     by SIGTERM with exit code 0 after $(( ($(date +%s%N) - begun) / 1000000 )) ms"
