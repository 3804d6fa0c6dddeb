"""Asks the inspection service as somebody who knows nothing of its .proto files.

Everything is learnt by server reflection: the services, their methods, the
messages. Prints one JSON object with what was found.

    inspection_client.py ADDRESS
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

INSPECTION = "fairway.inspection.v1.Inspection"
DEADLINE_SECONDS = 10


def main(address):
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        service = DescriptorPool(database).FindServiceByName(INSPECTION)
        answers = {
            method.name: call(channel, method)
            for method in service.methods
            if method.name != "WatchConfig"
        }
        first = next(iter(watch(channel, service.methods_by_name["WatchConfig"])))
        print(
            json.dumps(
                {
                    "services": sorted(database.get_services()),
                    "methods": [method.name for method in service.methods],
                    "answers": answers,
                    "watched": json_format.MessageToDict(first),
                }
            )
        )


def call(channel, method):
    """The answer to an empty request."""
    ask = channel.unary_unary(
        f"/{INSPECTION}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    answer = ask(GetMessageClass(method.input_type)(), timeout=DEADLINE_SECONDS)
    return json_format.MessageToDict(answer)


def watch(channel, method):
    """The stream of answers to an empty request."""
    ask = channel.unary_stream(
        f"/{INSPECTION}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return ask(GetMessageClass(method.input_type)(), timeout=DEADLINE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
