@0xd1d0b8a2c6f34e5f;
# A value of any type, as documents hold what their schema does not declare. The order of the union
# is that of aurora::Type, so the discriminant is the type. Fixed for good: documents hold it.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("aurora::wire");

struct Value @0xcb4628ce1edef039 {
  # Set if the value is the member of an object.
  name @0 :Text;
  union {
    null @1 :Void;
    bool @2 :Bool;
    int64 @3 :Int64;
    double @4 :Float64;
    string @5 :Text;
    bytes @6 :Data;
    uuid @7 :Data;
    # 16 bytes.
    timestamp @8 :Int64;
    # Microseconds since 1970-01-01T00:00:00Z.
    array @9 :List(Value);
    object @10 :List(Value);
    # Each with a name.
  }
}

struct Uuid @0x8e1f3a6f0c9b2d47 {
  # An item of a list of UUIDs: the first and the last 8 bytes as big-endian numbers.
  high @0 :UInt64;
  low @1 :UInt64;
}
