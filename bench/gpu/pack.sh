#!/usr/bin/env bash
# Pack a complete TensorRT 8.6.0 (the last that PyPI carries whole) with Python 3.10, PyCUDA and what rigtrack's base and
# bench/gpu need, in pieces for a GPU host that can fetch nothing itself. See README.md beside this file.
#
#   usage: pack.sh OUT_DIR [PYTHON310_PREFIX] [PIECE_MB]
#
# Needs here: pip, nvcc with its headers, gcc, xz, about 6 GB of disk, about 15 minutes.
set -euo pipefail
out=$(realpath -m "${1:?usage: pack.sh OUT_DIR [PYTHON310_PREFIX] [PIECE_MB]}")
prefix=${2:-$(ls -d "$HOME"/.pyenv/versions/3.10.* 2>/dev/null | tail -1)}
piece_mb=${3:-55}
[ -x "$prefix/bin/python3.10" ] || { echo "no Python 3.10 under '$prefix': give its prefix as the second argument" >&2; exit 2; }
command -v xz >/dev/null || { echo "xz is missing (Debian package xz-utils)" >&2; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
kit=$work/trtkit; mkdir -p "$kit/python" "$kit/site" "$kit/stubs" "$out"

echo "1/5 Python 3.10" >&2
tar -C "$prefix" --exclude='__pycache__' --exclude='lib/python3.10/test' --exclude='lib/python3.10/site-packages/*' \
    --exclude='*.a' --exclude='lib/python3.10/idlelib' --exclude='lib/python3.10/tkinter' -cf - bin lib include | tar -C "$kit/python" -xf -

echo "2/5 TensorRT 8.6.0 (819 MB)" >&2
pip download -q --no-deps -d "$work" --only-binary=:all: --python-version 3.10 --implementation cp --abi none \
    --platform manylinux_2_17_x86_64 tensorrt==8.6.0
python3 -m zipfile -e "$work"/tensorrt-8.6.0-*.whl "$kit/site"
rm "$work"/tensorrt-8.6.0-*.whl

echo "3/5 stand-ins for cuBLAS 12 and cuDNN 8" >&2
# libnvinfer_plugin links them, rigtrack's engines never call them: `choose_tactics` sees that they do not answer. They
# export the names with the versions the loader asks for; every function returns an error status.
nm -D --undefined-only "$kit/site/tensorrt/libnvinfer_plugin.so.8" | awk '{print $2}' | grep -E '@lib(cublas|cublasLt|cudnn)\.' | sort -u > "$work/names"
for library in libcublas.so.12 libcublasLt.so.12 libcudnn.so.8; do
    { grep "@$library\$" "$work/names" | sed -E 's/@.*//; s/.*/int &(void){return 15;}/'; } > "$work/s.c"
    echo "$library { global: *; };" > "$work/s.map"
    gcc -w -shared -fPIC "$work/s.c" -Wl,-soname,$library -Wl,--version-script="$work/s.map" -o "$kit/stubs/$library"
done

echo "4/5 PyCUDA and the base packages for Python 3.10" >&2
cuda=$(ls -d /usr/local/cuda*/include/cuda.h 2>/dev/null | tail -1); cuda=${cuda%/include/cuda.h}
[ -n "$cuda" ] || { echo "no CUDA headers under /usr/local/cuda*: install the toolkit" >&2; exit 2; }
echo 'int rigtrack_stub(void){return 0;}' | gcc -shared -fPIC -x c - -Wl,-soname,libcuda.so.1 -o "$work/libcuda.so"
"$prefix/bin/python3.10" -m venv "$work/venv"
HOME="$work" bash -c "printf 'CUDA_ENABLE_CURAND = False\nCUDA_ROOT = \"$cuda\"\nCUDADRV_LIB_DIR = [\"$work\"]\nCUDART_LIB_DIR = [\"$cuda/lib64\"]\n' > $work/.aksetup-defaults.py
    LDFLAGS=-Wl,--no-as-needed CUDA_ROOT=$cuda PATH=$cuda/bin:\$PATH CPATH=$cuda/include LIBRARY_PATH=$work $work/venv/bin/pip wheel -q --no-deps -w $work/wheels pycuda==2025.1.2"
"$work/venv/bin/pip" install -q --no-compile --target "$kit/site" "$work"/wheels/pycuda-*.whl 'numpy<1.24' 'opencv-python-headless<4.11' \
    pyzmq msgspec pyyaml rich pytools mako platformdirs siphash24 'onnx<1.17' 'onnxruntime<1.20' openvino matplotlib av sleap-io pytest

cat > "$kit/enter.sh" <<'ENTER'
# source this: puts Python 3.10 with TensorRT 8.6 and PyCUDA first on the path
TRTKIT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd); export TRTKIT
export PATH="$TRTKIT/python/bin:$PATH" PYTHONHOME="$TRTKIT/python" PYTHONPATH="$TRTKIT/site${PYTHONPATH:+:$PYTHONPATH}"
export LD_LIBRARY_PATH="$TRTKIT/stubs:$TRTKIT/site/tensorrt:$TRTKIT/python/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
ENTER

echo "5/5 pieces of $piece_mb MB" >&2
rm -f "$out"/trtkit.*
tar -C "$work" -cf - trtkit | xz -T0 -3 | split -b "${piece_mb}000000" -d -a 2 - "$out/trtkit."
( cd "$out" && sha256sum trtkit.* > SHA256SUMS ); ls -la "$out" >&2
