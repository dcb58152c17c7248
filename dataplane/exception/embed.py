#!/usr/bin/env python3
"""Writes a file as the C++ source of a byte array: embed.py INPUT OUTPUT NAMESPACE SYMBOL"""
import pathlib
import sys


def main() -> None:
    source, output, namespace, symbol = sys.argv[1:]
    data = pathlib.Path(source).read_bytes()
    rows = [data[at:at + 24] for at in range(0, len(data), 24)]
    body = "\n".join("".join(f"{byte}," for byte in row) for row in rows)
    pathlib.Path(output).write_text(
        "#include <cstddef>\n"
        f"namespace {namespace} {{\n"
        f"extern const unsigned char {symbol}[];\n"
        f"extern const std::size_t {symbol}Size;\n"
        f"alignas(16) const unsigned char {symbol}[] = {{\n{body}\n}};\n"
        f"const std::size_t {symbol}Size = {len(data)};\n"
        f"}}  // namespace {namespace}\n", encoding="ascii")


main()
