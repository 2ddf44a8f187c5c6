@0xb7d0a3f1c25e9d46;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("aurora::lsm::wire");

# What a table holds, as a whole.

struct TableProperties {
  entryCount @0 :UInt64;
  deleteCount @1 :UInt64;
  mergeCount @2 :UInt64;
  # Different stored keys.
  keyCount @3 :UInt64;
  dataBlockCount @4 :UInt64;
  # Sums over all entries, uncompressed.
  rawKeyBytes @5 :UInt64;
  rawValueBytes @6 :UInt64;
  # Of the data blocks, as stored.
  dataBytes @7 :UInt64;
  # Stored keys, both inclusive, of entries and range deletes.
  smallestKey @8 :Data;
  largestKey @9 :Data;
  smallestSequence @10 :UInt64;
  largestSequence @11 :UInt64;
  # 0: no filter.
  filterBitsPerKey @12 :UInt8;
  rangeDeleteCount @13 :UInt64;
  # largestKey itself is not in the table: it is where a range delete ends.
  largestIsExclusive @14 :Bool;
  # What the table needs of value files, ascending by file.
  values @15 :List(TableValues);
  # Entries that expire.
  expiringCount @16 :UInt64;
  # When half of the entries, or more, will have expired or be deletes, in milliseconds since 1970;
  # 0: never, unless deletes are half already.
  halfExpiredAt @17 :UInt64;
  # XXH3-64 of each page of the filter's lines, seeded with the page's number: 8 bytes each,
  # little-endian. Only where the index is in parts.
  filterPages @18 :Data;
  # Bits that the filter has for each key, if there are filterPages.
  filterProbeCount @19 :UInt8;
}

struct TableValues {
  # The id of the value file.
  file @0 :UInt64;
  valueCount @1 :UInt64;
  # That the values take in the file.
  storedBytes @2 :UInt64;
  # Of the values, ascending: the distance of each from the one before, less one, as varints.
  numbers @3 :Data;
}
