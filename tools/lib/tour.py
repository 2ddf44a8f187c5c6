#!/usr/bin/env python3
"""What tools/quickstart.sh needs to know of a file that it has never seen.

  tour.py options FILE             options for `aurora-tool import`: what is worth an index
  tour.py queries FILE COLLECTION  queries that fit, one a line; reads the schema that
                                   `aurora-tool schema COLLECTION --json` prints
  tour.py compare FILE COUNT LOG   whether the documents on standard input, as JSON lines, begin
                                   with the first COUNT objects of FILE read again and again; LOG
                                   holds what the import said, with the lines that it rejected

FILE holds a JSON object a line, and may be gzipped.
"""

import collections
import gzip
import itertools
import json
import re
import sys

SAMPLE = 20_000
INDICES_MAX = 3
SHORT = 40  # characters of a text that identifies or groups
NUMBERS_MAX = 100  # more different numbers than these are measures, not groups
WORD = re.compile(r"[^\W\d_]{4,}")


def lines(path):
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    opener = gzip.open if zipped else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        yield from file


def parse(line):
    """The object of a line, or None."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class Field:
    """What a sample of objects holds under one name."""

    def __init__(self, objects, name):
        self.name = name
        present = [o[name] for o in objects if o.get(name) is not None]
        self.types = {type(value) for value in present}
        self.is_array = self.types == {list}
        values = list(itertools.chain.from_iterable(present)) if self.is_array else present
        self.item_types = {type(value) for value in values}
        self.plain = len(self.item_types) == 1 and self.item_types <= {str, int, bool}
        self.is_text = self.types == {str}
        self.is_number = bool(self.types) and self.types <= {int, float}
        self.coverage = len(present) / len(objects)
        plain = self.plain or self.is_number
        self.counts = collections.Counter(values if plain else [])
        lengths = [len(v) for v in values] if self.item_types == {str} else []
        self.length = max(lengths, default=0)
        self.mean_length = sum(lengths) / max(len(lengths), 1)

    def is_category(self):
        """A value stands for a group of documents: worth an index."""
        return (
            self.plain
            and self.coverage > 0.3
            and self.length <= SHORT
            and not (self.is_number and len(self.counts) > NUMBERS_MAX)
            and 2 <= len(self.counts) <= max(2, sum(self.counts.values()) // 10)
        )

    def is_key(self, count):
        return (
            not self.is_array
            and self.item_types in ({str}, {int})
            and len(self.counts) == count
            and self.length <= SHORT
        )


def examine(path):
    """The fields of a sample, its objects, and whether they are the whole file."""
    source = lines(path)
    objects = [o for o in map(parse, itertools.islice(source, SAMPLE)) if o]
    names = dict.fromkeys(name for o in objects for name in o if name != "_id")
    whole = next(source, None) is None
    return [Field(objects, name) for name in names], objects, whole


def options(path):
    fields, objects, whole = examine(path)
    # Texts before numbers, few values before many: they group best.
    categories = [f for f in fields if f.is_category()]
    categories.sort(key=lambda f: (f.is_number, len(f.counts)))
    keys = [f for f in fields if whole and f.is_key(len(objects))]
    indexed = [f.name for f in categories[:INDICES_MAX]]
    unique = [f.name for f in keys[:1]]
    for option, names in (("--index", indexed), ("--unique", unique)):
        names = [name for name in names if "," not in name]
        if names:
            print(option, ",".join(names), sep="\n")


def quote_name(name):
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f"`{name}`"


def holds(thing, field, value):
    found = thing.get(field.name)
    return value in found if isinstance(found, list) else found == value


def literal(value):
    return json.dumps(value, ensure_ascii=False)


def queries(path, collection):
    schema = json.load(sys.stdin)["schema"]["fields"]
    declared = {f["name"]: f for f in schema}
    fields, objects, _ = examine(path)
    fields = [f for f in fields if f.name in declared and "`" not in f.name]
    groups = [f for f in fields if declared[f.name].get("indexed")]
    keys = [f for f in fields if declared[f.name].get("unique")]
    numbers = [f for f in fields if f.is_number and len(f.counts) > 20 and f.coverage > 0.3]
    # What a reader would call a document by: the first short text with many values.
    labels = [
        f
        for f in fields
        if f.is_text and f.coverage > 0.5 and f.mean_length <= SHORT and len(f.counts) > 100
    ]
    labels = [f for f in labels if f not in keys and f not in groups][:1] or labels[:1]

    def query(condition, order, *shown):
        names = dict.fromkeys(quote_name(f.name) for f in [*keys, *labels, *shown])
        select = ", ".join(list(names)[:5])
        where = f"{collection} where {condition}"
        return f"{where}{order} limit 5" + (f" select {select}" if select else "")

    def by(fields, direction=""):
        return f" order by {quote_name(fields[0].name)}{direction}" if fields else ""

    def equals(field, value):
        return f"{quote_name(field.name)} {'any' if field.is_array else '=='} {literal(value)}"

    found = []
    if keys:
        values = list(keys[0].counts)
        found.append(f"{collection} where {equals(keys[0], values[len(values) // 2])}")
    if groups:
        # A common value, and of the next field a value that goes with it.
        conditions, rest = [], objects
        for field in groups[:2]:
            ranked = Field(rest, field.name).counts.most_common()
            if not ranked:
                break
            value = ranked[len(ranked) // 8][0]
            rest = [o for o in rest if holds(o, field, value)]
            conditions.append(equals(field, value))
        found.append(query(" and ".join(conditions), by(labels), *groups[:2]))
    if numbers:
        values = sorted(numbers[0].counts.elements())
        bound = literal(values[len(values) * 9 // 10])
        condition = f"{quote_name(numbers[0].name)} >= {bound}"
        found.append(query(condition, by(numbers, " desc"), numbers[0], *groups))
    if labels:
        words = collections.Counter(w for text in labels[0].counts for w in WORD.findall(text))
        common = [word for word, count in words.most_common(20) if count > 2]
        if common:
            condition = f'{quote_name(labels[0].name)} contains "{common[len(common) // 3]}"'
            found.append(query(condition, by(labels), labels[0]))
    print(*(found or [f"{collection} limit 5"]), sep="\n")


def compare(path, count, log):
    with open(log, encoding="utf-8") as file:
        rejected = {int(n) for n in re.findall(r"^rejected: line (\d+)", file.read(), re.M)}
    endless = itertools.chain.from_iterable(lines(path) for _ in itertools.count())
    numbered = ((n, parse(line)) for n, line in enumerate(endless, 1) if line.strip())
    expected = (o for n, o in numbered if n not in rejected)
    seen = 0
    # To the end, or who writes it would take a closed pipe for a failure.
    for i, line in enumerate(sys.stdin):
        if i >= count:
            continue
        stored, wanted = json.loads(line), next(expected)
        if "_id" not in wanted:
            stored.pop("_id")
        if stored != wanted:
            sys.exit(f"document {i} differs:\n  the file's  {wanted}\n  the database's  {stored}")
        seen = i + 1
    if seen < count:
        sys.exit(f"{count - seen} acknowledged documents are missing")


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "options":
        options(*arguments)
    elif command == "queries":
        queries(*arguments)
    else:
        compare(arguments[0], int(arguments[1]), arguments[2])
