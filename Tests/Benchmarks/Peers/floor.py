"""The least anybody could do after an edit: read and digest the source, write and digest the output. usage: SOURCE OUTPUT COPY"""
import hashlib
import sys

SIZE = 1 << 20
with open(sys.argv[1], "rb") as source:
    digest = hashlib.sha256()
    while data := source.read(SIZE):
        digest.update(data)
with open(sys.argv[2], "rb") as output, open(sys.argv[3], "wb") as copy:
    digest = hashlib.sha256()
    while data := output.read(SIZE):
        digest.update(data)
        copy.write(data)
