"""A second reader of databases, written after docs/file-format.md and nothing else.

It checks what the page says can be checked, by assertions, and gives the documents of each
collection. It is for closed or killed databases, and says nothing of damage.
"""

import ctypes
import os
import re
import struct

XXHASH = ctypes.CDLL("libxxhash.so.0")
XXHASH.XXH3_64bits_withSeed.restype = ctypes.c_uint64
XXHASH.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
LZ4 = ctypes.CDLL("liblz4.so.1")
ZSTD = ctypes.CDLL("libzstd.so.1")
ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
ZSTD.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
BLOCK = 4096
DELETE, PUT, MERGE, SEPARATED_PUT = 0, 1, 2, 3
PIECE = 65536


def xxh3(data, seed=0):
    return XXHASH.XXH3_64bits_withSeed(data, len(data), seed)


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def varint(data, at):
    """The number at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sized(data, at):
    size, at = varint(data, at)
    return data[at : at + size], at + size


def next_block(offset):
    return (offset + BLOCK - 1) // BLOCK * BLOCK


# --- Cap'n Proto, as much of it as there is ---


class Struct:
    """A struct in a message of one segment. What lies beyond a section is zero."""

    def __init__(self, message, data, data_words, pointers):
        self.message = message
        self.data = data
        self.data_words = data_words
        self.pointers = pointers

    @staticmethod
    def at(message, pointer):
        word = u64(message, pointer)
        return Struct(message, target(message, pointer), word >> 32 & 0xFFFF, word >> 48)

    def word(self, index):
        return u64(self.message, self.data + 8 * index) if index < self.data_words else 0

    def half(self, index):
        return self.word(index // 2) >> (32 * (index % 2)) & 0xFFFFFFFF

    def byte(self, index):
        return self.word(index // 8) >> (8 * (index % 8)) & 0xFF

    def bit(self, index):
        return self.byte(index // 8) >> (index % 8) & 1 == 1

    def signed(self, index):
        return struct.unpack("<q", struct.pack("<Q", self.word(index)))[0]

    def double(self, index):
        return struct.unpack("<d", struct.pack("<Q", self.word(index)))[0]

    def pointer(self, index):
        """Where the pointer is, None if it is null."""
        at = self.data + 8 * (self.data_words + index)
        return at if index < self.pointers and u64(self.message, at) != 0 else None

    def bytes(self, index):
        at = self.pointer(index)
        return b"" if at is None else list_bytes(self.message, at)

    def text(self, index):
        return self.bytes(index)[:-1].decode()

    def words(self, index):
        at = self.pointer(index)
        start = 0 if at is None else target(self.message, at)
        count = 0 if at is None else list_size(self.message, at)
        return [u64(self.message, start + 8 * i) for i in range(count)]

    def structs(self, index):
        at = self.pointer(index)
        if at is None:
            return []
        start = target(self.message, at)
        tag = u64(self.message, start)
        words, pointers = tag >> 32 & 0xFFFF, tag >> 48
        step = 8 * (words + pointers)
        return [
            Struct(self.message, start + 8 + i * step, words, pointers)
            for i in range((tag & 0xFFFFFFFF) >> 2)
        ]


def target(message, pointer):
    offset = struct.unpack_from("<i", message, pointer)[0] >> 2
    return pointer + 8 + 8 * offset


def list_size(message, pointer):
    return u64(message, pointer) >> 35


def list_bytes(message, pointer):
    start = target(message, pointer)
    return message[start : start + list_size(message, pointer)]


def framed(data):
    """The root of a message in the standard framing."""
    assert u32(data, 0) == 0 and 8 * u32(data, 4) == len(data) - 8
    return Struct.at(data[8:], 0)


def free_value(node):
    kind = node.half(0) & 0xFFFF
    if kind == 8:
        return [free_value(item) for item in node.structs(1)]
    if kind == 9:
        return {member.text(0): free_value(member) for member in node.structs(1)}
    simple = {
        0: lambda: None,
        1: lambda: node.bit(16),
        2: lambda: node.signed(1),
        3: lambda: node.double(1),
        4: lambda: node.text(1),
    }
    return simple[kind]()


# --- Blocks ---


def block_entries(block):
    """The entries of a raw block: (stored key, sequence, kind, value)."""
    trailer = len(block) - 24
    base = u64(block, trailer)
    value_bytes, key_bytes, count = (u32(block, trailer + i) for i in (8, 12, 16))
    version_width, end_width, interval, zero = block[trailer + 20 :]
    restarts = value_bytes + key_bytes
    versions = restarts + 4 * ((count - 1) // interval + 1)
    ends = versions + version_width * count
    assert zero == 0 and ends + end_width * count == trailer
    key, at, start = b"", value_bytes, 0
    for i in range(count):
        if i % interval == 0:
            assert u32(block, restarts + 4 * (i // interval)) == at - value_bytes
        shared, at = varint(block, at)
        rest, at = sized(block, at)
        key = key[:shared] + rest
        place = versions + version_width * i
        packed = int.from_bytes(block[place : place + version_width], "little")
        place = ends + end_width * i
        end = int.from_bytes(block[place : place + end_width], "little")
        aligned = (start + 7) // 8 * 8
        if end >= aligned + 8:
            start = aligned
        yield key, base + (packed >> 2), packed & 3, block[start:end]
        start = end
    assert at == value_bytes + key_bytes


def passes_filter(content, key):
    lines, probes = u32(content, len(content) - 16), content[-12]
    key_hash = xxh3(key)
    line = ((key_hash >> 32) * lines >> 32) * 64
    bits = key_hash * GOLDEN & MASK
    for _ in range(probes):
        bit = bits >> 55
        if content[line + bit // 8] >> (bit % 8) & 1 == 0:
            return False
        bits = bits << 9 & MASK
    return True


class Layout:
    """Where the fields of a schema are in the struct of a document."""

    def __init__(self, schema):
        self.words, self.pointers, self.holes = 2, 1, [0] * 6
        assert self.place(3) == 16  # the kind of the id
        self.fields = []
        for field in sorted(schema["fields"], key=lambda field: field["id"]):
            kind = field["type"]
            at = self.pointers
            if kind == "bool":
                at = self.place(0)
            elif kind in ("int64", "double"):
                at = self.place(6)
            else:
                assert kind == "string" or (kind, field["items"]) == ("array", "string")
                self.pointers += 1
            self.fields.append((field["name"], kind, at, self.place(0), self.place(0)))

    def place(self, log_bits):
        """Room for 2^log_bits bits, in units of that."""
        if log_bits < 6:
            hole = self.take_hole(log_bits)
            if hole:
                return hole
        at = self.words << (6 - log_bits)
        self.words += 1
        free = at + 1
        for size in range(log_bits, 6):
            self.holes[size] = free
            free = (free + 1) // 2
        return at

    def take_hole(self, log_bits):
        if log_bits == 6:
            return 0
        hole = self.holes[log_bits]
        if hole:
            self.holes[log_bits] = 0
            return hole
        larger = self.take_hole(log_bits + 1)
        if larger:
            self.holes[log_bits] = 2 * larger + 1
        return 2 * larger

    def read(self, message):
        root = Struct.at(message, 0)
        document = {}
        for name, kind, at, is_set, is_null in self.fields:
            assert not (root.bit(is_set) and root.bit(is_null))
            if root.bit(is_null):
                document[name] = None
            elif root.bit(is_set):
                document[name] = self.read_field(root, kind, at)
        return document

    @staticmethod
    def read_field(root, kind, at):
        if kind == "array":
            pointer = root.pointer(at)
            start = target(root.message, pointer)
            return [
                list_bytes(root.message, start + 8 * i)[:-1].decode()
                for i in range(list_size(root.message, pointer))
            ]
        read = {"bool": root.bit, "int64": root.signed, "double": root.double, "string": root.text}
        return read[kind](at)


# --- A database ---


class Database:
    """All of a database, read at once.

    `entries` maps a stored key to its (sequence, kind, value)s, of the tables and of the log's
    records; of those only what concerns documents. `range_deletes` are (begin, end, sequence)s.
    """

    def __init__(self, directory, now=0):
        """`now`, in milliseconds since 1970, is what values expire by."""
        self.directory, self.now = directory, now
        self.tables, self.collections, self.entries = {}, {}, {}
        self.value_files, self.values = {}, {}
        self.range_deletes = []
        self.log_start = self.flushed = self.ingested = self.last_sequence = 0
        self.handler_state = b""
        self.closed_cleanly = False
        self.compressions = set()
        self.record_files = self.index_parts = 0
        self.read_manifest()
        for file in self.value_files.values():
            self.read_value_file(file)
        for number, table in self.tables.items():
            self.read_table(number, table.word(8))
        if self.handler_state:
            for collection in framed(self.handler_state).structs(0):
                self.define(collection.bytes(0))
        for sequence, record in self.read_log():
            self.apply(sequence, record)

    def file(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def read_manifest(self):
        roots = [re.fullmatch(r"ROOT-(\d{6,})", name) for name in os.listdir(self.directory)]
        number = max(int(match[1]) for match in roots if match)
        data = self.file(f"MANIFEST-{number:06d}")
        at = edits = 0
        while at < len(data):
            seed = number * GOLDEN & MASK ^ edits
            assert data[at : at + 4] == b"AMF1" and u64(data, at + 8) == edits
            assert u64(data, at + 24) == xxh3(data[at : at + 24], seed)
            payload = data[at + 32 : at + 32 + u32(data, at + 4)]
            assert u64(data, at + 16) == xxh3(payload, seed)
            self.apply_edit(framed(payload), edits == 0)
            at += 32 + len(payload)
            edits += 1

    def apply_edit(self, edit, is_first):
        if is_first:
            header = Struct.at(edit.message, edit.pointer(0))
            assert header.half(0) in (1, 2, 3) and header.text(1) == "aurora.bytewise"
            self.database_id = header.bytes(0)
        for number in edit.words(2):
            del self.tables[number]
        for file in edit.words(5):
            del self.value_files[file]
        for table in edit.structs(1):
            self.tables[table.word(0)] = table
        for file in edit.structs(4):
            self.value_files[file.word(0)] = file
        self.log_start = edit.word(0) or self.log_start
        self.flushed = edit.word(1) or self.flushed
        self.ingested = edit.word(5) or self.ingested
        if edit.pointer(3) is not None:
            self.handler_state = edit.bytes(3)

    def read_block(self, data, number, handle):
        offset, stored, raw = struct.unpack("<QII", handle)
        content = data[offset : offset + stored]
        trailer = data[offset + stored : offset + stored + 16]
        seed = xxh3(self.database_id + struct.pack("<QQ", number, offset))
        assert u64(trailer, 8) == xxh3(content + trailer[:8], seed) and not any(trailer[1:8])
        self.compressions.add(trailer[0])
        if trailer[0] == 0:
            assert stored == raw
            return content
        out = ctypes.create_string_buffer(raw)
        if trailer[0] == 1:
            assert LZ4.LZ4_decompress_safe(content, out, stored, raw) == raw
        else:
            assert ZSTD.ZSTD_decompress(out, raw, content, stored) == raw
        return out.raw

    def read_value_file(self, file):
        """Every value of a file, by (id, number): the value and the bytes that it takes there."""
        number = file.word(1)
        data = self.file(f"{number:06d}.values")
        footer = data[-128:]
        assert footer[:8] == b"AURVALUE" and u64(footer, 120) == xxh3(footer[:120])
        assert u32(footer, 8) == 3 and footer[16:32] == self.database_id
        assert not any(footer[12:16]) and not any(footer[72:120])
        assert u64(footer, 32) == number and u64(footer, 48) == file.word(0)
        assert u64(footer, 40) == file.word(2) == len(data) and file.word(3) == xxh3(data)
        index = self.read_block(data, number, footer[56:72])
        value_count, piece_count = u64(index, 0), u64(index, 8)
        assert len(index) == 16 + 16 * (value_count + piece_count) and value_count == file.word(4)
        pieces = 16 + 16 * value_count
        end = total = 0
        for i in range(value_count):
            at = 16 + 16 * i
            first = u64(index, at + 8)
            last = u64(index, at + 24) if i + 1 < value_count else piece_count
            assert i == 0 or u32(index, at) > u32(index, at - 16)
            value, begin = b"", end
            for piece in range(first, last):
                handle = index[pieces + 16 * piece : pieces + 16 * piece + 16]
                assert u64(handle, 0) == end and len(value) % PIECE == 0
                end += u32(handle, 8) + 16
                value += self.read_block(data, number, handle)
            total += end - begin
            self.values[file.word(0), u32(index, at)] = (value, end - begin)
        assert total == file.word(5) and end == u64(footer, 56)

    def read_handle(self, handle, named):
        """The value that an entry names; what the table names is counted in `named`."""
        file, size, stored, number = struct.unpack("<QQQI", handle)
        value, stored_there = self.values[file, number]
        assert len(value) == size and stored == stored_there
        assert number not in named.setdefault(file, {})
        named[file][number] = stored
        return value

    def read_form(self, form, named, expiries):
        """Kind and value of a put that is more than its value; an expired one is a delete."""
        word = u64(form, 0)
        if word >> 63 == 0:
            return PUT, self.read_handle(form, named)
        expiry = word & (1 << 62) - 1
        if expiry != (1 << 62) - 1:
            expiries.append(expiry)
        value = self.read_handle(form[8:], named) if word >> 62 & 1 else form[8:]
        return DELETE if expiry <= self.now else PUT, value

    def check_expiries(self, number, deletes, expiries):
        """What the manifest says of when the entries of a table expire."""
        table = self.tables[number]
        missing = (table.word(4) + 1) // 2 - deletes
        half = expiries[missing - 1] if 0 < missing <= len(expiries) else 0
        assert (table.word(10), table.word(11)) == (len(expiries), half)

    def read_table(self, number, ingested_at):
        data = self.file(f"{number:06d}.table")
        footer = data[-128:]
        assert footer[:8] == b"AURTABLE" and u64(footer, 120) == xxh3(footer[:120])
        assert u32(footer, 8) in (1, 2, 3) and not any(footer[112:120])
        assert footer[16:32] == self.database_id
        assert u64(footer, 32) == number and u64(footer, 40) == len(data)
        assert self.tables[number].word(3) == xxh3(data)
        content = self.read_block(data, number, footer[64:80]) if any(footer[64:80]) else None
        self.check_filter_pages(data, number, footer, content)
        first, last, end, named, deletes, expiries = None, None, 0, {}, 0, []
        for separator, sequence, kind, handle in self.read_index(data, number, footer):
            assert u64(handle, 0) == end
            end += u32(handle, 8) + 16
            for entry in block_entries(self.read_block(data, number, handle)):
                key, version = entry[0], entry[1] << 8 | entry[2]
                first = first or key
                assert last is None or last < (key, -version)
                last = (key, -version)
                assert last <= (separator, -(sequence << 8 | kind))
                assert content is None or passes_filter(content, key)
                _, version, kind, value = entry
                deletes += kind == DELETE
                if kind == SEPARATED_PUT:
                    kind, value = self.read_form(value, named, expiries)
                self.entries.setdefault(key, []).append((version + ingested_at, kind, value))
        self.check_named(number, data, footer, named)
        assert self.tables[number].word(9) in (0, deletes)
        self.check_expiries(number, deletes, sorted(expiries))
        assert end == self.data_end(data, number, footer)
        self.read_range_deletes(number, data, footer, first, last[0], ingested_at)

    def data_end(self, data, number, footer):
        """Where what comes behind the data begins: the filter, or the index or its first part."""
        if any(footer[64:80]):
            return u64(footer, 64)
        if u32(footer, 12) == 0:
            return u64(footer, 48)
        return u64(next(block_entries(self.read_block(data, number, footer[48:64])))[3], 0)

    def read_index(self, data, number, footer):
        """What names the data blocks, in order."""
        entries = list(block_entries(self.read_block(data, number, footer[48:64])))
        if u32(footer, 12) == 0:
            return entries
        assert u32(footer, 12) == len(entries) and u32(footer, 8) == 3
        self.index_parts += len(entries)
        end = u64(footer, 64) + u32(footer, 72) + 16 if any(footer[64:80]) else None
        named = []
        for separator, sequence, kind, handle in entries:
            assert end in (None, u64(handle, 0))
            end = u64(handle, 0) + u32(handle, 8) + 16
            named += block_entries(self.read_block(data, number, handle))
            assert named[-1][:3] == (separator, sequence, kind)
        assert end == u64(footer, 48)
        return named

    def check_filter_pages(self, data, number, footer, content):
        """What the properties say of the pages of the filter, where the index is in parts."""
        properties = framed(self.read_block(data, number, footer[80:96]))
        checksums = properties.bytes(3)
        if u32(footer, 12) == 0 or content is None:
            assert checksums == b""
            return
        lines = content[:-16]
        pages = [lines[at : at + 4096] for at in range(0, len(lines), 4096)]
        assert checksums == b"".join(
            struct.pack("<Q", xxh3(page, page_number)) for page_number, page in enumerate(pages)
        )

    def check_named(self, number, data, footer, named):
        """What manifest and properties say of the values that the table names."""
        sums = [(file, len(named[file]), sum(named[file].values())) for file in sorted(named)]
        stated = self.tables[number].structs(2)
        assert [tuple(file.word(i) for i in range(3)) for file in stated] == sums
        properties = framed(self.read_block(data, number, footer[80:96]))
        stated = properties.structs(2)
        assert [tuple(file.word(i) for i in range(3)) for file in stated] == sums
        for file in stated:
            numbers, at, following, distances = [], 0, 0, file.bytes(0)
            while at < len(distances):
                distance, at = varint(distances, at)
                numbers.append(following + distance)
                following = numbers[-1] + 1
            assert numbers == sorted(named[file.word(0)])

    def read_range_deletes(self, number, data, footer, least, greatest, ingested_at):
        """The range deletes of a table, and whether its bounds enclose all that it holds."""
        found, exclusive = [], False
        if any(footer[96:112]):
            found = list(block_entries(self.read_block(data, number, footer[96:112])))
        for begin, sequence, kind, end in found:
            assert kind == DELETE and begin < end
            least = min(least, begin)
            if end > greatest:
                greatest, exclusive = end, True
            self.range_deletes.append((begin, end, sequence + ingested_at))
        order = [(begin, -sequence) for begin, sequence, _, _ in found]
        assert order == sorted(set(order))
        table = self.tables[number]
        assert table.word(7) == len(found) and table.bit(72) == exclusive
        assert table.bytes(0) == least and table.bytes(1) == greatest

    def value(self, key):
        """The value of a stored key in a keyspace without operands, None if it has none."""
        sequence, kind, value = max(self.entries[key])
        hidden = any(
            begin <= key < end and sequence < deleted for begin, end, deleted in self.range_deletes
        )
        return None if hidden or kind == DELETE else value

    def segment_headers(self):
        headers = {}
        for name in os.listdir(os.path.join(self.directory, "log")):
            match = re.fullmatch(r"(\d{10})\.log", name)
            if not match or int(match[1]) < self.log_start:
                continue
            with open(os.path.join(self.directory, "log", name), "rb") as file:
                block = file.read(BLOCK)
            is_valid = block[:8] == b"AURALOG1" and u64(block, 4088) == xxh3(block[:4088])
            if is_valid and u32(block, 40) == int(match[1]):
                assert block[16:32] == self.database_id
                headers[int(match[1])] = block
        return headers

    def read_log(self):
        """The records above what the tables hold."""
        headers = self.segment_headers()
        chain = [max(headers)] if headers else []
        while chain and u32(headers[chain[-1]], 56) >= self.log_start:
            chain.append(u32(headers[chain[-1]], 56))
        chain.reverse()
        for number, successor in zip(chain, chain[1:] + [None]):
            limit = None if successor is None else u32(headers[successor], 60)
            end = BLOCK
            for kind, sequence, payload, end in self.frames(number, headers[number], limit):
                self.closed_cleanly = kind == 3
                if kind not in (1, 4, 5):
                    continue
                assert sequence > self.last_sequence
                self.last_sequence = sequence
                if sequence <= self.flushed:
                    continue
                if kind == 4:
                    payload = self.record_file(payload)
                if kind == 5:
                    payload = self.ingest(sequence, payload)
                if payload:
                    yield sequence, payload
            assert limit is None or end == limit

    def ingest(self, sequence, payload):
        """The record of an ingestion, whose tables the manifest may not have."""
        size = u32(payload, 0)
        assert size % 8 == 0 and u32(payload, 4) == 0
        if sequence > self.ingested:
            for table in framed(payload[8 : 8 + size]).structs(1):
                self.tables[table.word(0)] = table
                self.read_table(table.word(0), sequence)
        return payload[8 + size :]

    def record_file(self, reference):
        """The record that a frame says is in a file of its own."""
        number, size, checksum = struct.unpack("<QQQ", reference)
        data = self.file(f"log/{number:06d}.record")
        assert xxh3(data) == checksum and len(data) == BLOCK + next_block(size)
        assert data[:8] == b"AURAREC1" and u32(data, 8) == 1 and data[16:32] == self.database_id
        assert u64(data, 32) == number and u64(data, 40) == size
        assert u64(data, 4088) == xxh3(data[:4088])
        self.record_files += 1
        return data[BLOCK : BLOCK + size]

    def frames(self, number, header, limit):
        data = self.file(f"log/{number:010d}.log")
        seed = xxh3(header[16:40] + struct.pack("<I", number))
        end = BLOCK
        while limit is None or end < limit:
            for at in (end, next_block(end)):
                frame = self.frame(data, at, number, seed)
                if frame is not None:
                    break
            if frame is None or frame[0] != end:
                return
            kind, sequence, payload = frame[1:]
            end = at + (48 + len(payload) + 7) // 8 * 8
            yield kind, sequence, payload, end

    @staticmethod
    def frame(data, at, number, seed):
        """(Where the frame before ends, kind, sequence, payload), None if there is none at `at`."""
        if at + 48 > len(data) or data[at + 28 : at + 32] != b"fram":
            return None
        if u32(data, at + 32) != number or u32(data, at + 36) != at:
            return None
        if u64(data, at) != xxh3(data[at + 8 : at + 48], seed):
            return None
        payload = data[at + 48 : at + 48 + u32(data, at + 24)]
        if u64(data, at + 8) != xxh3(payload):
            return None
        word = u64(data, at + 16)
        return u32(data, at + 40), word >> 56, word & (1 << 56) - 1, payload

    def define(self, definition):
        root = framed(definition)
        schema = free_value(Struct.at(root.bytes(1), 0))
        self.collections[root.half(0)] = {
            "name": root.text(0),
            "documents": root.half(1),
            "layout": Layout(schema),
        }

    def drop(self, sequence, collection):
        keyspace = collection["documents"]
        self.range_deletes.append((bytes([keyspace]), bytes([keyspace + 1]), sequence))

    def apply(self, sequence, record):
        assert record[0] == 1
        _, at = varint(record, 1)  # transaction id
        _, at = sized(record, at)  # label
        _, at = varint(record, at)  # tick
        count, at = varint(record, at)
        for _ in range(count):
            kind = record[at]
            collection, at = varint(record, at + 1)
            if kind == 4:
                definition, at = sized(record, at)
                self.define(definition)
                continue
            if kind == 5:
                self.drop(sequence, self.collections.pop(collection))
                continue
            if kind == 6:
                _, at = varint(record, at)  # keyspace of the index
                _, at = varint(record, at)  # next row
                _, at = sized(record, at)  # what follows from the documents
                continue
            if kind == 7:
                _, at = sized(record, at)  # how far a migration is
                continue
            row, at = varint(record, at)
            version, at = varint(record, at)
            _, at = sized(record, at)  # id
            entry = (sequence, DELETE, b"")
            if kind != 3:
                document, at = sized(record, at)
                entry = (sequence, PUT, struct.pack("<II", version, 0) + document)
            if kind == 2:
                slots, at = varint(record, at)
                for _ in range(slots):
                    _, at = varint(record, at)
            if kind != 1:
                _, at = sized(record, at)  # old document, or old values
            key = self.row_key(self.collections[collection], row)
            self.entries.setdefault(key, []).append(entry)
        assert at == len(record)

    @staticmethod
    def row_key(collection, row):
        assert collection["documents"] < 240
        return bytes([collection["documents"]]) + row.to_bytes(6, "big")

    def documents(self, name):
        """The documents of a collection, in the order of their rows."""
        [collection] = [c for c in self.collections.values() if c["name"] == name]
        found = []
        for key in sorted(self.entries):
            if key[0] != collection["documents"]:
                continue
            value = self.value(key)
            if value is not None:
                assert value[4:8] == bytes(4)
                found.append(collection["layout"].read(value[8:]))
        return found
