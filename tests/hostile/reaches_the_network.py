"""A cell looks for a network: addresses, names, sockets of the machine and of every family."""

from submissions import ATTEMPT, insert, write

SHOWN = ["an address: refused", "a name: refused", "the host: refused", "raw packets: refused"]


def hand_in(folder, notebook):
    source = """
import glob, os, socket, urllib.request
socket.setdefaulttimeout(0.5)
attempt("an address", lambda: socket.create_connection(("192.0.2.1", 80), 0.5))
attempt("this machine", lambda: [socket.create_connection(("127.0.0.1", port), 0.1) for port in (22, 80, 8888, 631)])
attempt("IPv6", lambda: socket.create_connection(("::1", 22), 0.5))
attempt("a name", lambda: socket.gethostbyname("example.org"))
attempt("a page", lambda: urllib.request.urlopen("http://example.org", timeout=0.5))
attempt("a datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))
attempt("the host", lambda: socket.socket(40, socket.SOCK_STREAM))  # AF_VSOCK
attempt("the kernel's cryptography", lambda: socket.socket(38, socket.SOCK_SEQPACKET))  # AF_ALG
attempt("raw packets", lambda: socket.socket(17, socket.SOCK_RAW, 3))  # AF_PACKET
attempt("an interface", lambda: [name for _, name in socket.if_nameindex() if name != "lo"][0])
for place in ("/run/docker.sock", "/var/run/dbus/system_bus_socket", "/dev/log", "/run/systemd/notify"):
    attempt(place, lambda: socket.socket(socket.AF_UNIX).connect(place))
def abstract():
    names = [line.split()[-1] for line in open("/proc/net/unix") if "@" in line]
    socket.socket(socket.AF_UNIX).connect("\\0" + names[0][1:])
attempt("abstract sockets", abstract)
"""
    insert(notebook, ATTEMPT + source)
    write(folder, notebook)
