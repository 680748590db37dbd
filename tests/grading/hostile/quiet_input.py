# Waits for somebody to type.
# → ok: both
import sys

attempt(input, "your name? ")
if sys.stdin.read():
    reached.append("something to read")
