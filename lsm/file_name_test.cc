#include "aurora/lsm/file_name.h"

#include <gtest/gtest.h>

namespace aurora::lsm {
namespace {

using Kind = FileName::Kind;

TEST(FileNameTest, WhatIsMadeIsRead) {
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{999'999},
                                     std::uint64_t{1'000'000}, std::uint64_t{UINT64_MAX}}) {
    EXPECT_EQ(ParseFileName(RootFileName(number)).kind, Kind::kRoot);
    EXPECT_EQ(ParseFileName(RootFileName(number)).number, number);
    EXPECT_EQ(ParseFileName(ManifestFileName(number)).kind, Kind::kManifest);
    EXPECT_EQ(ParseFileName(ManifestFileName(number)).number, number);
    EXPECT_EQ(ParseFileName(TableFileName(number)).kind, Kind::kTable);
    EXPECT_EQ(ParseFileName(TableFileName(number)).number, number);
  }
  EXPECT_EQ(ParseFileName("LOCK").kind, Kind::kLock);
  EXPECT_EQ(ParseFileName("RESERVE").kind, Kind::kReserve);
  EXPECT_EQ(ParseFileName("log").kind, Kind::kLogDirectory);
  EXPECT_EQ(ParseFileName("LOG").kind, Kind::kEvents);
  EXPECT_EQ(ParseFileName("LOG.old").kind, Kind::kEvents);
}

TEST(FileNameTest, NamesThatAreNotExactlyOursAreNotOurs) {
  for (const char* name : {"",
                           "lock",
                           "LOCK~",
                           "LOG.older",
                           "ROOT-",
                           "ROOT-1",
                           "ROOT-000000",
                           "ROOT-0000001",
                           "ROOT--00001",
                           "ROOT-+00001",
                           "ROOT-000001.bak",
                           "xROOT-000001",
                           "MANIFEST-00001",
                           "MANIFEST-000001 ",
                           "000001.tables",
                           "1.table",
                           "0x0001.table",
                           ".table",
                           "000001.table.tmp",
                           "99999999999999999999.table",
                           "18446744073709551616.table"}) {
    EXPECT_EQ(ParseFileName(name).kind, Kind::kOther) << name;
  }
}

TEST(FileNameTest, PathsAreJoinedAndTakenApart) {
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
  EXPECT_EQ(JoinPath("a/", "c"), "a/c");
  EXPECT_EQ(JoinPath("", "c"), "c");
  EXPECT_EQ(ParentPath("a/b"), "a");
  EXPECT_EQ(ParentPath("a/b/"), "a");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
}

}  // namespace
}  // namespace aurora::lsm
