# Sends the replies to all calls before the first of them, and then one more for each.
# → crash: none
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


def count_weights(*sizes):
    say({"dtype": "<f8", "shape": [2], "changed": []}, bytes(16))
    return sizes[:2]


def convolve1d_full(x, w):
    say({"dtype": "<f8", "shape": [2], "changed": []}, bytes(16))
    return np.zeros(2)


for _ in range(40):
    say({"dtype": "<f8", "shape": [2], "changed": []}, bytes(16))
