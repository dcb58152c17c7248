#include "control/lab/recipe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace trawl::control {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

// What stands before `mark`; `text` keeps what follows.
std::string_view cut(std::string_view& text, std::string_view mark) {
  const std::size_t at = std::min(text.find(mark), text.size());
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(std::min(at + mark.size(), text.size()));
  return trim(head);
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string{text}};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// "22/tcp ssh | Dropbear sshd | package"
bool add_listen(Recipe& recipe, std::string_view value) {
  ListenPort port;
  std::string_view where = cut(value, " | ");
  port.product = cut(value, " | ");
  port.version = trim(value);
  const std::string_view number = cut(where, "/");
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), port.port);
  port.transport = cut(where, " ");
  port.service = trim(where);
  if (error != std::errc{} || end != number.data() + number.size() || port.port == 0) return false;
  if (port.transport != "tcp" && port.transport != "udp") return false;
  if (port.service.empty()) return false;
  recipe.listens.push_back(std::move(port));
  return true;
}

bool add_tool(Recipe& recipe, std::string_view value) {
  const auto words = words_of(value);
  if (words.size() != 2) return false;
  recipe.needs.push_back({words[0], words[1]});
  return true;
}

bool add_key(Recipe& recipe, std::string_view key, std::string_view value) {
  if (value.empty()) return false;
  if (key == "package") recipe.package = value;
  if (key == "program") recipe.program = value;
  if (key == "set") recipe.set = value;
  if (key == "unpacked") recipe.unpacked = words_of(value);
  if (key == "listen") return add_listen(recipe, value);
  if (key == "needs") return add_tool(recipe, value);
  return key == "package" || key == "unpacked" || (key == "program" && value.front() == '/') ||
         (key == "set" && (value == "basic" || value == "default"));
}

bool is_complete(const Recipe& recipe) {
  return !recipe.package.empty() && !recipe.program.empty() && !recipe.listens.empty() &&
         !recipe.script.empty();
}

bool is_name(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Failure bad_line(std::size_t number, std::string_view line, std::string_view why) {
  return fail(ExitCode::BadInput, fmt::format("recipe line {}: '{}': {}", number, line, why));
}

bool exists(const std::string& file) { return access(file.c_str(), F_OK) == 0; }

std::string unpacked_folder(const std::string& package) {
  return fmt::format("{}/{}", kUnpackedFolder, package);
}

}  // namespace

Result<std::vector<Recipe>> parse_recipes(std::string_view text) {
  constexpr std::string_view kStart = "# server:";
  std::vector<Recipe> recipes;
  std::size_t number = 0;
  bool in_head = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.starts_with(kStart)) {
      const std::string_view name = trim(line.substr(kStart.size()));
      if (!is_name(name)) return bad_line(number, line, "not a name");
      const bool is_known = std::any_of(recipes.begin(), recipes.end(),
                                        [&](const Recipe& known) { return known.name == name; });
      if (is_known) return bad_line(number, line, "there is one of this name");
      if (!recipes.empty() && !is_complete(recipes.back())) {
        return bad_line(number, line, "the recipe before it lacks a part");
      }
      recipes.emplace_back().name = name;
      in_head = true;
    } else if (recipes.empty()) {
      if (!trim(line).empty()) return bad_line(number, line, "no '# server:' before it");
    } else if (in_head && line.starts_with("# ")) {
      std::string_view value = line.substr(2);
      const std::string_view key = cut(value, ":");
      if (!add_key(recipes.back(), key, trim(value))) {
        return bad_line(number, line, "not a key with its value");
      }
    } else {
      in_head = false;
      recipes.back().script.append(line).append("\n");
    }
  }
  if (!recipes.empty() && !is_complete(recipes.back())) {
    return bad_line(number, recipes.back().name, "the recipe lacks a part");
  }
  return recipes;
}

Result<std::vector<std::size_t>> choose_recipes(const std::vector<Recipe>& recipes,
                                                std::string_view list) {
  std::vector<bool> is_chosen(recipes.size());
  const auto choose = [&](auto&& matches) {
    bool found = false;
    for (std::size_t i = 0; i < recipes.size(); ++i) {
      if (!matches(recipes[i])) continue;
      is_chosen[i] = true;
      found = true;
    }
    return found;
  };
  while (!list.empty()) {
    const std::string_view word = cut(list, ",");
    const bool found = choose([&](const Recipe& recipe) {
      // The default ones are more than the basic ones.
      return word == "all" || recipe.name == word || (!recipe.set.empty() && word == "default") ||
             (!word.empty() && recipe.set == word);
    });
    if (!found) {
      return fail(ExitCode::Usage,
                  fmt::format("--servers: there is no recipe for '{}'; 'trawl lab servers' lists "
                              "them",
                              word));
    }
  }
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (is_chosen[i]) chosen.push_back(i);
  }
  return chosen;
}

std::string what_is_missing(const Recipe& recipe) {
  for (const std::string& package : recipe.unpacked) {
    if (!exists(unpacked_folder(package))) {
      return fmt::format("package {} is not unpacked in {}", package, kUnpackedFolder);
    }
  }
  const auto is_there = [&](const std::string& program) {
    return exists(program) ||
           std::any_of(recipe.unpacked.begin(), recipe.unpacked.end(),
                       [&](const auto& p) { return exists(unpacked_folder(p) + program); });
  };
  if (!is_there(recipe.program)) {
    return fmt::format("{} is missing; install it with 'apt-get install {}'", recipe.program,
                       recipe.package);
  }
  for (const Recipe::Tool& tool : recipe.needs) {
    if (!is_there(tool.program)) {
      return fmt::format("{} is missing; install it with 'apt-get install {}'", tool.program,
                         tool.package);
    }
  }
  return {};
}

}  // namespace trawl::control
