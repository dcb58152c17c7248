#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "control/lab/layout.h"
#include "control/lab/recipe.h"

namespace trawl::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTwo = R"(# server: one
# package: one-server
# program: /usr/sbin/one
# set: default
# unpacked: one-server one-common
# needs: /usr/bin/openssl openssl
# listen: 80/tcp ssl/http | One (A|B) | package
# listen: 53/udp domain
mkdir x
# A comment of the script.
exec one

# server: two
# package: two
# program: /bin/sh
# set: basic
# listen: 7/tcp echo |  | 1.0
exec two
)";

std::string error_of(std::string_view text) {
  const auto recipes = parse_recipes(text);
  return recipes ? "" : recipes.error().message;
}

TEST(LabRecipe, AllKeysAndTheScriptAreRead) {
  const auto recipes = parse_recipes(kTwo);
  ASSERT_TRUE(recipes) << recipes.error().message;
  ASSERT_EQ(recipes->size(), 2U);
  const Recipe& one = recipes->front();
  EXPECT_EQ(one.name, "one");
  EXPECT_EQ(one.package, "one-server");
  EXPECT_EQ(one.program, "/usr/sbin/one");
  EXPECT_EQ(one.set, "default");
  EXPECT_THAT(one.unpacked, ElementsAre("one-server", "one-common"));
  ASSERT_EQ(one.needs.size(), 1U);
  EXPECT_EQ(one.needs[0].program, "/usr/bin/openssl");
  EXPECT_EQ(one.needs[0].package, "openssl");
  ASSERT_EQ(one.listens.size(), 2U);
  EXPECT_EQ(one.listens[0].port, 80);
  EXPECT_EQ(one.listens[0].transport, "tcp");
  EXPECT_EQ(one.listens[0].service, "ssl/http");
  EXPECT_EQ(one.listens[0].product, "One (A|B)");
  EXPECT_EQ(one.listens[0].version, "package");
  EXPECT_EQ(one.listens[1].transport, "udp");
  EXPECT_EQ(one.listens[1].product, "");
  EXPECT_EQ(one.listens[1].version, "");
  EXPECT_EQ(recipes->back().listens[0].product, "");
  EXPECT_EQ(recipes->back().listens[0].version, "1.0");
  EXPECT_EQ(one.script, "mkdir x\n# A comment of the script.\nexec one\n\n");
}

TEST(LabRecipe, WhatIsWrongIsToldByLine) {
  const std::string head = "# server: a\n# package: a\n# program: /a\n";
  const std::string whole = head + "# listen: 1/tcp x\nexec a\n";
  EXPECT_EQ(error_of(whole), "");
  EXPECT_THAT(error_of("exec a\n"), HasSubstr("line 1: 'exec a'"));
  EXPECT_THAT(error_of("# server: A b\n"), HasSubstr("not a name"));
  EXPECT_THAT(error_of(whole + whole), HasSubstr("line 6"));
  EXPECT_THAT(error_of(head + "# server: b\n"), HasSubstr("lacks a part"));
  EXPECT_THAT(error_of(head), HasSubstr("lacks a part"));
  for (const char* const line : {"# listen: 0/tcp x", "# listen: 70000/tcp x", "# listen: 1/sctp x",
                                 "# listen: 1/tcp", "# listen: 1x/tcp y", "# frob: 1", "# package:",
                                 "# program: a", "# set: all", "# needs: /usr/bin/a"}) {
    EXPECT_THAT(error_of(head + line + "\n"), HasSubstr("line 4: '" + std::string{line} + "'"));
  }
}

TEST(LabRecipe, ListsChooseBySetAndByName) {
  const auto recipes = parse_recipes(std::string{kTwo} +
                                     "# server: three\n# package: c\n# program: /c\n"
                                     "# listen: 1/tcp x\nexec c\n");
  ASSERT_TRUE(recipes);
  const auto chosen = [&](std::string_view list) {
    return choose_recipes(*recipes, list).value_or(std::vector<std::size_t>{99});
  };
  EXPECT_THAT(chosen("all"), ElementsAre(0, 1, 2));
  EXPECT_THAT(chosen("basic"), ElementsAre(1));
  EXPECT_THAT(chosen("default"), ElementsAre(0, 1));
  EXPECT_THAT(chosen("three,one"), ElementsAre(0, 2));
  EXPECT_THAT(chosen("basic,three,two"), ElementsAre(1, 2));
  const auto unknown = choose_recipes(*recipes, "one,four");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ExitCode::Usage);
  EXPECT_THAT(unknown.error().message, HasSubstr("'four'"));
  EXPECT_FALSE(choose_recipes(*recipes, ","));
}

TEST(LabRecipe, WhatIsMissingIsNamedWithItsPackage) {
  Recipe recipe;
  recipe.program = "/bin/sh";
  EXPECT_THAT(what_is_missing(recipe), IsEmpty());
  recipe.needs = {{"/no/such/tool", "tool-package"}};
  EXPECT_THAT(what_is_missing(recipe), HasSubstr("apt-get install tool-package"));
  recipe.program = "/no/such/server";
  recipe.package = "server-package";
  EXPECT_THAT(what_is_missing(recipe), HasSubstr("apt-get install server-package"));
  recipe.unpacked = {"no-such-package"};
  EXPECT_THAT(what_is_missing(recipe), HasSubstr("no-such-package is not unpacked"));
}

TEST(LabRecipe, ThoseOfTrawlHaveTheBasicOnesFirst) {
  const auto& recipes = all_recipes();
  ASSERT_GE(recipes.size(), 60U);
  EXPECT_EQ(recipes[0].name, "nginx");
  EXPECT_EQ(recipes[1].name, "sshd");
  EXPECT_EQ(recipes[2].name, "redis-server");
  EXPECT_LE(recipes.size(), kServerNetwork.most_recipes);
  std::size_t basic = 0;
  for (const Recipe& recipe : recipes) basic += recipe.set == "basic" ? 1 : 0;
  EXPECT_EQ(basic, 3U);
  EXPECT_EQ(server_network(2).prefix, "198.18.255.0/28");
  EXPECT_EQ(server_network(recipes.size() - 1).prefix, "198.18.255.0/24");
  EXPECT_EQ(server_address(2), "198.18.255.3");
  EXPECT_EQ(server_suffix(2), "srv3");
}

// Every script sets up what its program needs and then becomes it, or stays.
TEST(LabRecipe, ScriptsEndByBecomingTheServer) {
  for (const Recipe& recipe : all_recipes()) {
    const bool becomes = recipe.script.find("exec ") != std::string::npos ||
                         recipe.script.find("become ") != std::string::npos ||
                         recipe.script.find("\nstay\n") != std::string::npos;
    EXPECT_TRUE(becomes) << recipe.name;
  }
}

}  // namespace
}  // namespace trawl::control
