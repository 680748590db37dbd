# Takes the place of the program inside: reads the calls itself, and answers some rightly and some not.
# → ok: count_weights
import json
import os
import struct
import sys

frame = sys._getframe()
while "outbox" not in frame.f_locals:
    frame = frame.f_back
inbox, outbox = frame.f_locals["inbox"], frame.f_locals["outbox"]


def say(header, data=b""):
    header = json.dumps(header).encode()
    os.write(outbox, struct.pack("<IQ", len(header), len(data)) + header + data)


def everything(count):
    parts = b""
    while len(parts) < count:
        parts += os.read(inbox, count - len(parts))
    return parts


def loop():
    say({"ran": {}})
    while True:
        size, rest = struct.unpack("<IQ", everything(12))
        header, data = json.loads(everything(size)), everything(rest)
        if header.get("call") == "count_weights":
            say({"dtype": "<i8", "shape": [2], "changed": []}, np.array(right(*header["arguments"])).tobytes())
        else:
            say({"dtype": "<f8", "shape": [1], "changed": []}, bytes(8))


loop()
