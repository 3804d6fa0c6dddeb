"""Calls the echo server in every way gRPC has, and says which of them went wrong.

Prints one JSON object: the name of each case and what it found.

    echo_client.py ADDRESS HOST [CASE...]
"""

import json
import queue
import sys
import threading
import time

import grpc

SERVICE = "/echo.Echo/"
DEADLINE_SECONDS = 20
LARGEST_MESSAGE = 64 * 1024 * 1024


class Echo:
    def __init__(self, address, host):
        self.channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.default_authority", host),
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
                ("grpc.max_send_message_length", LARGEST_MESSAGE),
                ("grpc.max_metadata_size", 64 * 1024),
                ("grpc.absolute_max_metadata_size", 64 * 1024),
                ("grpc.enable_retries", 0),
            ],
        )
        self.unary = self.channel.unary_unary(SERVICE + "Unary")
        self.down = self.channel.unary_stream(SERVICE + "Down")
        self.up = self.channel.stream_unary(SERVICE + "Up")
        self.both = self.channel.stream_stream(SERVICE + "Both")
        self.wait = self.channel.unary_unary(SERVICE + "Wait")
        self.left = self.channel.unary_unary(SERVICE + "Left")
        self.missing = self.channel.unary_unary(SERVICE + "Missing")


def unary(echo):
    answer, call = echo.unary.with_call(
        b"hello", timeout=DEADLINE_SECONDS, metadata=(("nonce", "n-1"),)
    )
    trailing = dict(call.trailing_metadata())
    return {
        "answer": answer.decode(),
        "initial": dict(call.initial_metadata()).get("server"),
        "trailing": trailing.get("echoed"),
    }


def server_stream(echo):
    return len([it for it in echo.down(b"50", timeout=DEADLINE_SECONDS)])


def client_stream(echo):
    parts = (b"x" * 1000 for _ in range(200))
    return echo.up(parts, timeout=DEADLINE_SECONDS).decode()


def both_streams_in_turn(echo):
    """Each answer comes before the next question is asked."""
    questions = queue.Queue()
    answers = echo.both(iter(questions.get, None), timeout=DEADLINE_SECONDS)
    found = []
    for number in range(20):
        questions.put(str(number).encode())
        found.append(int(next(answers)))
    questions.put(None)
    return {"found": found == list(range(20)), "rest": len(list(answers))}


def status_and_details(echo):
    return failure(echo.unary, b"fail")


def trailers_only(echo):
    """A method that does not exist is answered by trailers alone."""
    return failure(echo.missing, b"")


def deadline(echo):
    started = time.monotonic()
    found = failure(echo.unary, b"sleep 15", timeout=0.5)
    # Who notices first says it in its own words.
    return {"code": found["code"], "in_time": time.monotonic() - started < 5}


def cancel(echo):
    """The server learns that the client has left."""
    before = int(echo.left(b"", timeout=DEADLINE_SECONDS))
    call = echo.wait.future(b"", timeout=DEADLINE_SECONDS)
    time.sleep(0.3)
    call.cancel()
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if int(echo.left(b"", timeout=DEADLINE_SECONDS)) == before + 1:
            return "learnt"
        time.sleep(0.05)
    return "never learnt"


def cancel_of_a_stream(echo):
    answers = echo.down(b"100000", timeout=DEADLINE_SECONDS)
    first = next(answers)
    answers.cancel()
    return first.decode()


def large_metadata(echo):
    question = "m" * 12_000
    answer = echo.unary(
        b"metadata", timeout=DEADLINE_SECONDS, metadata=(("question", question),)
    )
    return answer.decode() == question


def binary_metadata(echo):
    try:
        echo.unary(b"fail", timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        return dict(error.trailing_metadata())["detail-bin"].hex()


def large_message(echo):
    message = bytes(range(256)) * (32 * 4096)
    return echo.unary(message, timeout=DEADLINE_SECONDS) == message


def empty_message(echo):
    return echo.unary(b"", timeout=DEADLINE_SECONDS) == b""


def compression(echo):
    message = b"compress me " * 10_000
    answer, call = echo.unary.with_call(
        message, timeout=DEADLINE_SECONDS, compression=grpc.Compression.Gzip
    )
    return answer == message


def many_at_once(echo):
    """More calls than the connection may have streams."""
    calls = [echo.unary.future(str(n).encode(), timeout=DEADLINE_SECONDS) for n in range(300)]
    return sum(int(call.result()) for call in calls)


def a_pause(echo):
    """A stream may be silent for longer than a body of HTTP may."""
    questions = queue.Queue()
    answers = echo.both(iter(questions.get, None), timeout=DEADLINE_SECONDS * 2)
    questions.put(b"before")
    first = next(answers)
    time.sleep(17)
    questions.put(b"after")
    second = next(answers)
    questions.put(None)
    return [first.decode(), second.decode()]


def one_call(echo):
    return failure(echo.unary, b"hello")


def failure(call, request, timeout=DEADLINE_SECONDS):
    try:
        call(request, timeout=timeout)
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return {"code": "OK"}


CASES = [
    unary,
    server_stream,
    client_stream,
    both_streams_in_turn,
    status_and_details,
    trailers_only,
    deadline,
    cancel,
    cancel_of_a_stream,
    large_metadata,
    binary_metadata,
    large_message,
    empty_message,
    compression,
    many_at_once,
]


def main(address, host, *names):
    echo = Echo(address, host)
    found = {}
    beside = []
    if not names:
        pause = threading.Thread(target=keep, args=(found, a_pause, Echo(address, host)))
        beside.append(pause)
        pause.start()
    for case in [globals()[name] for name in names] or CASES:
        keep(found, case, echo)
    for thread in beside:
        thread.join()
    print(json.dumps(found))


def keep(found, case, echo):
    try:
        found[case.__name__] = case(echo)
    except Exception as error:  # said, not hidden: the reader compares
        found[case.__name__] = repr(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
