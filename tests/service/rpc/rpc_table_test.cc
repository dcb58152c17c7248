#include "service/rpc/rpc_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace trawl::service {
namespace {

TEST(RpcTable, ReadsNamesAndNumbers) {
  const RpcTable table = parse_rpc_table(
      "# rpc\n"
      "\n"
      "rpcbind\t100000 portmap sunrpc # comment\n"
      "  nfs 100003\r\n"
      "   # more\n"
      "x25.inr 100022#close\n"
      "second 100003\n"
      "most 4294967295");
  ASSERT_TRUE(table.problems.empty());
  ASSERT_EQ(table.programs.size(), 4U);
  EXPECT_EQ(table.programs[0].name, "rpcbind");
  EXPECT_EQ(table.programs[0].number, 100'000U);
  EXPECT_EQ(table.name_of(100'003), "nfs");
  EXPECT_EQ(table.name_of(100'022), "x25.inr");
  EXPECT_EQ(table.name_of(4'294'967'295U), "most");
  EXPECT_EQ(table.name_of(1), "");
}

TEST(RpcTable, LeavesWrongLinesOut) {
  const RpcTable table =
      parse_rpc_table("good 1\nlonely\nbad x\nbig 4294967296\nminus -1\n" + std::string(65, 'n') +
                      " 5\nesc\x1b[31m 6\ntail 7x\n" + std::string(64, 'n') + " 8\n");
  ASSERT_EQ(table.programs.size(), 2U);
  EXPECT_EQ(table.programs[1].number, 8U);
  ASSERT_EQ(table.problems.size(), 7U);
  EXPECT_EQ(table.problems[0].line, 2U);
  EXPECT_EQ(table.problems[0].reason, "a number is missing");
  EXPECT_EQ(table.problems[1].reason, "the number is not one of 0 to 4294967295");
  EXPECT_EQ(table.problems[4].reason, "the name is too long");
  EXPECT_EQ(table.problems[5].reason, "the name has bytes that are not printable");
}

TEST(RpcTable, IsBounded) {
  std::string text;
  for (int i = 0; i < 70'000; ++i) text += "p " + std::to_string(i) + "\n";
  const RpcTable table = parse_rpc_table(text);
  EXPECT_EQ(table.programs.size(), RpcTable::kMostPrograms);
  EXPECT_EQ(table.problems.size(), RpcTable::kMostProblems);
  EXPECT_EQ(table.problems[0].reason, "there are too many programs");
}

TEST(RpcTable, OurOwnIsWholeAndWithoutMistakes) {
  const auto table = builtin_rpc_table();
  EXPECT_TRUE(table->problems.empty());
  EXPECT_GE(table->programs.size(), 100U);
  EXPECT_EQ(table->name_of(100'000), "rpcbind");
  EXPECT_EQ(table->name_of(100'005), "mountd");
  std::set<std::string> names;
  for (const RpcProgram& program : table->programs) {
    EXPECT_TRUE(names.insert(program.name).second) << program.name;
    // RFC 5531 section 8.3 keeps these for nobody.
    EXPECT_LT(program.number, 0x6000'0000U) << program.name;
  }
}

TEST(RpcTable, FilesThatAreOfNoUseAreRefused) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("trawl-rpc-table-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "rpc";
  EXPECT_EQ(read_rpc_table(path).error().message,
            "Cannot read " + path + ": it is no readable file.");
  EXPECT_FALSE(read_rpc_table(folder));
  std::ofstream{path} << "# nothing\n";
  EXPECT_EQ(read_rpc_table(path).error().message, path + " names no RPC program.");
  EXPECT_EQ(read_rpc_table(path).error().code, ExitCode::BadInput);
  std::ofstream{path} << "nfs 100003\n";
  EXPECT_EQ(read_rpc_table(path)->programs.size(), 1U);
  std::filesystem::resize_file(path, (16U << 20U) + 1);
  EXPECT_EQ(read_rpc_table(path).error().message, "Cannot read " + path + ": it is over 16 MiB.");
  std::filesystem::remove_all(folder);
}

TEST(RpcTable, ReadsTheInstalledFileOfNmap) {
  const std::string path = "/usr/share/nmap/nmap-rpc";
  if (!std::filesystem::exists(path)) GTEST_SKIP();
  const auto table = read_rpc_table(path);
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->problems.empty());
  EXPECT_GT(table->programs.size(), 1500U);
  EXPECT_EQ(table->name_of(100'003), "nfs");
}

}  // namespace
}  // namespace trawl::service
