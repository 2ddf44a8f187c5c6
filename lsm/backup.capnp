@0x8424e44ebe1324fc;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("aurora::lsm::wire");

# What one backup of a set consists of.

struct LogPart {
  number @0 :UInt32;
  # Of the segment, what belongs to the backup: its first bytes, and their XXH3.
  bytes @1 :UInt64;
  hash @2 :UInt64;
  # The size that the segment's file had, and gets again.
  paddedBytes @3 :UInt64;
}

# A record that is too large for a segment (record_file.h).
struct RecordFile {
  number @0 :UInt64;
  payloadBytes @1 :UInt64;
  # XXH3 of the whole file.
  hash @2 :UInt64;
}

struct Backup {
  formatVersion @0 :UInt32;
  # By the wall clock, in microseconds since 1970; for people only.
  createdMicros @1 :Int64;
  label @2 :Text;
  # Of the last commit in it.
  sequence @3 :UInt64;
  # The tables and all that recovery needs, as the first frame of a manifest of number 1.
  manifest @4 :Data;
  # Oldest first.
  log @5 :List(LogPart);
  # What the log names.
  recordFiles @6 :List(RecordFile);
}
