"""Hosts of bench/nse/run: every address of 127.0.0.0/8 answers on one port, each with its number in what it says.

usage: server.py web|banner PORT
"""
import asyncio
import select
import socket
import sys

PATIENCE = 10
NO_PAGE = b"<html><body>nothing here</body></html>"


def page(path: bytes, number: int) -> bytes | None:
    kinds = {
        b"/": f"<html><head><title>Site {number}</title><meta name=\"generator\" content=\"Acme {number}\">"
              f"</head><body>hello</body></html>",
        b"/robots.txt": f"User-agent: *\nDisallow: /private/\nDisallow: /x{number}/\n",
        b"/favicon.ico": f"icon {number}" * 20,
    }
    text = kinds.get(path)
    return None if text is None else text.encode()


def answer(head: bytes, number: int) -> bytes:
    method, path, *_ = head.split(b"\r\n", 1)[0].split(b" ") + [b"", b""]
    if method == b"OPTIONS":
        return b"HTTP/1.1 200 OK\r\nServer: Acme\r\nAllow: GET, HEAD, OPTIONS\r\nContent-Length: 0\r\n\r\n"
    found = page(path, number)
    body = NO_PAGE if found is None else found
    status = b"404 Not Found" if found is None else b"200 OK"
    return (b"HTTP/1.1 " + status + b"\r\nServer: Acme\r\nContent-Type: text/html\r\nContent-Length: "
            + str(len(body)).encode() + b"\r\n\r\n" + (b"" if method == b"HEAD" else body))


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    while True:
        head = await asyncio.wait_for(reader.read(1), PATIENCE)
        if not head.isalpha():  # Not HTTP: a TLS handshake, or nothing.
            return
        head += await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        writer.write(answer(head, number))
        await writer.drain()


def greet(port: int) -> None:
    """As little as a server can do, for the scanner is what is measured."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(1024)
    listener.setblocking(False)
    events = select.epoll()
    events.register(listener, select.EPOLLIN)
    open_ones: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        for fd, _ in events.poll():
            if fd != listener.fileno():
                open_ones.pop(fd).close()  # Which takes it out of the epoll.
                continue
            try:
                while True:
                    client, _ = listener.accept()
                    number = client.getsockname()[0].rsplit(".", 1)[1]
                    client.send(f"220 mail{number} ESMTP ready\r\n".encode())
                    open_ones[client.fileno()] = client
                    events.register(client, select.EPOLLIN)
            except BlockingIOError:
                pass


async def serve_pages(port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = int(writer.get_extra_info("sockname")[0].rsplit(".", 1)[1])
        try:
            await web(reader, writer, number)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", port, backlog=1024)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if sys.argv[1] == "web":
    asyncio.run(serve_pages(int(sys.argv[2])))
else:
    greet(int(sys.argv[2]))
