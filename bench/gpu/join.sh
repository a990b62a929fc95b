#!/usr/bin/env bash
# On the GPU host: join the pieces that pack.sh made and prove that TensorRT sees the GPU.
#   usage: join.sh PIECES_DIR TARGET_DIR
set -euo pipefail
pieces=$(realpath "${1:?usage: join.sh PIECES_DIR TARGET_DIR}"); target=$(realpath -m "${2:?usage: join.sh PIECES_DIR TARGET_DIR}")
( cd "$pieces" && sha256sum -c --quiet SHA256SUMS )
mkdir -p "$target"
cat "$pieces"/trtkit.[0-9][0-9] | { if command -v xz >/dev/null; then xz -T0 -dc; else python3 -c '
import lzma, shutil, sys
shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)'; fi; } | tar -C "$target" -xf -
# shellcheck disable=SC1091
source "$target/trtkit/enter.sh"
python3.10 - <<'PY'
import pycuda.driver as cuda
cuda.init()
device = cuda.Device(0)
context = device.retain_primary_context(); context.push()
import tensorrt as trt
builder = trt.Builder(trt.Logger(trt.Logger.WARNING))
print("TensorRT", trt.__version__, "on", device.name(), "fast fp16:", builder.platform_has_fast_fp16)
del builder
context.detach()
PY
