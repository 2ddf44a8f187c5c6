@0xb7c1d0a4f2e63915;
# What a database knows of its collections, as the commit log and the saved state of the store hold
# it.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("aurora::wire");

struct CollectionDefinition @0x9e2f64b1a3c8d507 {
  id @0 :UInt32;
  name @1 :Text;
  schema @2 :Data;
  # A Value message (engine/document/value.capnp) of what engine/document/schema_text.h makes of it.
  # Keyspaces of the store.
  documents @3 :UInt32;
  ids @4 :UInt32;
  indices @5 :List(Index);
  revision @6 :UInt32;
  # One more than that of the definition before it.

  struct Index @0xe3a9172b5f60c48d {
    fieldId @0 :UInt32;
    unique @1 :Bool;
    keyspace @2 :UInt32;
  }
}

struct CatalogState @0xd4067be1c92f853a {
  # Saved with every flush: everything that the replay of later records starts from.
  collections @0 :List(Collection);
  nextCollection @1 :UInt32;
  nextKeyspace @2 :UInt32;
  tickMicros @3 :Int64;
  # The time of the newest record that is flushed.
  migrations @4 :List(Data);
  # engine/migration_state.h, by version.

  struct Collection @0x8b5d90f2e7c314a6 {
    definition @0 :Data;
    nextRow @1 :UInt64;
    indices @2 :List(IndexProgress);
    # Of those that were built on documents that were there before; of the others there is nothing
    # to tell.
  }

  struct IndexProgress @0xc5b1f0e37d8a2469 {
    keyspace @0 :UInt32;
    nextRow @1 :UInt64;
    endRow @2 :UInt64;
    # Rows from nextRow on and below endRow are not in the index yet.
    readySince @3 :UInt64;
    # The commit that completed it; 0 while it is being built.
  }
}
