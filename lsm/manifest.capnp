@0xe30108c4071fb221;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("aurora::lsm::wire");

# One edit of the description of the tree: what is zero or absent stays as it was.

struct Table {
  number @0 :UInt64;
  level @1 :UInt8;
  sizeBytes @2 :UInt64;
  # XXH3 of the whole file.
  hash @3 :UInt64;
  entryCount @4 :UInt64;
  # Stored keys, both inclusive, of entries and range deletes.
  smallestKey @5 :Data;
  largestKey @6 :Data;
  smallestSequence @7 :UInt64;
  largestSequence @8 :UInt64;
  rangeDeleteCount @9 :UInt64;
  # largestKey itself is not in the table: it is where a range delete ends.
  largestIsExclusive @10 :Bool;
  # What the table needs of value files, ascending by file.
  values @11 :List(ValueReference);
  # Of a table that was ingested: its commit, whose sequence all that is in it has, in place of the
  # 0 that it has in the file. 0: everything has its own.
  ingestedAt @12 :UInt64;
  # Of entryCount. 0 in what format 2 and before wrote.
  deleteCount @13 :UInt64;
  # Entries that expire.
  expiringCount @14 :UInt64;
  # When half of the entries, or more, will have expired or be deletes, in milliseconds since 1970;
  # 0: never, unless deletes are half already.
  halfExpiredAt @15 :UInt64;
}

struct ValueReference {
  # The id of the value file.
  file @0 :UInt64;
  valueCount @1 :UInt64;
  # That the values take in the file.
  storedBytes @2 :UInt64;
}

struct ValueFile {
  # The number of its first file, by which tables name it.
  id @0 :UInt64;
  # Of the file that it is now.
  number @1 :UInt64;
  sizeBytes @2 :UInt64;
  # XXH3 of the whole file.
  hash @3 :UInt64;
  # Of all values in the file, whether or not a table needs them.
  valueCount @4 :UInt64;
  storedBytes @5 :UInt64;
}

# Written in the first edit of a manifest and never again.
struct Header {
  formatVersion @0 :UInt32;
  databaseId @1 :Data;
  epoch @2 :UInt64;
  comparator @3 :Text;
  bootId @4 :Text;
}

struct Edit {
  header @0 :Header;
  addedTables @1 :List(Table);
  removedTables @2 :List(UInt64);
  # Recovery replays the log from this segment on ...
  logStartSegment @3 :UInt64;
  # ... and of it the records above this sequence.
  flushedThrough @4 :UInt64;
  # No sequence above this one was ever issued.
  reservedThrough @5 :UInt64;
  # No file of this number or above was ever created.
  nextFileNumber @6 :UInt64;
  # What the layer above saved as of flushedThrough.
  handlerState @7 :Data;
  # The store was closed and this was the last sequence issued; one more than that, 0 if it was not
  # closed. Any later edit says that it is open again.
  closedAfter @8 :UInt64;
  # An id that is removed may be added again, as another file.
  addedValueFiles @9 :List(ValueFile);
  removedValueFiles @10 :List(UInt64);
  # The tables of every ingestion up to this sequence were added.
  ingestedThrough @11 :UInt64;
}
