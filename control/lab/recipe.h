#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// A port that a server opens, and what a scanner should say of it.
struct ListenPort {
  std::uint16_t port = 0;
  std::string transport;  // tcp or udp.
  std::string service;    // As Nmap names it, "ssl/" before it when wrapped in TLS.
  std::string product;    // A regular expression; empty when the server does not tell.
  std::string version;    // "package": that of the Debian package; empty: not told; else a literal.
};

// How to run one real server: where it comes from and a shell script that becomes it.
//
//   # server: dropbear
//   # package: dropbear-bin
//   # program: /usr/sbin/dropbear
//   # listen: 22/tcp ssh | Dropbear sshd | package
//   dropbearkey -t ed25519 -f key
//   exec dropbear -F -E -r key
//
// Further keys: "set: basic" or "set: default" says with which --servers it runs besides all;
// "unpacked: PACKAGE..." names packages that cannot be installed beside others of the recipes, so
// that they lie unpacked under kUnpackedFolder; "needs: PROGRAM PACKAGE" a tool of another package.
struct Recipe {
  struct Tool {
    std::string program;
    std::string package;
  };

  std::string name;
  std::string package;
  std::string program;  // Absolute path.
  std::string set;      // basic, default or empty.
  std::vector<std::string> unpacked;
  std::vector<Tool> needs;
  std::vector<ListenPort> listens;
  std::string script;
};

inline constexpr std::string_view kUnpackedFolder = "/var/cache/trawl/unpacked";

// Recipes one after the other. Fails with BadInput, naming the line, when one is not well formed
// or two have the same name.
[[nodiscard]] Result<std::vector<Recipe>> parse_recipes(std::string_view text);

// Those that trawl comes with, of control/lab/servers/, in an order that gives each its address.
[[nodiscard]] const std::vector<Recipe>& all_recipes();

// Adds the recipes of a file to them. Fails with BadInput, also when there is one of such a name.
[[nodiscard]] Result<void> add_recipes(const std::string& file);

// The shell functions that every script may use and what it finds set up when it starts.
[[nodiscard]] std::string_view recipe_prelude();

// The recipes that LIST names: "basic", "default", "all" or names with commas between. Indices
// into `recipes`, in their order. Fails with Usage for a name that is not there.
[[nodiscard]] Result<std::vector<std::size_t>> choose_recipes(const std::vector<Recipe>& recipes,
                                                              std::string_view list);

// The first of what the recipe needs that is not on this machine, told as advice; empty when
// everything is there.
[[nodiscard]] std::string what_is_missing(const Recipe& recipe);

}  // namespace trawl::control
