#!/usr/bin/env bash
# Build the wheel and the sdist, install each into a fresh environment, and try it as a new user would.
#
#     packaging/try_install.sh [FOLDER]        PYTHON=python3.12 packaging/try_install.sh
#
# Only pip uses the network. The demo, the doctor and the manifest are tried without one. It takes some minutes
# and 3 GB of disk; the folder is removed at the end unless it was named.
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

"$python" -m venv "$folder/build"
"$folder/build/bin/pip" install -q -c "$constraints" build
"$folder/build/bin/python" -m build --outdir "$folder/dist" .

try() { # NAME FILE
    local name=$1 file=$2 bin=$folder/$1/bin
    "$python" -m venv "$folder/$name"
    "$bin/pip" install -q -c "$constraints" "$file[all]" npe2
    mkdir -p "$folder/home-$name"
    (
        # A home without settings, a folder without our sources, and no network.
        cd "$folder/home-$name"
        export HOME=$folder/home-$name XDG_CONFIG_HOME= XDG_CACHE_HOME= XDG_DATA_HOME= PYTHONPATH=
        export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
        "$bin/scsam" --version
        "$bin/scsam" doctor
        "$bin/npe2" validate --imports napari-scsam
        "$bin/scsam" demo --headless "$folder/demo-$name"
        "$bin/python" -c 'import napari_scsam as s; [getattr(s, name) for name in s.__all__]'
        test -s "$folder/demo-$name/labels.png"
    )
    echo "$name: everything works"
}

try wheel "$(echo "$folder"/dist/*.whl)"
try sdist "$(echo "$folder"/dist/*.tar.gz)"
