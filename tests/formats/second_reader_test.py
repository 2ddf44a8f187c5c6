#!/usr/bin/env python3
"""docs/file-format.md suffices to write a second reader: one that was written after it reads what
aurora-tool has written."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import second_reader  # noqa: E402

TOOL = os.path.realpath(sys.argv.pop(1))


def document(number):
    made = {
        "sku": f"S-{number}",
        "price": number * 7 % 1000 / 4,
        "in_stock": number % 3 == 0,
        "stock": number * 1_000_003 - 5,
        "tags": [f"t{number % 7}", "all"],
    }
    # Large ones fill memtables, so that there are tables to read; the largest go to value files.
    if number % 4 == 0:
        made["note"] = f"{number} " * (number % 5000)
    return made


class Tables(second_reader.Database):
    """The tables of a store that holds no documents: what its log records say is its own affair."""

    def apply(self, sequence, record):
        pass


class SecondReaderTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.database = os.path.join(directory.name, "db")
        self.file = os.path.join(directory.name, "things.ndjson")

    def import_command(self, count, *options):
        with open(self.file, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(document(number)) + "\n" for number in range(count))
        return [TOOL, "import", self.database, "things", self.file, "--unique", "sku", *options]

    def test_what_is_in_the_log_is_read(self):
        subprocess.run(self.import_command(500, "--batch", "50"), check=True, capture_output=True)
        database = second_reader.Database(self.database)
        self.assertTrue(database.closed_cleanly)
        self.assertEqual(database.documents("things"), [document(i) for i in range(500)])

    def test_what_is_in_tables_is_read(self):
        command = self.import_command(20_000, "--batch", "100", "--index", "in_stock,tags")
        subprocess.run(command, check=True, capture_output=True)
        database = second_reader.Database(self.database)
        self.assertTrue(database.tables)
        self.assertGreater(database.index_parts, 1)
        self.assertTrue(database.value_files)
        self.assertGreater(len(database.values), 100)
        self.assertGreaterEqual(len(database.compressions), 2)
        self.assertEqual(database.documents("things"), [document(i) for i in range(20_000)])

    def restore_golden(self, name):
        """Makes a database of a golden directory; returns what it must be found to hold."""
        golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "3", name)
        with open(f"{golden}.sizes", encoding="utf-8") as sizes:
            for line in sizes:
                size, path = line.split()
                target = os.path.join(self.database, path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(os.path.join(golden, path), "rb") as file:
                    content = file.read().ljust(int(size), b"\0")
                with open(target, "wb") as file:
                    file.write(content)
        with open(f"{golden}.answers", encoding="utf-8") as answers:
            return dict(line.rstrip("\n").split(" = ", 1) for line in answers)

    def test_what_was_ingested_is_read(self):
        expected = self.restore_golden("ingested")
        database = second_reader.Database(self.database)
        found = {}
        for key in database.entries:
            value = database.value(key)
            if value is not None:
                found[f"{key[0]}/{key[1:].decode()}"] = value.decode()
        self.assertEqual(found, expected)

    def test_what_expires_is_read_as_long_as_it_lives(self):
        expected = self.restore_golden("expiring")
        hour = 3_600_000
        begin = min(int(e.split(" until ")[1]) for e in expected.values() if " until " in e)
        begin -= 30 * 24 * hour  # the first of those for a month
        # Of the keys that only tables have; the log may hide the last of them.
        numbers = [number for number in range(199) if number % 5 != 0]
        keys = [b"\0key%d" % (1000 + number) for number in numbers]
        young, now, old = (Tables(self.database, begin + age) for age in (0, 2 * hour, 9999 * hour))
        for number, key in zip(numbers, keys):
            value = b"value %d" % number
            self.assertEqual(young.value(key), value)
            self.assertEqual(now.value(key), None if number % 3 == 0 else value)
            self.assertEqual(old.value(key), None if number % 3 < 2 else value)
            answer = expected.get(f"0/{key[1:].decode()}", "").split(" until ")[0]
            self.assertEqual(now.value(key) or b"", answer.encode())
        large = [key for key in now.entries if key.startswith(b"\0large")]
        self.assertGreater(len(large), 10)
        for key in large:
            answer = expected.get(f"0/{key[1:].decode()}", "").split(" until ")[0]
            self.assertEqual(now.value(key) or b"", answer.encode())

    def test_a_record_that_is_too_large_for_the_log_is_read(self):
        # One commit of about 10 MB. Killed at once, so that it is not yet in a table, perhaps.
        count = 4_000
        options = ["--batch", str(count), "--sample", str(count), "--print-acknowledged"]
        command = self.import_command(count, *options)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while not process.stdout.readline().startswith(b"acknowledged "):
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        database = second_reader.Database(self.database)
        self.assertEqual(database.documents("things"), [document(i) for i in range(count)])

    def test_what_was_acknowledged_is_read_after_a_kill(self):
        command = self.import_command(20_000, "--batch", "10", "--print-acknowledged")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        acknowledged = 0
        for line in process.stdout:
            if line.startswith(b"acknowledged "):
                acknowledged = int(line.split()[1])
            if acknowledged >= 2_000:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        database = second_reader.Database(self.database)
        # It may have been quicker than the signal.
        self.assertEqual(database.closed_cleanly, process.returncode == 0)
        found = database.documents("things")
        self.assertGreaterEqual(len(found), acknowledged)
        self.assertEqual(found, [document(i) for i in range(len(found))])


if __name__ == "__main__":
    unittest.main()
