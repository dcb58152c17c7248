#include "control/lab/server_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

#include "control/lab/layout.h"
#include "control/lab/process.h"
#include "control/lab/recipe.h"

namespace trawl::control {
namespace {

std::string quote(std::string_view text) {
  std::string quoted{'"'};
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ') {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Versions of all packages on this machine, and of those that only lie unpacked.
Result<std::map<std::string, std::string>> package_versions() {
  const auto query = find_tool("dpkg-query", "dpkg");
  if (!query) return tl::unexpected{query.error()};
  const auto told = run({*query, "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n"});
  if (!told) return tl::unexpected{told.error()};
  std::map<std::string, std::string> versions;
  std::istringstream lines{*told};
  for (std::string package, status, version; lines >> package >> status;) {
    std::getline(lines >> std::ws, version);
    if (status == "installed") versions[package] = version;
  }
  for (const Recipe& recipe : all_recipes()) {
    for (const std::string& package : recipe.unpacked) {
      std::istringstream text{text_of(fmt::format("{}/{}.version", kUnpackedFolder, package))};
      if (text >> versions[package]) continue;
      versions.erase(package);
    }
  }
  return versions;
}

std::string ports_of(const Recipe& recipe) {
  std::string text;
  for (const ListenPort& listen : recipe.listens) {
    text += fmt::format("{}{}/{}", text.empty() ? "" : ",", listen.port, listen.transport);
  }
  return text;
}

void print_json(const Recipe& recipe, std::size_t index, const std::string& version,
                const std::string& missing) {
  std::string listens;
  for (const ListenPort& listen : recipe.listens) {
    listens +=
        fmt::format(R"({}{{"port":{},"transport":{},"service":{},"product":{},"version":{}}})",
                    listens.empty() ? "" : ",", listen.port, quote(listen.transport),
                    quote(listen.service), quote(listen.product), quote(listen.version));
  }
  fmt::print(
      R"({{"name":{},"package":{},"version":{},"set":{},"address":{},"namespace":{},"missing":{},)"
      R"("listens":[{}]}})"
      "\n",
      quote(recipe.name), quote(recipe.package), version.empty() ? "null" : quote(version),
      quote(recipe.set), quote(server_address(index)), quote(server_suffix(index)),
      missing.empty() ? "null" : quote(missing), listens);
}

void print_row(const Recipe& recipe, std::size_t index, const std::string& version,
               const std::string& missing) {
  fmt::print("{:<17} {:<15} {:<8} {:<34} {}\n", recipe.name, server_address(index), recipe.set,
             missing.empty() ? fmt::format("{} {}", recipe.package, version) : missing,
             ports_of(recipe));
}

}  // namespace

Result<void> print_servers(ListFormat format) {
  auto versions = package_versions();
  if (!versions) return tl::unexpected{versions.error()};
  const std::vector<Recipe>& recipes = all_recipes();
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    const auto found = versions->find(recipes[i].package);
    const std::string version = found == versions->end() ? "" : found->second;
    (format == ListFormat::Table ? print_row : print_json)(recipes[i], i, version,
                                                           what_is_missing(recipes[i]));
  }
  return {};
}

}  // namespace trawl::control
