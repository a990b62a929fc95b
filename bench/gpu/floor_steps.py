"""What no engine can be faster than: bytes over the bus, a launch, one message between processes; and the operations of the network."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import zmq
from engine_steps import frames_of
from figures import Notes, summary, timed
from plan import SIZES, Settings

from tracker.bundle import read_bundle

_NON_BLOCKING = 1  # the stream never waits for work on the default stream
REPEATS = 3000
ANSWER_BYTES = 48
LARGE_BYTES = 64 << 20  # long enough for the bus to reach its rate


def floor(settings: Settings, notes: Notes) -> None:
    """Measure each on its own."""
    notes.put("hop", summary(_hop(min(REPEATS, settings.frames))))
    for size in SIZES:
        image = frames_of(settings, size)[0]
        notes.put(
            f"copy in host memory {size}",
            summary(timed(lambda into, image=image: np.copyto(into, image), [np.empty_like(image)], frames=REPEATS, seconds=1)),
        )
        notes.put(f"network {size}", operations(read_bundle(settings.bundle(size, "fp32")).model))
    if settings.runtime == "tensorrt":
        _gpu(settings, notes)


def _gpu(settings: Settings, notes: Notes) -> None:
    import pycuda.driver as cuda

    from tracker.engines.tensorrt.gpu import Gpu

    gpu = Gpu(settings.gpu)
    with gpu:
        notes.put("card", _card(cuda.Device(settings.gpu)))
        _on_stream(settings, notes, cuda.Stream(_NON_BLOCKING))  # what it makes is freed while the context is current
    gpu.close()


def _on_stream(settings: Settings, notes: Notes, stream: Any) -> None:
    import pycuda.driver as cuda

    from tracker.engines.tensorrt.cuda_graph import CudaGraph

    def each(name: str, work: Callable[[], object]) -> None:
        def once(_: object) -> None:
            work()
            stream.synchronize()

        timed(once, [None], frames=200, seconds=1)
        notes.put(name, summary(timed(once, [None], frames=min(REPEATS, settings.frames), seconds=1)))

    def up(device: Any, host: Any) -> None:
        cuda.memcpy_htod_async(device, host, stream)

    small, answer = cuda.mem_alloc(ANSWER_BYTES), cuda.pagelocked_empty(ANSWER_BYTES, np.uint8)

    def touch() -> None:
        cuda.memset_d8_async(small, 0, 4, stream)

    each("launch", touch)
    graph = CudaGraph(stream.handle, enqueue=touch)
    each("graph launch", graph.launch)
    graph.close()
    each("down", lambda: cuda.memcpy_dtoh_async(answer, small, stream))
    for size in SIZES:
        frame = frames_of(settings, size)[0]
        each(f"up {size}", partial(up, cuda.mem_alloc(frame.nbytes), cuda.pagelocked_empty(frame.nbytes, np.uint8)))
    large = partial(up, cuda.mem_alloc(LARGE_BYTES), cuda.pagelocked_empty(LARGE_BYTES, np.uint8))
    each("64 MB up", large)
    notes.put("bus GB/s", round(LARGE_BYTES / 1e6 / notes.entries["64 MB up"]["p50"], 2))


def _card(device: Any) -> dict[str, Any]:
    """What its peak follows from; a driver that no longer tells a clock says 0."""
    import pycuda.driver as cuda

    wanted = ("MULTIPROCESSOR_COUNT", "CLOCK_RATE", "MEMORY_CLOCK_RATE", "GLOBAL_MEMORY_BUS_WIDTH", "L2_CACHE_SIZE")
    return {
        name.lower(): device.get_attribute(getattr(cuda.device_attribute, name)) for name in wanted if hasattr(cuda.device_attribute, name)
    }


def operations(model: Path) -> dict[str, Any]:
    """Multiplications of the layers with weights, and bytes of weights and of everything between layers, in fp32."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(model))).graph
    shapes = {info.name: [side.dim_value for side in info.type.tensor_type.shape.dim] for info in (*graph.value_info, *graph.output)}
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    multiplied = 0
    for node in graph.node:
        if node.op_type == "Conv":
            multiplied += int(np.prod(shapes[node.output[0]])) * int(np.prod(weights[node.input[1]][1:]))
        elif node.op_type == "Gemm":
            multiplied += int(np.prod(weights[node.input[1]]))
    between = sum(int(np.prod(shapes[name])) for node in graph.node if node.op_type in ("Conv", "Add") for name in node.output)
    return {
        "gmac": round(multiplied / 1e9, 4),
        "weight_mb": round(sum(map(np.prod, weights.values())) * 4 / 1e6, 3),
        "between_mb": round(between * 4 / 1e6, 3),
    }


def _hop(count: int) -> Any:
    """ms, one way from another process over ipc, both on one clock."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{folder}/hop"
        context = zmq.Context()
        receiver = context.socket(zmq.PULL)
        receiver.bind(address)
        sender = multiprocessing.get_context("spawn").Process(target=send_times, args=(address, count))
        sender.start()
        taken = np.empty(count, np.int64)
        for index in range(count):
            sent = int(receiver.recv())
            taken[index] = time.monotonic_ns() - sent
        sender.join()
        receiver.close()
        context.term()
    return taken[count // 10 :] / 1e6


def send_times(address: str, count: int) -> None:
    """Send the time, a thousand times a second; runs in a process of its own."""
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(address)
    for _ in range(count):
        time.sleep(0.001)
        socket.send(str(time.monotonic_ns()).encode())
    socket.close()
    context.term()
