#!/usr/bin/env bash
# Build the wheel and the sdist, install each into a fresh environment, and try it as a new user would.
#
#     packaging/try_install.sh [FOLDER]        PYTHON=python3.12 packaging/try_install.sh
#
# Only pip uses the network (uv, which is faster, if it is there). The demo, the doctor and the manifest are tried without one.
# It takes some minutes, and 3 GB of disk, or 14 GB where torch comes with CUDA; the folder is removed at the end unless it was named.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
constraints=$PWD/requirements/tested.txt
folder=${1:-}
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
folder=$(realpath "$folder")

# Without a network: in a namespace that has none, where the system allows it. Proxies that do not answer are for other systems.
offline() { # COMMAND
    if unshare -n true 2>/dev/null; then unshare -n "$@"; else "$@"; fi
}

install() { # ENVIRONMENT PACKAGES
    local environment=$1
    shift
    if command -v uv >/dev/null; then
        uv pip install -q -p "$environment/bin/python" -c "$constraints" "$@"
    else
        "$environment/bin/pip" install -q -c "$constraints" "$@"
    fi
}

"$python" -m venv "$folder/build"
install "$folder/build" build
"$folder/build/bin/python" -m build --outdir "$folder/dist" .

try() { # NAME FILE
    local name=$1 file=$2 bin=$folder/$1/bin
    "$python" -m venv "$folder/$name"
    install "$folder/$name" "$file[all]" npe2
    mkdir -p "$folder/home-$name"
    (
        # A home without settings, a folder without our sources, and no network.
        cd "$folder/home-$name"
        export HOME=$folder/home-$name XDG_CONFIG_HOME= XDG_CACHE_HOME= XDG_DATA_HOME= PYTHONPATH=
        export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
        offline "$bin/scsam" --version
        offline "$bin/scsam" doctor
        offline "$bin/npe2" validate --imports napari-scsam
        offline "$bin/scsam" demo --headless "$folder/demo-$name"
        offline "$bin/python" -c 'import napari_scsam as s; [getattr(s, name) for name in s.__all__]'
        test -s "$folder/demo-$name/labels.png"
    )
    echo "$name: everything works"
}

try wheel "$(echo "$folder"/dist/*.whl)"
try sdist "$(echo "$folder"/dist/*.tar.gz)"
