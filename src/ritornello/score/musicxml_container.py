"""MusicXML files opened safely: XML without entities, compressed ``.mxl`` without bombs.

MusicXML 4.0, "Compressed .MXL files". The text goes through defusedxml, and every quantity that a hostile file could
blow up is bounded: members and unpacked bytes of the archive, elements and depth of the tree.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ritornello.errors import ReadError

MAX_XML_BYTES = 32 * 1024 * 1024
"""Largest MusicXML text that is read, unpacked."""

MAX_ELEMENTS = 1_000_000
"""Most XML elements that are read; a full orchestral score has about half of that."""

MAX_DEPTH = 64
"""Deepest nesting of elements; MusicXML needs less than 15."""

_ENDLESS_TAG = re.compile(rb"<[^<>]{65536}")
_MAX_MEMBERS = 1000
_MAX_CONTAINER_BYTES = 64 * 1024


def read_root(data: bytes, name: str) -> Element:
    """Return the root element of a MusicXML file, plain or compressed.

    Raises:
        ReadError: if it is neither, is damaged, declares entities or is larger than the bounds above.
    """
    if data[:2] == b"PK":
        data = _unpack(data, name)
    if len(data) > MAX_XML_BYTES:
        raise ReadError(f"{name}: {len(data) / 1e6:.0f} MB of XML; at most {MAX_XML_BYTES / 1e6:.0f} MB are read")
    return _parse(data, name)


class _BoundedBuilder(TreeBuilder):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.count, self.depth = name, 0, 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self.count += 1
        self.depth += 1
        if self.count > MAX_ELEMENTS:
            raise ReadError(f"{self.name}: more than {MAX_ELEMENTS} XML elements; this is no score that can be read")
        if self.depth > MAX_DEPTH:
            raise ReadError(f"{self.name}: XML elements nested deeper than {MAX_DEPTH}; this is no MusicXML")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Element:
        self.depth -= 1
        return super().end(tag)


def _parse(data: bytes, name: str) -> Element:
    if _ENDLESS_TAG.search(data):
        raise ReadError(f"{name}: an XML tag of more than 64 KB; this is no MusicXML")
    parser = DefusedXMLParser(target=_BoundedBuilder(name), forbid_dtd=False)  # MusicXML files name a public DTD
    try:
        parser.feed(data)
        root: Element = parser.close()
    except DefusedXmlException:
        raise ReadError(f"{name}: declares XML entities, which MusicXML does not need; refused") from None
    except ParseError as error:
        line = error.position[0] if getattr(error, "position", None) else 0
        raise ReadError(f"{name}: not well-formed XML (line {line}); give a MusicXML file") from None
    except ReadError:
        raise
    except (ValueError, LookupError, AssertionError) as error:  # unknown encodings, text outside the root
        raise ReadError(f"{name}: not readable as XML ({_one_line(error)})") from None
    return root


def _unpack(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise ReadError(f"{name}: {len(members)} files in the archive; a compressed score has a few")
            names = {member.filename: member for member in members if not member.is_dir()}
            wanted = _root_file(archive, names, name)
            return _member(archive, wanted, MAX_XML_BYTES, name)
    except ReadError:
        raise
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise ReadError(f"{name}: damaged archive ({_one_line(error)}); give a .mxl or .musicxml file") from None
    except (RuntimeError, NotImplementedError) as error:
        raise ReadError(f"{name}: archive cannot be unpacked ({_one_line(error)})") from None


def _root_file(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    container = names.get("META-INF/container.xml")
    if container is not None:
        root = _parse(_member(archive, container, _MAX_CONTAINER_BYTES, name), name)
        for element in root.iter():
            path = element.get("full-path")
            if element.tag.rpartition("}")[2] == "rootfile" and path in names:
                return names[path]
    scores = [
        member
        for path, member in names.items()
        if path.lower().endswith((".xml", ".musicxml")) and not path.startswith(("META-INF/", "__MACOSX/"))
    ]
    if not scores:
        raise ReadError(f"{name}: no MusicXML file in the archive; give a .mxl file")
    return scores[0]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, name: str) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ReadError(f"{name}: the archive uses an unusual compression; .mxl files are stored or deflated")
    with archive.open(member) as file:
        data = file.read(limit + 1)  # the sizes in the directory of an archive are claims, not facts
    if len(data) > limit:
        raise ReadError(f"{name}: unpacks to more than {limit / 1e6:.1f} MB; refused")
    return data


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
