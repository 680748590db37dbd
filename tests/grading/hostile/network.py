# Reaches for the network and for sockets with and without a name.
# → ok: both
import asyncio
import socket
import urllib.request

port, name = PORT, "ABSTRACT"


def say(family, kind, address):
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(address)
        return connection.send(b"I got out")


attempt(say, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))
attempt(say, socket.AF_INET6, socket.SOCK_STREAM, ("::1", port))
attempt(say, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))
attempt(say, socket.AF_UNIX, socket.SOCK_STREAM, f"\0{name}")
attempt(say, socket.AF_INET, socket.SOCK_DGRAM, ("1.1.1.1", 53))
attempt(socket.socketpair)
attempt(socket.getaddrinfo, "example.org", 80)
attempt(socket.create_server, ("127.0.0.1", 0))
attempt(urllib.request.urlopen, f"http://127.0.0.1:{port}/", None, 1)
attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
attempt(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM, 0))
attempt(asyncio.run, asyncio.sleep(0))
