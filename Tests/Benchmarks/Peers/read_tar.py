"""Reads every member of an archive. usage: FILE"""
import sys
import tarfile

with tarfile.open(sys.argv[1], "r|") as archive:
    for member in archive:
        archive.extractfile(member).read()
