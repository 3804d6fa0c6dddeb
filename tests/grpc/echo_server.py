"""A gRPC server of all four kinds of call, without .proto files: messages are bytes.

Prints one line when it listens.

    echo_server.py ADDRESS
"""

import sys
import time
from concurrent import futures

import grpc

SERVICE = "echo.Echo"
LARGEST_MESSAGE = 64 * 1024 * 1024


def unary(request, context):
    tell(context)
    if request == b"fail":
        context.set_trailing_metadata((("detail-bin", b"\x00\xffwhy"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "told to: 100 % é")
    if request.startswith(b"sleep "):
        time.sleep(float(request.split()[1]))
    if request == b"metadata":
        return metadata(context, "question")
    return request


def down(request, context):
    """Answers one by one, and tells how far it came when the client leaves."""
    tell(context)
    for number in range(int(request)):
        if not context.is_active():
            return
        yield str(number).encode()
        time.sleep(0.01)


def up(requests, context):
    tell(context)
    sizes = [len(request) for request in requests]
    return f"{len(sizes)} {sum(sizes)}".encode()


def both(requests, context):
    tell(context)
    for request in requests:
        yield request


def wait(_request, context):
    """Ends when the client has left."""
    CALLS["waiting"] = CALLS.get("waiting", 0) + 1
    context.add_callback(lambda: CALLS.update(left=CALLS.get("left", 0) + 1))
    while context.is_active():
        time.sleep(0.02)
    return b""


def left(_request, _context):
    """How many calls of `wait` were left by their client."""
    return str(CALLS.get("left", 0)).encode()


CALLS = {}


def tell(context):
    """What came with the call goes back before and after the answer."""
    context.send_initial_metadata((("server", "echo"),))
    context.set_trailing_metadata((("peer", context.peer()), ("echoed", metadata(context, "nonce").decode())))


def metadata(context, key):
    found = dict(context.invocation_metadata()).get(key, "")
    return found.encode()


def main(address):
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=32),
        options=[
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
            ("grpc.max_metadata_size", 64 * 1024),
            ("grpc.absolute_max_metadata_size", 64 * 1024),
        ],
    )
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Wait": grpc.unary_unary_rpc_method_handler(wait),
        "Left": grpc.unary_unary_rpc_method_handler(left),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if server.add_insecure_port(address) == 0:
        sys.exit(f"cannot listen on {address}")
    server.start()
    print("listening", flush=True)
    # Ends with the one who started it.
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main(sys.argv[1])
